"""`make` from a fresh clone: which Python it takes, what it says when something fails, what is left after Ctrl-C.

The environment is not installed for real here (`make demo` of the gate does that): a stand-in answers for Python's
venv, pip and uv. Makefile and scripts are the real ones, in folders with hard names.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chromium import CHROMIUMS, browser_in
from kit import ROOT

HARD_NAMES = ["plain", "two words", "it's", 'a "quote"', "50% # of", "Übung $HOME 漢字", "back\\slash", "-dash; & |"]
CERTIFICATE = "error: invalid peer certificate: UnknownIssuer"
NO_NETWORK = "WARNING: Retrying: NewConnectionError: [Errno -3] Temporary failure in name resolution\nERROR: none found"

# Stands in for an interpreter: its version is $VERSION; what pip and uv do is in files beside it.
STAND_IN = r"""#!/bin/bash
here=@HERE@
case "$1 $2 $3" in
"-m venv "*)
    [ ! -e "$here/venv.fails" ] || { cat "$here/venv.fails"; exit 1; }
    mkdir -p "$3/bin"; cp "$here/python" "$3/bin/python"; touch "$3/pyvenv.cfg" ;;
"-m pip config") exit 1 ;;
"-m pip uninstall") ;;
"-m pip install") case "$*" in *requirements.lock*) what=pip-lock ;; *) what=pip-uv ;; esac
    echo "$*" >> "$here/calls"
    [ ! -e "$here/$what.fails" ] || { cat "$here/$what.fails" >&2; exit 1; } ;;
"-m uv pip")
    echo "$* cert=${SSL_CERT_FILE:-}" >> "$here/calls"
    [ ! -e "$here/uv.hangs" ] || { touch "$here/hanging"; exec sleep 600; }
    [ ! -e "$here/uv.fails" ] || { cat "$here/uv.fails" >&2; exit 2; } ;;
"-m ruff "*|"-m mypy "*|"-m codespell_lib "*) ;;
"- "*) exec @REAL@ -c "import sys; sys.version_info = @VERSION@; exec(sys.stdin.read())" ;;
"-c "*) ;;
"demo/run.py "*) echo "DEMO $(pwd)" ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return _clone(tmp_path / "clone")


def _clone(folder: Path) -> Path:
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "tools/install.sh", "tools/system-packages.sh"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def _python(folder: Path, version: str = "(3, 12, 1)") -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / "python"
    text = STAND_IN.replace("@HERE@", shlex.quote(str(folder))).replace("@VERSION@", version)
    program.write_text(text.replace("@REAL@", shlex.quote(sys.executable)))
    program.chmod(0o755)
    return program


def _make(
    clone: Path, python: Path | str, target: str = "demo", **environment: str
) -> subprocess.CompletedProcess[str]:
    cleared = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "SSL_", "REQUESTS_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", target, f"PYTHON={python}"],
        cwd=clone,
        env=cleared | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", HARD_NAMES)
