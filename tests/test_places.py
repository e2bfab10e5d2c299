"""Wherever it all lies: the real command and the real sandbox, with everything in another place each time.

A row of the table below puts the environment, the Python it is made from, the clone, the data, the notebooks and TMPDIR
into places of their own, so that ten rows try each of them in each place. `pytest -s` prints the table.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from kit import ROOT
from packaging.requirements import Requirement

from autograder.errors import BrokenPlace
from autograder.grading.answered import answered
from autograder.grading.run import NotebookRun
from autograder.sandbox import bubblewrap, client, places
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
TEMPLATES = "share/jupyter/nbconvert/templates"
ODD = "ä ö 漢 'single' \"double\" #hash ?what %20 \\back"
PLACES: dict[str, str] = {
    "/tmp": "/tmp",
    "/dev/shm, a separate mount": "/dev/shm",
    "/run": "/run",
    "/var/tmp": "/var/tmp",
    "/opt": "/opt",
    "/srv": "/srv",
    "a home": str(Path.home()),
    "behind a link": "/var/tmp",
    "an odd name": "/var/tmp",
    "an odd name in /tmp": "/tmp",
}
WHAT = ("environment", "Python", "clone", "data", "notebook", "TMPDIR")


# -- the table ------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One trial: how the kit was installed, and what lies where."""

    way: str
    where: dict[str, str]
    command: tuple[str, ...] = ("check",)
    exercise: str = "02-one-hot-encoding"

    def __str__(self) -> str:
        return f"{self.way}: " + ", ".join(f"{what} {place}" for what, place in self.where.items())


def rows() -> Iterator[Row]:
    """Every thing in every place once, and every way to install at least once."""
    names = list(PLACES)
    ways = ["venv", "wheel", "user", "system-site-packages", "uv tool", "conda", "conda by a link", "pth", "target"]
    ways += ["editable"]
    for number, way in enumerate(ways):
        where = {what: names[(number + 3 * i) % len(names)] for i, what in enumerate(WHAT)}
        grade = number in (0, 3, 6, 8) and "odd" not in where["notebook"]
        yield Row(way, where, ("grade",) if grade else ("check",), "03-dense-networks" if number == 1 else Row.exercise)


