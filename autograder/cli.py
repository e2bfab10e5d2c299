"""The command line. Answers at once: whatever is heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder import __version__, parts
from autograder.errors import KitError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 our own failure, 2 bad usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        if options.needs is not None:
            parts.require(options.needs, f"`autograder {options.command}`")
        return int(options.run(options))
    except ImportError as error:
        if (explained := parts.explain(error, f"`autograder {options.command}`")) is None:
            raise
        print(f"autograder: {explained}", file=sys.stderr)
        return explained.exit_status
    except KeyboardInterrupt:
        print("\nStopped. What was graded is kept; run the same command again to go on.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KitError as error:
        print(f"autograder: {error}", file=sys.stderr)
        return error.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograder", description="Grade Keras exercises in a sandbox.")
    parser.add_argument("--version", action="version", version=f"autograder {__version__}")
    parser.set_defaults(needs="grade")  # the part of the kit that has to be installed; see `parts.MODULES`
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")

    check = commands.add_parser("check", help="grade one notebook file, no course needed")
    check.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    check.add_argument("--exercise", metavar="NAME", help="which exercise it is, if the notebook does not say")
    _common(check)
    check.set_defaults(run=_check)

    grade = commands.add_parser("grade", help="grade a class")
    grade.add_argument("exercises", metavar="EXERCISE", nargs="+", help="one exercise, or several in one go")
    grade.add_argument("--course", type=Path, required=True, metavar="DIR", help="the course directory")
    where = grade.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_positive, metavar="N", help="submissions at a time (default: one per core)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="use the workers of this dask scheduler")
    grade.add_argument("--student", action="append", metavar="ID", help="only this student; may be repeated")
    grade.add_argument("--force", action="store_true", help="grade again what has not changed, too")
    _common(grade)
    grade.set_defaults(run=_grade)

    report = commands.add_parser("report", help="the class at a glance: a page and a table")
    report.add_argument("exercise", metavar="EXERCISE")
    report.add_argument("--course", type=Path, required=True, metavar="DIR", help="the course directory")
    report.add_argument("--out", type=Path, metavar="FOLDER", help="where to write it (default: DIR/report)")
    report.set_defaults(run=_report)

    doctor = commands.add_parser("doctor", help="what is installed, what is missing, how to get it")
    doctor.add_argument("--json", metavar="FILE", help="write the findings as JSON ('-' is stdout)")
    doctor.set_defaults(run=_doctor, needs=None)

    release = commands.add_parser("release", help="make the learners' notebooks from the sources with solutions")
    release.add_argument("sources", type=Path, metavar="SOURCES", help="folder with EXERCISE/EXERCISE.ipynb")
    release.add_argument("releases", type=Path, metavar="RELEASES", help="where the released notebooks go")
    release.set_defaults(run=_release)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON ('-' is stdout)")
    parser.add_argument(
        "--sandbox",
        choices=("auto", "require", "off"),
        default="auto",
        help="auto: bubblewrap where it works, else limits only; require: bubblewrap or nothing (default: auto)",
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def _check(options: argparse.Namespace) -> int:
    from autograder.exercise.display import submission_lines
    from autograder.grading.one import check_file

    result = check_file(options.notebook, options.exercise, options.sandbox)
    if options.json != "-":
        print("\n".join(submission_lines(result)))
    _write_json(options.json, {"exercise": result.exercise} | result.to_json())
    return 0


def _grade(options: argparse.Namespace) -> int:
    from autograder.grading import pool
    from autograder.sandbox import bubblewrap, machine

    with contextlib.ExitStack() as stack:
        if options.scheduler:
            cluster = _cluster().look_at(options.scheduler)
            workers, pools, sandbox = (
                cluster.workers,
                cluster.pools,
                bubblewrap.choose(options.sandbox, cluster.sandboxed),
            )
        else:
            workers, sandbox = options.workers or machine.examine().workers, bubblewrap.choose(options.sandbox)
            pools = stack.enter_context(pool.one_started(workers, sandbox))
        return _grade_with(options, workers, pools, sandbox)


def _grade_with(options: argparse.Namespace, workers: int, pools: Any, sandbox: Any) -> int:
    from autograder.course.directory import Course
    from autograder.grading import batch
    from autograder.grading.progress import ProgressView

    course = Course(options.course)
    works = []
    for name in dict.fromkeys(options.exercises):
        exercise = course.make_ready(name)
        setup = batch.prepare(exercise, course.settings.of(name).limits, sandbox)
        works.append(batch.Work(exercise, setup, course.submissions(name, options.student)))
    course.gradebook_is_sound()
    view = ProgressView(sys.stderr if options.json == "-" else sys.stdout, sandbox)
    with view:
        done = batch.grade_exercises(
            course, works, workers, pools=pools, force=options.force, on_progress=view.on_progress
        )
    view.summary(done, course.gradebook, course.feedback)
    results = [one.to_json() for one in done]
    _write_json(options.json, results[0] if len(results) == 1 else {"exercises": results})
    return 0


def _cluster() -> Any:
    try:
        from autograder.grading import cluster
    except ImportError as error:
        raise UsageError(f"--scheduler needs dask. To install: {parts.install('cluster')}") from error
    return cluster


def _report(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.report import write_report

    report = write_report(Course(options.course), options.exercise, options.out)
    print("\n".join(report.summary))
    print(f"Report: {report.page}\nTable:  {report.table}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine, lines

    findings = examine()
    if options.json != "-":
        print("\n".join(lines(findings)))
    _write_json(options.json, {"findings": [f.to_json() for f in findings]})
    return 0


def _release(options: argparse.Namespace) -> int:
    from autograder.course.release import release

    names = sorted(f.name for f in options.sources.glob("*/") if (f / f"{f.name}.ipynb").is_file())
    if not names:
        raise UsageError(f"There is no EXERCISE/EXERCISE.ipynb in {options.sources}.")
    for name in names:
        print(release(options.sources, options.releases, name))
    return 0


def _write_json(target: str | None, content: dict[str, Any]) -> None:
    if target is None:
        return
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, "utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"The results were graded, but cannot be written to {target}: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