def test_the_environment_is_made_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    clone = _clone(tmp_path / name)
    done = _make(clone, _python(tmp_path / "programs"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"DEMO {clone}" in done.stdout
    assert not (clone / ".venv" / ".unfinished").exists()
    again = _make(clone, "nothing")  # nothing is installed a second time
    assert again.stdout == f"DEMO {clone}\n", again.stdout + again.stderr


def test_two_at_once_do_not_undo_each_other(clone: Path, tmp_path: Path) -> None:
    """As `make demo` and `make test` in two terminals of a fresh clone."""
    python = _python(tmp_path / "programs")
    (tmp_path / "install.sh").write_text("read line\n")
    (clone / ".venv").mkdir()
    with subprocess.Popen(["sh", str(tmp_path / "install.sh")], stdin=subprocess.PIPE) as other:
        (clone / ".venv" / ".unfinished").write_text(f"{other.pid}\n")
        done = _make(clone, python)
        assert done.returncode == 2
        assert f"Another installation into .venv is under way (process {other.pid})." in done.stderr
        assert (clone / ".venv" / ".unfinished").exists()
        assert other.stdin is not None
        other.stdin.close()
    assert _make(clone, python).returncode == 0  # it has ended, and left off in the middle


def test_a_clone_that_moved_gets_its_environment_anew(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    assert _make(clone, python).returncode == 0
    moved = clone.rename(tmp_path / "moved")
    done = _make(moved, python)
    assert "Installing into .venv" in done.stdout
    assert _make(moved, python).stdout == f"DEMO {moved}\n"


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    assert _make(clone, python).returncode == 0
    (clone / ".venv" / "bin" / "python").unlink()
    done = _make(clone, python)
    assert done.returncode == 0
    assert "is gone; it is made anew" in done.stdout


def test_a_colon_in_the_path_is_refused_in_one_line(tmp_path: Path) -> None:
    done = _make(_clone(tmp_path / "a:b"), _python(tmp_path / "programs"))
    assert done.returncode == 2
    assert "a folder with a colon in its path" in done.stderr.splitlines()[0]
    assert not (tmp_path / "a:b" / ".venv").exists()


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("(3, 14, 0)", "Python 3.14, for which TensorFlow has no package yet"),
        ("(3, 10, 9)", "Python 3.10, which is too old"),
        ("(2, 7, 18)", "Python 2.7, which is too old"),
    ],
)
def test_another_python_is_refused_and_the_line_says_how_to_choose(
    version: str, says: str, clone: Path, tmp_path: Path
) -> None:
    done = _make(clone, _python(tmp_path / "programs", version))
    assert done.returncode == 2
    line, *rest = done.stderr.splitlines()
    assert says in line
    assert "make PYTHON=python3.12" in line
    assert len(rest) == 1, "make says that it ends, and nothing else"
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_named(clone: Path) -> None:
    done = _make(clone, "python9.9")
    assert done.stderr.splitlines()[0].startswith("There is no program 'python9.9'.")


def test_of_several_pythons_the_first_that_can_be_used_is_taken(clone: Path, tmp_path: Path) -> None:
    """A pyenv's shim that does not run, and one that is too new, are passed over."""
    programs = tmp_path / "programs"
    shutil.copy(_python(programs, "(3, 14, 0)"), programs / "python3")
    (programs / "python3.11").write_text("#!/bin/sh\necho 'pyenv: python3.11: command not found' >&2\nexit 127\n")
    shutil.copy(_python(programs), programs / "python3.13")
    for name in ("python3.11", "python3.13"):
        (programs / name).chmod(0o755)
    needed = ("sh", "bash", "make", "cat", "cp", "mkdir", "touch", "date", "sleep", "du", "cut", "rm", "grep", "tail")
    for name in needed:
        (programs / name).symlink_to(shutil.which(name) or "")
    for name in ("bwrap", "head", "tr"):
        (programs / name).symlink_to(shutil.which("true") or "")
    path = str(programs)  # whatever Pythons this system has of its own
    nothing_else = {"HOME": str(tmp_path), "PATH": path}
    done = _make(clone, "", **nothing_else)
    assert "with python3.13" in done.stdout, done.stdout + done.stderr
    shutil.rmtree(clone / ".venv")
    for name in ("python3.13", "python"):
        (programs / name).unlink()
    done = _make(clone, "", **nothing_else)
    assert done.returncode == 2
    assert "python3: it is Python 3.14" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ({"pip-uv": "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]"}, "SSL_CERT_FILE="),
        ({"pip-uv": NO_NETWORK}, "cannot be reached"),
        ({"uv": CERTIFICATE, "pip-lock": "CERTIFICATE_VERIFY_FAILED"}, "SSL_CERT_FILE="),
        (
            {"uv": "error: No space left on device (os error 28)", "pip-lock": "[Errno 28] No space left"},
            "disk is full",
        ),
        (
            {"uv": "x", "pip-lock": "ERROR: No matching distribution found for tensorflow-cpu"},
            "TensorFlow has no package",
        ),
        ({"uv": "x", "pip-lock": "ERROR: something else"}, "ERROR: something else"),
        ({"venv": "Command '[python, -m, ensurepip]' returned non-zero"}, "apt-get install python3-venv"),
        ({"venv": "Error: Permission denied"}, "Permission denied"),
    ],
)
def test_what_fails_is_said_in_one_line(fails: dict[str, str], says: str, clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    for what, text in fails.items():
        (python.parent / f"{what}.fails").write_text(text + "\n")
    done = _make(clone, python)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2, "and make's own"
    assert "DEMO" not in done.stdout
    for what in fails:
        (python.parent / f"{what}.fails").unlink()
    assert _make(clone, python).returncode == 0, "once that is mended, the same command does it"


def test_where_uv_fails_pip_goes_on_and_says_so(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    (python.parent / "uv.fails").write_text(CERTIFICATE + "\n")
    done = _make(clone, python)
    assert done.returncode == 0
    assert "pip tries, which takes longer" in done.stdout
    assert "--retries 1" in (python.parent / "calls").read_text(), "no minutes of waiting for the same answer"


def test_uv_gets_the_certificates_that_pip_has(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    _make(clone, python, PIP_CERT="/etc/ssl/of-the-university.pem")
    assert "cert=/etc/ssl/of-the-university.pem" in (python.parent / "calls").read_text()


def test_a_long_step_says_that_it_goes_on(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    text = python.read_text().replace('"-m uv pip")', '"-m uv pip") sleep 3')
    python.write_text(text)
    done = _make(clone, python, HEARTBEAT="1")
    assert "  1 s; 1 MB installed ..." in done.stdout
    assert "  2 s;" in done.stdout


def test_ctrl_c_ends_in_one_line_and_the_next_try_begins_anew(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    (python.parent / "uv.hangs").touch()
    running = subprocess.Popen(
        ["make", "demo", f"PYTHON={python}"],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (python.parent / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does it
    out, err = running.communicate(timeout=20)
    assert running.returncode != 0
    # GNU make 4.3 may lose count of its children when the signal comes while it takes note of one's end, and says so.
    ours = [line for line in err.strip().splitlines() if not line.lower().startswith("make: *** wait")]
    assert ours == ["Stopped. The environment is not finished; run the same command again and it is made anew."]
    assert "DEMO" not in out
    (python.parent / "uv.hangs").unlink()
    (clone / ".venv" / "left").touch()
    done = _make(clone, python)
    assert done.returncode == 0
    assert "An earlier installation was not finished" in done.stdout
    assert not (clone / ".venv" / "left").exists()


def test_a_demo_installs_neither_chromium_nor_node(tmp_path: Path) -> None:
    """As root on Debian, with a stand-in for apt-get and nothing installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "mktemp", "rm", "tail"):
        (programs / name).symlink_to(shutil.which(name) or "")
    (programs / "id").write_text("#!/bin/sh\necho 0\n")
    (programs / "apt-get").write_text(f'#!/bin/sh\necho "$*" >> {shlex.quote(str(tmp_path / "asked"))}\n')
    for name in ("id", "apt-get"):
        (programs / name).chmod(0o755)
    for target, wanted in {"demo": "bubblewrap", "book": "npm", "hub": "bubblewrap npm"}.items():
        (tmp_path / "asked").unlink(missing_ok=True)
        command = ["/bin/sh", str(ROOT / "tools" / "system-packages.sh"), target]
        subprocess.run(command, env={"PATH": str(programs)}, check=True, capture_output=True)
        assert (tmp_path / "asked").read_text().splitlines()[-1].endswith(f"--no-install-recommends {wanted}")


@pytest.mark.parametrize("name", [*CHROMIUMS, ""])
def test_the_browser_that_counts_as_there_is_the_one_that_tests_take(name: str, tmp_path: Path) -> None:
    for other in ("id", "bwrap", "npm", "ip", "openssl", name or "links"):
        program = tmp_path / other
        program.write_text(f'#!/bin/sh\necho "{other} $*"\n')
        program.chmod(0o755)
    command = ["/bin/sh", str(ROOT / "tools" / "system-packages.sh"), "test"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, check=True, capture_output=True, text=True)
    assert ("Missing: chromium" in done.stderr) == (not name), done.stderr
    assert browser_in(str(tmp_path)) == (str(tmp_path / name) if name else None)
    wrapped = subprocess.run(
        ["/bin/sh", str(ROOT / "tests" / "chromium.sh"), "--disable-features=One"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert wrapped.stdout.startswith(f"{name} --disable-features=One,WebUI") == bool(name), wrapped.stderr


def test_a_target_that_makes_no_file_of_its_name_is_phony() -> None:
    """`make dist` makes the folder `dist`: the next `make dist` did nothing."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", makefile, re.M)).split()
    targets = re.findall(r"^([\w-]+):(?!=)", makefile, re.M)
    assert sorted(phony) == sorted([*targets, "remake"])


def test_lint_fails_where_git_does_not_say_which_files_there_are(clone: Path, tmp_path: Path) -> None:
    python = _python(tmp_path / "programs")
    done = _make(clone, python, "lint", GIT_DIR=str(tmp_path / "nowhere"))
    assert done.returncode != 0, done.stdout
    assert "not a git repository" in done.stderr
    subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
    assert _make(clone, python, "lint").returncode == 0
