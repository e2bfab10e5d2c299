"""What is not there where exercises are graded is passed over, line by line, and nothing else is.

Whole notebooks with such lines are among the faults (`tests/faults`).
"""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import EARNED, EXERCISE, LIMITS, Entry, exercise_in

from autograder.course.directory import Course
from autograder.course.settings import Settings, require_packages
from autograder.errors import BadSetting
from autograder.grading.grade import grade
from autograder.sandbox.client import ForkServer
from autograder.sandbox.surroundings import HELPER, KINDS, Absent, AbsentError, Surroundings, described


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"__name__": "__main__"}


@pytest.fixture
def surroundings(namespace: dict[str, Any]) -> Iterator[Surroundings]:
    made = Surroundings(namespace)
    setattr(builtins, HELPER, made)
    yield made
    delattr(builtins, HELPER)


def run(surroundings: Surroundings, namespace: dict[str, Any], *cells: str) -> None:
    for cell in cells:
        exec(compile(surroundings.visit(ast.parse(cell)), "cell", "exec"), namespace)


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["import nosuchthing as n, json\nn.do()\nx = json"], ("package", "nosuchthing")),
        (["from nosuchthing.deep import a, b as c\na()\nc[0]\nx = 1"], ("package", "nosuchthing")),
        (["from nosuchthing import *\nx = 1"], ("package", "nosuchthing")),
        (["import nosuchthing", "y = nosuchthing.make()", "z = y + 1\nz.show()\nx = 1"], ("package", "nosuchthing")),
        (["import nosuchthing", "def f(): return nosuchthing.make()", "y = f()\ny.z\nx = 1\nnosuchthing"], None),
        (["data = open('numbers.csv').read()\nprint(data[0])\nx = 1"], ("file", "numbers.csv")),
        (["for line in open('/data/numbers'):\n    pass\nx = 1"], ("file", "/data/numbers")),
        (["open('a.txt')", "x = 1"], ("file", "a.txt")),
    ],
)
def test_the_rest_of_the_cell_runs(
    surroundings: Surroundings, namespace: dict[str, Any], cells: list[str], missing: tuple[str, str] | None
) -> None:
    if missing is None:  # a use inside a function shows where it is called, and stops that cell
        with pytest.raises(AbsentError):
            run(surroundings, namespace, *cells)
        return
    run(surroundings, namespace, *cells)
    assert namespace["x"]
    assert list(surroundings.missing) == [missing]
    assert described(*missing)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import nump", ModuleNotFoundError),
        ("import kears", ModuleNotFoundError),
        ("import json.nosuchpart", ModuleNotFoundError),
        ("from json import nosuchname", ImportError),
        ("if True:\n    import nosuchthing", ModuleNotFoundError),
        ("open('numbers.csv', nosuchargument=1)", TypeError),
        ("int('numbers.csv')", ValueError),
        ("gpus = []\ngpus[0]", IndexError),
        ("'numbers.csv'.nosuchmethod()", AttributeError),
        ("x = [1][5], 'a.txt'", IndexError),
        ("raise KeyboardInterrupt('a.txt')", KeyboardInterrupt),
    ],
)
def test_mistakes_stay_mistakes(
    surroundings: Surroundings, namespace: dict[str, Any], code: str, error: type[BaseException]
) -> None:
    with pytest.raises(error) as raised:
        run(surroundings, namespace, code)
    assert not isinstance(raised.value, AbsentError)
    assert not surroundings.missing


def test_a_module_that_the_cell_itself_writes_is_there(
    surroundings: Surroundings, namespace: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    run(surroundings, namespace, "open('own_part.py', 'w').write('x = 1')\nimport own_part\nx = own_part.x")
    run(surroundings, namespace, "import nosuchthing, own_part as again\ny = again.x\nnosuchthing.z")
    assert namespace["x"] == namespace["y"] == 1


def test_what_a_statement_had_bound_before_stays(surroundings: Surroundings, namespace: dict[str, Any]) -> None:
    run(surroundings, namespace, "x = 1\nx = open('numbers.csv').read()\ny = open('numbers.csv').read()")
    assert namespace["x"] == 1
    assert isinstance(namespace["y"], Absent)


def test_the_last_line_still_shows_its_value(surroundings: Surroundings, namespace: dict[str, Any]) -> None:
    tree = surroundings.visit(ast.parse("'a.txt'.upper()"))
    assert isinstance(tree.body[-1], ast.Expr)
    exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), namespace)
    assert eval(compile(ast.Expression(tree.body[-1].value), "cell", "eval"), namespace) == "A.TXT"


