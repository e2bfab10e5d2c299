"""Make a course directory ready for a class: `python -m autograder.jupyter.prepare COURSE LEARNER…`.

On The Littlest JupyterHub, put `--littlest` before the course, and `--instructors INSTRUCTOR…` at the end;
`autograder.course.accounts` says why.

Run with the course account's rights. Every exercise in the course's `source/` is entered into the gradebook,
released without its solutions, and put into nbgrader's exchange, from where learners fetch it. Safe to run again:
what is there and unchanged is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import Exchange

from autograder.course import accounts
from autograder.course.directory import Course
from autograder.course.files import files_in
from autograder.course.release import programs_of_this_python
from autograder.errors import KitError, ReleaseFailed
from autograder.exercise.wire import one_line
from autograder.language import said, say


def prepare(
    root: Path, learners: list[str], littlest: bool = False, instructors: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Release every exercise of the course that can be released.

    Args:
        learners: as the Hub calls them.
        littlest: the Hub is The Littlest JupyterHub.
        instructors: who may hand in as well, to try it. That makes them students, and nothing before does.

    Returns:
        Names of those that learners can fetch as they are now, and a line for each of the others and for each folder
        of the exchange that cannot be used.

    Raises:
        CourseError: the course's configuration or gradebook cannot be read, most often.
    """
    course = Course(root)
    names = sorted(f.parent.name for f in course.source_root().glob("*/*.ipynb"))
    config = course.nbgrader.config.copy()
    exchange = Path(str(config.Exchange.get("root") or Exchange.root.default_value)) / course.course_id
    by_learner = config.get("CollectOwnWork", {}).get("inbound_by_learner")
    failures = _make_exchange(exchange, learners) if by_learner else []
    released: list[str] = []
    with programs_of_this_python():
        for name in names:
            try:
                course.make_ready(name)
                released.append(name)
            except ReleaseFailed as error:  # most often, students were graded with other cells
                failures.append(f"{name}: {error}")
        with Gradebook(course.db_url, course.course_id) as gradebook:
            students = learners
            if littlest:
                entered = {student.id for student in gradebook.students}
                known = accounts.keep(course.state, [*learners, *instructors], entered)
                students = [known.of_user(learner) for learner in learners]
            for student in students:
                gradebook.update_or_create_student(student)
        config.ExchangeReleaseAssignment.force = True  # a mended exercise takes the old one's place
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        for name in tuple(released):
            if _same(course.nbgrader.release / name, exchange / "outbound" / name):
                continue
            done = api.release_assignment(name)
            if not done["success"]:
                released.remove(name)
                failures.append(f"{name}: {one_line(str(done.get('error') or done.get('log')), 1_000)}")
    return released, failures


def _make_exchange(exchange: Path, learners: list[str]) -> list[str]:
    """On Kubernetes, the exchange's folders, and one for each learner, which only that learner's pod mounts.

    Returns:
        A line for each folder that somebody needs to write to and cannot. Kubernetes made it, for root, because a
        learner's server started first.
    """
    shared = {"inbound": 0o711, "outbound": 0o755, "feedback": 0o711}  # nobody may list the names in `feedback`
    failures = []
    for name, mode in shared.items():
        folder = exchange / name
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        if not os.access(folder, os.W_OK | os.X_OK):
            failures.append(_not_writable(folder, say("the course")))
    for learner in learners:
        folder = exchange / "inbound" / learner
        if not _made_for_learner(folder):
            failures.append(_not_writable(folder, learner))
    return failures


def _made_for_learner(folder: Path) -> bool:
    """Make the folder that a learner's pod mounts; whether the learner can write there, as far as we can see."""
    with contextlib.suppress(OSError):
        if folder.stat().st_uid != os.getuid():
            # The learner's server started first, so Kubernetes made it, for root. We can only remove it.
            folder.rmdir()  # not if something lies in it, but then the learner may write there
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH) or any(folder.iterdir())
    except OSError:
        return False


def _not_writable(folder: Path, who: str) -> str:
    return say(
        "{folder} is missing, or {who} cannot write there. As root where the exchange is stored, run"
        " `chown {uid} {folder}`, or delete it if it is empty. Then run this again.",
        folder=folder,
        who=who,
        uid=os.getuid(),
    )


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, in the same folders there."""
    ours, theirs = files_in(one), files_in(other)
    same = bool(ours) and ours.keys() == theirs.keys()
    return same and all(ours[name].read_bytes() == theirs[name].read_bytes() for name in ours)


def main(root: Path, learners: list[str], littlest: bool = False, instructors: Sequence[str] = ()) -> int:
    """Prepare the course; 2 if an exercise or a folder of the exchange could not be made ready, 1 if nothing could."""
    try:
        released, failures = prepare(root, learners, littlest, instructors)
    except KitError as error:
        print(error, file=sys.stderr)
        return 1
    for name in released:
        print(name)
    for line in failures:
        print(said(line), file=sys.stderr)
    return 2 if failures else 0


if __name__ == "__main__":
    _littlest = sys.argv[1] == "--littlest"
    _root, *_names = sys.argv[1 + _littlest :]
    _end = _names.index("--instructors") if "--instructors" in _names else len(_names)
    sys.exit(main(Path(_root), _names[:_end], _littlest, _names[_end + 1 :]))
