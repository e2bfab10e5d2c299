"""Make a course directory ready for a class: `python -m autograder.jupyter.prepare COURSE LEARNER…`.

Run with the course account's rights. Every exercise in the course's `source/` is entered into the gradebook,
released without its solutions, and put into nbgrader's exchange, from where learners fetch it. Safe to run again:
what is there and unchanged is left as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory

from autograder.course.directory import Course
from autograder.course.release import programs_of_this_python
from autograder.errors import NotReleased


def prepare(root: Path, learners: list[str]) -> list[str]:
    """Release every exercise of the course; return their names.

    Raises:
        NotReleased: the exchange cannot be written, most often.
    """
    course = Course(root)
    names = sorted(f.parent.name for f in course.source_root().glob("*/*.ipynb"))
    config = course.nbgrader.config.copy()
    if config.get("CollectOwnWork", {}).get("inbound_by_learner"):
        _make_inbound_folders(Path(config.Exchange.root) / course.course_id / "inbound", learners)
    with programs_of_this_python():
        for name in names:
            course.make_ready(name)
        with Gradebook(course.db_url, course.course_id) as gradebook:
            for learner in learners:
                gradebook.update_or_create_student(learner)
        config.ExchangeReleaseAssignment.force = True  # a mended exercise takes the old one's place
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        outbound = Path(config.Exchange.root) / course.course_id / "outbound"
        for name in names:
            if _same(course.nbgrader.release / name, outbound / name):
                continue
            done = api.release_assignment(name)
            if not done["success"]:
                raise NotReleased(f"{name}: {done.get('error') or done.get('log')}")
    return names


def _make_inbound_folders(inbound: Path, learners: list[str]) -> None:
    """On Kubernetes, a folder for each learner, which only that learner's pod mounts (and this account's)."""
    inbound.mkdir(parents=True, exist_ok=True)
    inbound.chmod(0o711)
    for learner in learners:
        (inbound / learner).mkdir(exist_ok=True)
        (inbound / learner).chmod(0o777)


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    contents = [{p.name: p.read_bytes() for p in f.glob("*") if p.is_file()} for f in (one, other)]
    return bool(contents[0]) and contents[0] == contents[1]


if __name__ == "__main__":
    print("\n".join(prepare(Path(sys.argv[1]), sys.argv[2:])))