@dataclass
class World:
    """A base Python and site-packages that can be moved about, made of hard links."""

    folder: Path
    site: Path
    base: Path
    added: list[Path] = field(default_factory=list)  # to what is moved
    _made: list[Path] = field(default_factory=list)
    undo: list[tuple[Path, Path]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def at(self, place: str) -> Path:
        """A new folder in that place."""
        parent = Path(PLACES[place])
        folder = parent / f"autograder-test-{os.getpid()}-{next(self._numbers)}"
        if "odd" in place:
            folder = folder.with_name(f"{folder.name} {ODD}")
        folder.mkdir(mode=0o755)
        self._made.append(folder)
        if place == "behind a link":
            link = Path("/tmp") / folder.name
            link.symlink_to(folder)
            self._made.append(link)
            return link
        return folder

    def move(self, what: Path, target: Path) -> bool:
        """Move it there, if that is on the same disk; it goes back afterwards."""
        try:
            what.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        self.undo.append((target, what))
        return True

    def put_site(self, target: Path, prefix: Path) -> None:
        """site-packages at `target`; on another disk only a few of the packages, and the way to the others.

        What packages bring along for other folders goes below `prefix`, as pip does it.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self.move(self.site, target):
            target.mkdir()
            for name in ("h5py", "h5py.libs", "comm", "tornado", "matplotlib"):
                shutil.copytree(self.site / name, target / name, symlinks=True)
            (target / "others.pth").write_text(f"{self.site}\n", "utf-8")
        shutil.copytree(Path(sys.prefix) / TEMPLATES, prefix / TEMPLATES, dirs_exist_ok=True)
        if prefix == target:
            self.added.append(prefix / "share")

    def put_base(self, target: Path) -> Path:
        """The base Python at `target`; returns its executable."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self.move(self.base, target):
            shutil.copytree(self.base, target, symlinks=True)
        return target / "bin" / _python_name()

    def tidy(self) -> None:
        """Everything back where it was."""
        for one in reversed(self.added):
            _remove(one)
        for target, what in reversed(self.undo):
            target.rename(what)
        for one in reversed(self._made):
            _remove(one)
        for known in (self.added, self.undo, self._made):
            known.clear()


def _remove(one: Path) -> None:
    if one.is_symlink() or one.is_file():
        one.unlink()
    elif one.is_dir():
        shutil.rmtree(one)


def _python_name() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _of_a_teacher() -> list[str]:
    """What lies in site-packages after an installation of the kit for those who grade."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    todo = [Requirement(line) for line in (*project["dependencies"], *extras["cpu"], *extras["grade"])]
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    while todo:
        wanted = todo.pop()
        try:
            package = importlib.metadata.distribution(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            continue  # it is for other systems
        names |= {file.parts[0] for file in package.files or []}
        for extra in {"", *wanted.extras}:
            if (wanted.name, extra) not in seen:
                seen.add((wanted.name, extra))
                needed = map(Requirement, package.requires or [])
                todo += [one for one in needed if not one.marker or one.marker.evaluate({"extra": extra})]
    return sorted(names - {"..", "__pycache__"})


def _put(source: Path, names: Iterable[str], target: Path) -> None:
    """Put these of a folder into another: by hard links, or as copies where files are another user's or far away."""
    target.mkdir(parents=True, exist_ok=True)
    paths = [source / name for name in names if os.path.lexists(source / name)]
    probe = next(path for path in paths if path.is_file())
    try:
        os.link(probe, target / ".probe")
    except OSError:
        way = ["-a", "--reflink=auto"]
    else:
        (target / ".probe").unlink()
        way = ["-al"]
    subprocess.run(["cp", *way, "--", *paths, target], check=True)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="autograder-test-places-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        site, base = folder / "site-packages", folder / "base"
        _put(Path(sysconfig.get_paths()["purelib"]), _of_a_teacher(), site)
        library = Path(sysconfig.get_paths()["stdlib"])
        big = {"test", "tests", "idlelib", "ensurepip", "site-packages", "dist-packages", "lib2to3"}
        names = {name for name in os.listdir(library) if not name.startswith("config-")} - big
        _put(library, sorted(names), base / LIBRARY)
        for shared in library.parent.glob("libpython*.so*"):  # a Python may look for it beside itself
            shutil.copy2(shared, base / "lib", follow_symlinks=False)
        (base / "bin").mkdir()
        shutil.copy2(os.path.realpath(sys.executable), base / "bin" / _python_name())
        yield World(folder, site, base)
    finally:
        shutil.rmtree(folder)


@dataclass
class Installed:
    """A Python with the kit, and what its environment needs to have set."""

    python: Path
    environment: dict[str, str] = field(default_factory=dict)


def install(world: World, row: Row) -> Installed:
    """Put everything in its place."""
    where = {what: world.at(place) for what, place in row.where.items() if what in ("environment", "Python", "clone")}
    prefix, base_at = where["environment"] / "env", where["Python"] / "python"
    settings: dict[str, str] = {}
    if row.way.startswith("conda"):
        python = world.put_base(prefix)
        site = _packages_of(python)
        world.put_site(site, prefix)
        if "link" in row.way:
            link = where["Python"] / "python3"
            link.symlink_to(python)
            python = link
    elif row.way == "user":
        python = world.put_base(base_at)
        settings["HOME"] = str(where["environment"])
        site = where["environment"] / ".local" / LIBRARY / "site-packages"
        world.put_site(site, where["environment"] / ".local")
    elif row.way == "system-site-packages":
        base = world.put_base(base_at)
        site = base_at / LIBRARY / "site-packages"
        world.put_site(site, base_at)
        python = _environment(prefix, base, system=True)
    elif row.way == "uv tool":
        real = base_at / "share/uv/python/cpython-3.x.y"
        world.put_base(real)
        minor = real.with_name("cpython-3.x")
        minor.symlink_to(real.name)
        short = base_at / "bin" / _python_name()
        short.parent.mkdir()
        short.symlink_to(minor / "bin" / _python_name())
        python = _environment(prefix, short, home=minor / "bin")  # as uv says it; by a link, 3.13 finds no library
        site = prefix / LIBRARY / "site-packages"
        site.rmdir()
        world.put_site(site, prefix)
    elif row.way == "target":  # pip install --target
        python = world.put_base(base_at)
        site = where["environment"] / "packages"
        world.put_site(site, site)
        settings["PYTHONPATH"] = str(site)
    else:
        python = _environment(prefix, world.put_base(base_at))
        site = prefix / LIBRARY / "site-packages"
        if row.way == "pth":
            elsewhere = where["Python"] / "more" / LIBRARY / "site-packages"
            world.put_site(elsewhere, where["Python"] / "more")
            (site / "more.pth").write_text(f"{elsewhere}\n", "utf-8")
        else:
            site.rmdir()
            world.put_site(site, prefix)
        if row.way == "editable":  # somebody works on Keras
            work = where["Python"] / "work"
            work.mkdir()
            shutil.copytree(site / "keras", work / "keras")
            (site / "keras").rename(site / "keras-not-here")
            world.undo.append((site / "keras-not-here", site / "keras"))
            world.added.append(site / "keras.pth")
            world.added[-1].write_text(f"{work}\n", "utf-8")
    if row.way in ("wheel", "uv tool", "user", "target"):
        _wheel(site)
        world.added.append(site / "autograder")
    else:
        clone = where["clone"] / "clone"
        _clone(clone)
        world.added.append(site / "_autograder.pth")
        world.added[-1].write_text(f"{clone}\n", "utf-8")
    return Installed(python, settings)


def _packages_of(python: Path) -> Path:
    """Where this Python looks for packages. (Debian's calls the folder dist-packages.)"""
    command = [str(python), "-X", "utf8", "-c", "import site; print(site.getsitepackages()[-1])"]
    return Path(subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.rstrip("\n"))


def _environment(prefix: Path, base: Path, system: bool = False, home: Path | None = None) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / LIBRARY / "site-packages").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(base)
    text = f"home = {home or base.parent}\ninclude-system-site-packages = {str(system).lower()}\n"
    (prefix / "pyvenv.cfg").write_text(text, "utf-8")
    return prefix / "bin" / "python"


