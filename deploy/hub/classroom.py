"""A class on this machine: its Unix users, its folders with their rights, and what lies in them.

STATE/class.json          what jupyterhub_config.py reads
STATE/passwords.json      0600: demonstration passwords
STATE/hub/                0700: the Hub's own database, secrets and log
STATE/home/NAME/          0700 each: the learners' and the instructors'
STATE/courses/COURSE/     0700, the course account's: sources with solutions, held-out images, gradebook
STATE/exchange/           nbgrader's exchange; see `_lay_out_exchange` for who may do what
STATE/material/           a git repository with the lessons and the learners' bundle, for the launch links
STATE/roles/ROLE/         Jupyter's settings: learner, instructor, course
STATE/run/NAME/           0700 each: kernels' sockets
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_COPIED = ".copied.json"  # in the course's source/: the digest of each copy of the kit's as it was made
_MARK = "autograder demonstration"  # in the comment field of the users that we made, and may therefore delete


class CannotSetUp(RuntimeError):
    """The class cannot be set up here; one line says why and what to do."""


@dataclass(frozen=True)
class Class:
    """Who and what a class is made of. The course's name is also that of its Hub service, as nbgrader wants."""

    state: Path
    venv: Path
    course: str = "keras"
    learners: tuple[str, ...] = ("learner1", "learner2")
    instructors: tuple[str, ...] = ("instructor",)
    exercises: tuple[str, ...] = ()  # all of the kit's, unless some are named
    watch: bool = False  # what is handed in is graded as it comes, and learners see their results at once

    @property
    def account(self) -> str:
        """The Unix user that owns the course; nobody logs in as it."""
        return f"course-{self.course}"

    @property
    def course_folder(self) -> Path:
        return self.state / "courses" / self.course

    @property
    def exchange(self) -> Path:
        return self.state / "exchange"

    @property
    def users(self) -> tuple[str, ...]:
        return (*self.learners, *self.instructors)

    def home(self, user: str) -> Path:
        return self.state / "home" / user


def set_up(group: Class, ports: dict[str, int], proxy: list[str], address: str = "127.0.0.1") -> Path:
    """Make everything; return the file for `jupyterhub_config.py`. Existing work is kept.

    Raises:
        CannotSetUp: not root, or one of the users exists and is not ours.
    """
    if os.getuid() != 0:
        raise CannotSetUp("Separate Unix users need root: run it with sudo, or in a container. Nothing was changed.")
    for user in (*group.users, group.account):
        if _exists(user) and _MARK not in pwd.getpwnam(user).pw_gecos:
            raise CannotSetUp(f"There is a user '{user}' on this machine already. Choose other names.")
    close_clone()
    os.umask(0o022)
    group.state.mkdir(parents=True, exist_ok=True)
    for name in ("home", "courses", "roles", "run"):
        (group.state / name).mkdir(exist_ok=True)
    _folder(group.state / "hub", "root", 0o700)
    print(f"Making the users and folders of the class in {group.state} ...", flush=True)
    for user in group.users:
        _make_user(user, group.home(user))
    _make_user(group.account, group.state / "home" / group.account)
    for user in (*group.users, group.account):
        _folder(group.state / "run" / user, user, 0o700)
    _lay_out_material(group)
    _lay_out_exchange(group)
    _lay_out_course(group)
    _write_roles(group)
    _make_passwords(group)
    described = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(group).items()}
    described |= {"account": group.account, "course_folder": str(group.course_folder)}
    described |= {"address": address, "ports": ports, "proxy": proxy}
    (group.state / "class.json").write_text(json.dumps(described, indent=1) + "\n")
    print("Releasing the exercises to the learners; new ones take some seconds each ...", flush=True)
    prepare_course(group)
    return group.state / "class.json"


def _make_passwords(group: Class) -> None:
    """Once; everybody's stays what it is."""
    passwords = group.state / "passwords.json"
    if not passwords.is_file() or not passwords.stat().st_size:  # empty: left by a start on a full disk
        made = {user: secrets.token_urlsafe(9) for user in group.users}
        _put(passwords, json.dumps(made, indent=1) + "\n", pwd.getpwuid(os.getuid()).pw_name)