def test_every_use_of_a_stand_in_says_so() -> None:
    it = Absent(("package", "seaborn"))
    uses = [
        lambda: it(),
        lambda: it.x,
        lambda: it[0],
        lambda: it + 1,
        lambda: 1 * it,
        lambda: bool(it),
        lambda: list(it),
        lambda: len(it),
        lambda: it < 1,
        lambda: setattr(it, "x", 1),
        lambda: exec("class Own(it): pass", {"it": it}),
    ]
    for use in uses:
        with pytest.raises(AbsentError, match="seaborn"):
            use()
    assert repr(it) == "the package `seaborn`"
    assert "package" in KINDS


@pytest.mark.sandbox
def test_a_courses_files_lie_beside_the_notebook(fork_server: ForkServer, tmp_path: Path) -> None:
    """In every kernel: the second, after the first was lost, has them too. Nobody can change the teacher's own."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.csv").write_text("1,2\n3,4\n")
    (tmp_path / "helper.py").write_text("def scale(x): return x / 255\n")
    (tmp_path / "autograder.json").write_text(
        json.dumps({"exercises": {EXERCISE: {"files": ["data/numbers.csv", "helper.py"]}}})
    )
    files = Course(tmp_path).files_of(EXERCISE)
    use = "import helper\nassert np.loadtxt('numbers.csv', delimiter=',').sum() == 10\n"
    use += "x_train = helper.scale(train_data.reshape(600, 784).astype('float32'))\n"
    use += "x_test = helper.scale(test_data.reshape(100, 784).astype('float32'))\n"
    entry = Entry("x", answers={"flattened-answer": use, "by_hand-answer": "import os\nos._exit(0)"})
    raw = entry.raw()
    (tmp_path / "exercise").mkdir()
    exercise = exercise_in(tmp_path / "exercise")
    points = {
        c.name: c.points for c in grade(raw, exercise, fork_server, LIMITS, files=files).result.checks if c.points
    }
    assert points == EARNED
    assert not grade(raw, exercise, fork_server, LIMITS).result.checks[0].points  # and without them it does not work
    assert (tmp_path / "helper.py").read_text() == "def scale(x): return x / 255\n"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["nothing.csv"], "there is no file 'nothing.csv'"),
        (["../outside.csv"], "there is no file '../outside.csv'"),
        (["/etc/passwd"], "there is no file '/etc/passwd'"),
        (["a"], "there is no file 'a'"),
        (["a/x.csv", "b/x.csv"], "two files are called 'x.csv'"),
        (["link"], "there is no file 'link'"),
        ("x.csv", "should be a list"),
    ],
)
def test_files_that_cannot_be_had_are_named(tmp_path: Path, names: Any, says: str) -> None:
    course = tmp_path / "course"
    for folder in ("a", "b"):
        (course / folder).mkdir(parents=True)
        (course / folder / "x.csv").write_text("1")
    (tmp_path / "outside.csv").write_text("1")
    (course / "link").symlink_to(tmp_path / "outside.csv")
    (course / "autograder.json").write_text(json.dumps({"exercises": {EXERCISE: {"files": names}}}))
    with pytest.raises(BadSetting, match=re.escape(says)) as raised:
        Course(course).files_of(EXERCISE)
    assert "files" in str(raised.value)


def test_a_package_that_a_course_needs_has_to_be_here(tmp_path: Path) -> None:
    require_packages(Settings(packages=("json", "numpy")), tmp_path)
    with pytest.raises(BadSetting, match="packages: `nosuchthing` is not installed"):
        require_packages(Settings(packages=("json", "nosuchthing")), tmp_path)
    with pytest.raises(BadSetting, match="not a name that Python can import"):
        require_packages(Settings(packages=("scikit-learn",)), tmp_path)