def _clone(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("autograder", "exercises", "solutions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").mkdir()
    shutil.copytree(ROOT / "data" / "held_out", folder / "data" / "held_out")


def _wheel(site: Path) -> None:
    shutil.copytree(ROOT / "autograder", site / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "exercises", site / "autograder" / "_exercises")


def run(world: World, row: Row) -> str:
    """What came of the row, as text: "ok", or what went wrong."""
    where = {what: world.at(row.where[what]) for what in ("data", "notebook", "TMPDIR")}
    installed = install(world, row)
    for name in ("fashion.npz", "mnist.npz"):
        shutil.copy2(ROOT / "data" / name, where["data"] / name)
    raw = nbformat.writes(answered(row.exercise, {}))
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "TMPDIR": str(where["TMPDIR"])}
    if "LD_LIBRARY_PATH" in os.environ:  # without which the present Python may not start
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    environment |= {"AUTOGRADER_DATA": str(where["data"]), "PYTHONDONTWRITEBYTECODE": "1", **installed.environment}
    command = [str(installed.python), "-m", "autograder", *row.command]
    if row.command[0] == "check":
        notebook = where["notebook"] / f"{row.exercise}.ipynb"
        notebook.write_text(raw, "utf-8")
        command += [str(notebook)]
    else:
        handed_in = where["notebook"] / "course" / "submitted" / "ada" / row.exercise
        handed_in.mkdir(parents=True)
        (handed_in / f"{row.exercise}.ipynb").write_text(raw, "utf-8")
        shutil.copytree(ROOT / "solutions" / row.exercise, handed_in.parents[2] / "source" / row.exercise)
        command += [row.exercise, "--course", str(where["notebook"] / "course"), "--workers", "1"]
    command += ["--sandbox", "require", "--json", "-"]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return f"ended with {done.returncode}: {done.stderr.strip()[-600:]}"
    answer = json.loads(done.stdout)
    one = answer["submissions"][0] if "submissions" in answer else answer
    if one["status"] == "graded" and one["score"] == one["max_score"] > 0:
        return "ok"
    flaws = [f"{c['name']}: {c['message']}" for c in one["checks"] if c["points"] < c["max_points"]]
    return f"{one['status']}, {one['score']} of {one['max_score']}: {one.get('message')} {flaws}"