def close_clone() -> None:
    """Keep learners of this machine out of the clone, where the solutions are, in files and in git's history."""
    mode = stat.S_IMODE(ROOT.stat().st_mode)
    if mode & 0o077:
        print(f"Closing {ROOT} to other users of this machine (chmod go-rwx): the solutions are in it.", flush=True)
        ROOT.chmod(mode & ~0o077)


def take_down(group: Class) -> None:
    """Delete the users that we made, and all their files."""
    for user in (*group.users, group.account):
        if _exists(user) and _MARK in pwd.getpwnam(user).pw_gecos:
            subprocess.run(["pkill", "-KILL", "-u", user], check=False)
            subprocess.run(["userdel", user], check=False, capture_output=True)
    shutil.rmtree(group.state, ignore_errors=True)


def as_user(group: Class, user: str, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command as one of the class's users, in its home."""
    entry = pwd.getpwnam(user)
    folder = group.course_folder if user == group.account else group.home(user)
    environment = {
        "HOME": entry.pw_dir,
        "USER": user,
        "LANG": "C.UTF-8",
        "PATH": f"{group.venv / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if user == group.account:
        environment["AUTOGRADER_HELD_OUT"] = str(group.course_folder / "held_out")
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command,
        **(
            {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": folder, "env": environment}
            | {"text": True, "capture_output": True, "check": False}
            | options
        ),
    )


def prepare_course(group: Class) -> None:
    """Release every exercise into the exchange, as the course's account. Of those that cannot be, it says why.

    Raises:
        CannotSetUp: nothing could be done.
    """
    command = [str(group.venv / "bin" / "python"), "-m", "autograder.jupyter.prepare", str(group.course_folder)]
    done = as_user(group, group.account, [*command, *group.learners])
    if done.returncode == 2:
        print("Learners get no new version of these exercises, and keep the one they have:", flush=True)
        print(done.stderr.strip(), flush=True)
    elif done.returncode:
        raise CannotSetUp("The exercises could not be released: " + (done.stderr.strip() or done.stdout.strip()))


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _make_user(user: str, home: Path) -> None:
    if not _exists(user):
        command = ["useradd", "--user-group", "--no-create-home", "--home-dir", str(home), "--shell", "/bin/bash"]
        done = subprocess.run([*command, "--comment", _MARK, user], capture_output=True, text=True)
        if done.returncode:
            raise CannotSetUp(f"The user '{user}' cannot be made: {done.stderr.strip()}")
    _folder(home, user, 0o700)


def _folder(path: Path, owner: str, mode: int) -> None:
    """Make a folder with this owner and mode. Links are refused: their owner would choose what root hands over."""
    path.mkdir(exist_ok=True)
    _hand_over(path, owner, mode)


def _give(path: Path, owner: str) -> None:
    """Hand something that we just made, and all in it, to a user; closed to everybody else."""
    for part in (*path.rglob("*"), path):
        _hand_over(part, owner, 0o700 if part.is_dir() else 0o600)


def _put(path: Path, text: str, owner: str) -> None:
    """Write a file, whole or not at all, for its owner alone. A link in its place is replaced, never written through:
    whoever owns the folder would choose which file root overwrites."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchown(file.fileno(), pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _hand_over(path: Path, owner: str, mode: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchmod(descriptor, mode)
        os.fchown(descriptor, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
    finally:
        os.close(descriptor)


def _lay_out_exchange(group: Class) -> None:
    """Everybody may enter; nobody may list what was handed in, or touch what is not theirs.

    nbgrader insists on a root that everybody may write to. The sticky bits are ours: without them a learner may
    rename or delete a neighbour's folder whose name they know.
    """
    _folder(group.exchange, "root", 0o1777)
    _lay_out_exchange_of_course(group)


def _lay_out_exchange_of_course(group: Class) -> None:
    course = group.exchange / group.course
    _folder(course, group.account, 0o755)
    _folder(course / "outbound", group.account, 0o755)
    _folder(course / "inbound", group.account, 0o1733)
    _folder(course / "feedback", group.account, 0o711)


def _bring_up_to_date(copies: list[tuple[Path, Path]], note: Path, owner: str) -> None:
    """Copy what is not there yet, and what the kit has changed since and nobody here; what somebody changed stays.

    Args:
        copies: each original, a file or a folder, and where its copy belongs.
        note: holds the digest of each copy when it was made.
    """
    known = _noted(note)
    for _, copy in copies:  # an earlier kit noted the digest of all held-out images together
        together = None if copy.name in known else known.get(copy.parent.name)
        # Only then is the folder read: that of the settings is the whole course, with all that was handed in.
        if together and copy.exists() and together == _digest(copy.parent):
            known[copy.name] = _digest(copy)
    for original, copy in copies:
        newest, here = _digest(original), _digest(copy) if copy.exists() else ""
        if here and here == known.get(copy.name) and here != newest:
            earlier = _put_aside(copy, note.parent.parent)
            print(
                f"{copy.name}: the kit has a newer version, which takes the place of the course's copy. That is now"
                f" {earlier}.",
                flush=True,
            )
        elif here and here != newest and copy.name not in known and _is_begun(copy, original):
            _remove(copy)
            print(f"{copy.name}: only part of it had been copied, so it is copied again.", flush=True)
        elif here and here != newest:
            print(
                f"{copy.name}: the course's copy is not what the kit has now and may have been changed here, so it"
                f" stays. To get the kit's, move {copy} away and start again.",
                flush=True,
            )
        if not copy.exists():
            copy.unlink(missing_ok=True)  # a link that leads nowhere
            _copy(original, copy, owner)
            here = newest
        if here == newest:
            known[copy.name] = newest
    _put(note, json.dumps(known, indent=1) + "\n", owner)


def _noted(note: Path) -> dict[str, str]:
    """The digest of each copy when it was made, by its name."""
    try:
        return dict(json.loads(note.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _copy(original: Path, copy: Path, owner: str) -> None:
    """Copy a file or a folder for its owner alone; the copy appears whole or not at all."""
    beside = copy.with_name(f".{copy.name}.new")
    _remove(beside)  # left by a start that was interrupted
    if original.is_dir():
        shutil.copytree(original, beside, ignore=shutil.ignore_patterns(".*"))
    else:
        with original.open("rb") as source, beside.open("xb") as target:
            shutil.copyfileobj(source, target)
    _give(beside, owner)
    beside.rename(copy)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_begun(copy: Path, original: Path) -> bool:
    """Whether a copy was interrupted: some files are missing or cut short, and none differs in any other way."""
    parts, whole = _files(copy), _files(original)
    return all(name in whole and whole[name].read_bytes().startswith(parts[name].read_bytes()) for name in parts)


def _put_aside(path: Path, folder: Path) -> Path:
    """Move something into a folder, beside what was moved there before, and return where it is now."""
    earlier = _free(folder / f"earlier-{path.name}")
    path.rename(earlier)
    return earlier


def _free(path: Path) -> Path:
    """This path, or with a number the first one where nothing is yet."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not os.path.lexists(one))


def _digest(path: Path) -> str:
    """The digest of a file, or of all files in a folder except hidden ones."""
    digest = hashlib.sha256()
    for name, file in sorted(_files(path).items()):
        digest.update(hashlib.sha256(name.as_posix().encode()).digest() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> dict[Path, Path]:
    """A file, or all files in a folder except hidden ones, by their names in it."""
    found = {file.relative_to(path): file for file in (path.rglob("*") if path.is_dir() else [path])}
    return {n: f for n, f in found.items() if f.is_file() and not any(part.startswith(".") for part in n.parts)}


def _lay_out_course(group: Class) -> None:
    folder, source, held_out = (group.course_folder / name for name in ("", "source", "held_out"))
    for path in (folder, source, held_out):
        _folder(path, group.account, 0o700)
    exercises = group.exercises or tuple(sorted(f.parent.name for f in (ROOT / "solutions").glob("*/*.ipynb")))
    copies = [(ROOT / "solutions" / name, source / name) for name in exercises]
    # One by one, because a teacher may add some, or replace the kit's with private ones.
    copies += [(path, held_out / path.name) for path in sorted((ROOT / "data" / "held_out").glob("*.npz"))]
    config, note = folder / "nbgrader_config.py", source / _COPIED
    if config.is_symlink():
        print(f"{config.name} was a link. The course now has its own file there; the link is now", end=" ", flush=True)
        print(f"{_put_aside(config, folder)}.", flush=True)
    with tempfile.TemporaryDirectory() as made:
        newest = Path(made) / config.name
        text = (HERE / "nbgrader_config_course.py").read_text("utf-8")
        text = _filled(text, course=group.course, root=folder, exchange=group.exchange)
        newest.write_text(text, "utf-8")
        unknown = config.is_file() and config.name not in _noted(note)
        if unknown and _is_earlier(config.read_text("utf-8", "replace"), text):
            _put(config, text, group.account)
        _bring_up_to_date([*copies, (newest, config)], note, group.account)
    if not os.path.lexists(folder / "submitted"):  # `autograder watch` starts in no course without it
        _folder(folder / "submitted", group.account, 0o700)
    if group.watch and not (folder / "autograder.json").exists():
        _put(folder / "autograder.json", '{"results_at_once": true}\n', group.account)


def _is_earlier(settings: str, newest: str) -> bool:
    """Whether these settings are an earlier kit's, which kept no note of them. Later ones only add lines at the end,
    and what `set-up.sh` filled in had other quotes."""
    return newest.replace("'", '"').startswith(settings.replace("'", '"'))


def _filled(text: str, **names: object) -> str:
    """A configuration with these in their places, as Python writes them: no name can break out of its quotes."""
    return re.sub(r'"\{(\w+)\}"', lambda place: ascii(str(names[place[1]])), text)


def _commit(repository: Path) -> None:
    """Commit all that lies there, in a repository that is made if need be."""
    identity = ["-c", "user.name=course", "-c", "user.email=course@localhost", "-c", "init.defaultBranch=main"]
    commands = [["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", "Material"]]
    for left in (repository / ".git").rglob("*.lock"):  # by a start that was ended while git wrote
        left.unlink()
    for command in commands:
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)


def _lay_out_material(group: Class) -> None:
    """What the launch links bring: lessons as notebooks, and the learners' bundle unpacked.

    Its history goes on: a learner's copy, and what they wrote into it, is merged with what is new.
    """
    import zipfile

    import lesson_notebooks
    from learner_bundle import make

    repository = group.state / "material"
    repository.mkdir(exist_ok=True)
    for old in repository.iterdir():
        if old.name != ".git":
            shutil.rmtree(old)
    with zipfile.ZipFile(make(ROOT / "dist")) as bundle:
        for name in bundle.namelist():
            if "/exercises/" in name or "/data/" in name:
                target = repository / name.removeprefix("learner-bundle/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(bundle.read(name))
    lesson_notebooks.write(repository / "notebooks")
    _commit(repository)
    # git refuses another user's repository unless told that it is meant.
    (group.state / "gitconfig").write_text(f"[safe]\n\tdirectory = {repository}\n\tdirectory = {repository}/.git\n")


def _write_roles(group: Class) -> None:
    for role in ("learner", "instructor", "course"):
        folder = group.state / "roles" / role
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / "roles" / role, folder)
        if role != "course":
            text = (HERE / "nbgrader_config_user.py").read_text("utf-8")
            filled = _filled(text, course=group.course, exchange=group.exchange)
            (folder / "nbgrader_config.py").write_text(filled, "utf-8")


def main(state: Path, course: str) -> int:
    """Lay out what the course's own account owns; for `tljh/set-up.sh`, which runs this as that account."""
    group = Class(state, venv=Path(sys.prefix), course=course)
    try:
        _lay_out_exchange_of_course(group)
        _lay_out_course(group)
    except OSError as error:
        print(reason(error), file=sys.stderr)
        return 1
    return 0


def reason(error: OSError) -> str:
    """What the system refused, in one line."""
    if isinstance(error, shutil.Error):  # holds what went wrong with each file; the first will do
        return str(error.args[0][0][2])
    if error.errno == errno.ELOOP:
        return f"{error.filename}: {error.strerror}. There must be no link there that leads elsewhere."
    return str(error)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