ROWS = list(rows())


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("row", ROWS, ids=[f"{number}-{row.way}" for number, row in enumerate(ROWS)])
def test_everything_anywhere(row: Row, world: World) -> None:
    for what, place in row.where.items():
        if not os.access(PLACES[place], os.W_OK):
            row.where[what] = "/var/tmp"  # an ordinary user's places are fewer; the row still says what was tried
    try:
        came = run(world, row)
    finally:
        world.tidy()
    print(f"\n{row.command[0]} {row}: {came}")
    assert came == "ok"


# -- the parts ------------------------------------------------------------------------------------------------------

LOOK = """
import os, sys
def of_python(path):  # the environment of these tests may lie there, too
    return any((path + "/").startswith(p + "/") or p.startswith(path + "/") for p in (sys.prefix, sys.base_prefix))
for folder in ("/tmp", "/dev/shm"):
    shown = [os.path.join(at, name) for at, folders, files in os.walk(folder) for name in folders + files]
    shown = [one for one in shown if "/.ipython" not in one and one != "/tmp/.connection.json"]
    print(*sorted(one for one in shown if not of_python(one)), sep="\\n")
    open(folder + "/mine", "w").write("mine")
for path in FILES:
    print(open(path).read())
    for bad in (lambda: open(path, "a"), lambda: os.remove(path), lambda: os.rmdir(os.path.dirname(path))):
        try:
            bad(); print("CHANGED", path)
        except OSError: pass
"""


@pytest.mark.sandbox
def test_of_the_scratch_folders_what_is_needed_is_seen_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        tmp, shm = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autograder-test-", dir=folder)))
            for folder in ("/tmp", "/dev/shm")
        )
        for folder in (tmp, shm):
            folder.chmod(0o755)
            (folder / "needed").mkdir()
            (folder / "needed" / "file").write_text("needed")
            (folder / "not needed").write_text("not needed")
        (tmp / "link").symlink_to(shm / "needed")
        real = places.needed_by_python
        extra = [str(tmp / "needed"), str(tmp / "link" / "file")]
        monkeypatch.setattr(places, "needed_by_python", lambda: [*real(), *extra])
        files = [str(tmp / "needed" / "file"), str(tmp / "link" / "file")]
        with ForkServer(Sandbox.BUBBLEWRAP) as server:
            for _ in range(2):  # and what one of them wrote is not there for the next
                cell = nbformat.v4.new_code_cell(LOOK.replace("FILES", repr(files)))
                notebook = nbformat.v4.new_notebook(cells=[cell])
                with NotebookRun(notebook, server, Limits()) as ran:
                    ran.run_rest()
                said = "".join(o.get("text") or str(o.get("evalue")) for o in cell.outputs).split("\n")
                expected = [tmp, tmp / "link", tmp / "needed", files[0], shm, shm / "needed", shm / "needed" / "file"]
                assert said == [*map(str, expected), "needed", "needed", ""]


def test_each_link_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "bin").mkdir(parents=True)
    (tmp_path / "real" / "bin" / "python3.x").touch()
    (tmp_path / "real" / "bin" / "python").symlink_to("python3.x")
    (tmp_path / "minor").symlink_to("real")
    (tmp_path / "python").symlink_to("./minor/../minor/bin/python")
    at = str(tmp_path)
    links, place = places.follow(f"{at}/python")
    assert place == f"{at}/real/bin/python3.x"
    assert list(links) == [f"{at}/python", f"{at}/minor", f"{at}/real/bin/python"]
    plan = places.plan([f"{at}/python", f"{at}/real/bin", f"{at}/nothing", "/proc/self", "relative"])
    assert plan.binds == ((f"{at}/real/bin", f"{at}/real/bin"),)
    assert dict(map(reversed, plan.links)) == {f"{at}/python": "./minor/../minor/bin/python", f"{at}/minor": "real"}
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="circle"):
        places.follow(f"{at}/one")


def test_a_folder_that_holds_more_than_packages_is_not_shown_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone that somebody works on, or the present folder: only what is imported of it."""
    for name in ("optree", "solutions"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    target = tmp_path / "target"
    (target / "some-1.0.dist-info").mkdir(parents=True)
    monkeypatch.delitem(sys.modules, "optree", raising=False)  # another test may have imported the real one
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(target), *sys.path[1:]])
    places._packages_elsewhere.cache_clear()
    try:
        needed = places.needed_by_python()
    finally:
        places._packages_elsewhere.cache_clear()
    assert str(tmp_path / "optree") in needed
    assert str(target) in needed
    assert not {str(tmp_path), str(tmp_path / "solutions")} & {*needed}
    shown = places.plan(needed)
    assert not shown.shows(str(tmp_path / "solutions"))
    assert not shown.shows(str(ROOT / "solutions"))
    assert not shown.shows(str(ROOT / "data" / "held_out"))
    assert [str(tmp_path), str(target)] == [e for e in places.entries(shown) if e.startswith(str(tmp_path))]


def test_packages_that_are_links_are_seen_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `uv pip install --link-mode=symlink`, file by file, or with links to whole packages."""
    site, cache, other = tmp_path / "site-packages", tmp_path / "cache", tmp_path / "other"
    for folder in (cache / "h1" / "one" / "deep", cache / "h2" / "spread" / "two", other / "whole", other / "course"):
        folder.mkdir(parents=True)
    for file in ("h1/one/__init__.py", "h1/one/deep/code.py", "h2/spread/two/__init__.py", "h1/single.py"):
        (cache / file).touch()
        link = site / file.partition("/")[2]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(cache / file)
    (other / "whole" / "__init__.py").touch()
    for name in ("whole", "course"):
        (site / name).symlink_to(other / name)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    shown = places.plan(places.needed_by_python())
    for seen in (cache / "h1/one/deep/code.py", cache / "h1/single.py", cache / "h2/spread/two", other / "whole", site):
        assert shown.shows(str(seen))
    for hidden in (other / "course", cache / "h2" / "spread" / "more", other, cache):
        assert not shown.shows(str(hidden))


def test_the_trusted_half_is_hidden_wherever_the_package_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("grading", "checks", "learner"):
        (tmp_path / "site-packages" / "autograder" / part).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site-packages")])
    options = bubblewrap._kit(places.plan(places.package_folders()), tmp_path)
    hidden = [path for option, path in itertools.pairwise(options) if option == "--tmpfs"]
    copy = tmp_path / "site-packages" / "autograder"
    assert {f"{bubblewrap.KIT}/autograder/{part}" for part in bubblewrap._TRUSTED} <= {*hidden}
    assert {path for path in hidden if path.startswith(str(tmp_path))} == {f"{copy}/grading", f"{copy}/checks"}


@pytest.mark.sandbox
def test_a_python_that_cannot_be_run_inside_is_named_and_bubblewrap_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(link))
    monkeypatch.setattr(places, "needed_by_python", list)
    verdict = bubblewrap.try_bubblewrap.__wrapped__()
    assert not verdict.works
    assert verdict.broken_place
    assert f"({link} -> " in verdict.reason
    assert "No such file" in verdict.reason
    assert "apt-get" not in verdict.reason
    for wanted in ("auto", "require"):
        with pytest.raises(BrokenPlace, match="cannot be run in it"):
            bubblewrap.choose(wanted, verdict)
    assert bubblewrap.choose("off", verdict) is Sandbox.LIMITS_ONLY


def test_a_long_name_of_the_folder_for_temporary_files_is_no_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("n" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = client.new_folder()
    folder.rmdir()
    assert folder.parent != long
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BrokenPlace, match=r"/var/tmp: No space left on device.*Set TMPDIR"):
        client.new_folder()
