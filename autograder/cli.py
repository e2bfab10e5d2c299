"""What the commands do; `arguments` has what they can be asked for.

Answers at once: whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from autograder import parts, terminal
from autograder.arguments import make_parser
from autograder.errors import KitError, UsageError
from autograder.language import of_this_process, say, say_plural


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 our own failure, 2 bad usage."""
    atexit.register(gc.freeze)  # else Python goes through all that was imported once more at its end, for 0.3 s
    if arguments is None:
        terminal.start_in_utf8()
    terminal.prepare()
    parser = make_parser()  # in the language of whoever asks; what is said later may be in the course's
    try:
        try:
            options = parser.parse_args(arguments)
        except SystemExit:  # its help, or what is wrong, is said; whether it could be written shows when it is sent off
            terminal.finish()
            raise
        if options.command is None:
            parser.print_help()
            return 2
    except OSError as error:  # some versions of argparse do not ask whether their help can be written
        terminal.forget_output()
        terminal.complain(say("The help cannot be written: {why}.", why=error.strerror or error))
        return 1
    with of_this_process(_language(options)):
        return _run(options)


def _language(options: argparse.Namespace) -> str:
    """The language of the course that a command is about; '' where none is named: then that of whoever asks."""
    root = getattr(options, "course", None)
    if root is None:
        return ""
    from autograder.course.settings_file import language_of

    return language_of(root)


def _run(options: argparse.Namespace) -> int:
    try:
        if options.needs is not None:
            parts.require(options.needs, f"`autograder {options.command}`")
        status = int(_COMMANDS[options.command](options))
        terminal.finish()
        return status
    except ImportError as error:
        if (explained := parts.explain(error, f"`autograder {options.command}`")) is None:
            raise
        terminal.complain(str(explained))
        return explained.exit_status
    except KeyboardInterrupt:
        terminal.complain(say("Stopped.{kept}", kept=_kept(options)))
        return 1
    except BrokenPipeError:
        terminal.forget_output()
        return 1
    except KitError as error:
        terminal.complain(str(error))
        return error.exit_status
    except OSError as error:  # of the place, not of the command: a full disk, a folder that may not be read
        terminal.forget_output()
        where = os.fsdecode(error.filename) if error.filename else say("The output cannot be written")
        terminal.complain(f"{where}: {error.strerror or error}.{_kept(options)}")
        return 1


def _kept(options: argparse.Namespace) -> str:
    keeps = options.command in ("grade", "probe")
    return say(" What has been graded is kept; run the same command again to continue.") if keeps else ""


def _check(options: argparse.Namespace) -> int:
    from autograder import preflight
    from autograder.exercise.display import submission_lines
    from autograder.grading.one import check_file

    target = _json_target(options)
    preflight.require_temporary()
    result = check_file(options.notebook, options.exercise, options.sandbox)
    if target is None or not target.is_stdout:
        print("\n".join(terminal.shown(line) for line in submission_lines(result)))
    _write_json(target, {"exercise": result.exercise} | result.to_json())
    return 0


def _collect(options: argparse.Namespace) -> int:
    import time

    from autograder.course.class_list import enter_names
    from autograder.course.collect import collect, lines
    from autograder.course.directory import Course
    from autograder.course.inbox import source_at
    from autograder.course.kept import REPLACED
    from autograder.course.receipts import Receipts
    from autograder.course.roster import Roster
    from autograder.course.times import written

    course = Course(options.course)
    course.require_exercise(options.exercise)
    if options.id and not options.roster:
        raise UsageError(say("--id names a column of the roster. Give the roster as well: --roster CSV."))
    roster = Roster.read(options.roster, options.id) if options.roster else None
    source = source_at(options.source, course)
    kept = course.state / options.exercise / REPLACED
    released = course.released(options.exercise)
    done = collect(source, options.exercise, course.submitted, kept, roster, released, options.dry_run)
    if not options.dry_run:
        receipts, now = Receipts(course.state, course.course_id), written(time.time())
        for taken in done.taken:
            one = course.submission(options.exercise, taken.student)
            if taken.what in ("new", "changed"):
                receipts.give(options.exercise, one.student, one.digest, one.timestamp, now)
    for line in lines(done, options.exercise, options.dry_run):
        print(terminal.shown(line))
    if roster is not None and done.taken:  # of somebody; with another course's roster, nobody is entered
        entered = enter_names(course, roster, options.dry_run)
        if entered:
            print(
                say_plural(
                    "Gradebook: {n} name would be entered from the roster.",
                    "Gradebook: {n} names would be entered from the roster.",
                    entered,
                )
                if options.dry_run
                else say_plural(
                    "Gradebook: {n} name entered from the roster.",
                    "Gradebook: {n} names entered from the roster.",
                    entered,
                )
            )
    return 0 if done.taken else 1


def _grade(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.grading.events import Events
    from autograder.preflight import Target

    target = _json_target(options)
    progress = None if options.events is None else Target("--events", options.events)
    if target is not None and progress is not None and target.is_stdout and progress.is_stdout:
        raise UsageError(say("--json and --events cannot both go to standard output. Give one of them a file."))
    people = sys.stderr if any(t is not None and t.is_stdout for t in (target, progress)) else sys.stdout
    course, names = Course(options.course), list(dict.fromkeys(options.exercises))
    with contextlib.ExitStack() as stack:
        events = stack.enter_context(Events(stack.enter_context(progress.opened()) if progress is not None else None))
        results = _grade_class(options, course, names, people, events)
    _write_json(target, results[0] if len(results) == 1 else {"exercises": results})
    return 0


def _grade_class(
    options: argparse.Namespace, course: Any, names: list[str], people: TextIO, events: Any
) -> list[dict[str, Any]]:
    """Grade, after everything was looked at that could stop it; return the results of each exercise."""
    from autograder import data, preflight
    from autograder.course.again import ask
    from autograder.course.lock import is_watched, refuse_beside_another
    from autograder.course.settings import require_packages
    from autograder.sandbox import bubblewrap, machine

    for name in names:
        course.require_exercise(name)
        course.files_of(name)
        data.load_held_out(name)
    require_packages(course.settings, course.root)
    sandbox = None if options.scheduler else bubblewrap.choose(options.sandbox)
    if not course.has_students() and not options.student:
        return _nothing_to_grade(course, names, people)
    _ = course.late
    preflight.require_course(course.root, course.places(names))
    preflight.require_temporary()
    if options.force and is_watched(course.state) and not (options.json or options.events or options.scheduler):
        for name in names:
            ask(course.state, name, options.student or ())
        print(
            say(
                "`autograder watch` is running in this course. It will grade this again and report it in its own"
                " output."
            ),
            file=people,
        )
        return [{"exercise": name, "submissions": []} for name in names]
    refuse_beside_another(course.state)
    course.gradebook_is_sound()
    from autograder.grading import pool

    with contextlib.ExitStack() as stack:
        if sandbox is None:
            cluster = _cluster().look_at(options.scheduler)
            workers, pools = cluster.workers, cluster.pools
            sandbox = bubblewrap.choose(options.sandbox, cluster.sandboxed)
        else:
            workers = options.workers or machine.examine().workers
            pools = stack.enter_context(pool.one_started(workers, sandbox))
        course.gradebook_is_nbgraders()
        handed_in = {name: course.handed_in(name, options.student) for name in names}
        submitted = {name: found.submissions for name, found in handed_in.items()}
        if not any(submitted.values()):
            return _nothing_to_grade(course, names, people)
        results = _grade_with(course, submitted, workers, pools, sandbox, options.force, people, events)
        _show_unused([one for found in handed_in.values() for one in found.unused], people)
        for name, those in submitted.items():
            for line in course.unknown_extensions(name, {one.student for one in those}):
                print(terminal.shown(line), file=people)
            if line := course.not_the_kits(name):
                print(terminal.shown(line), file=people)
        return results


def _grade_with(
    course: Any,
    submitted: dict[str, Any],
    workers: int,
    pools: Any,
    sandbox: Any,
    force: bool,
    people: TextIO,
    events: Any,
) -> list[dict[str, Any]]:
    from autograder.grading import batch
    from autograder.grading.progress import ProgressView
    from autograder.grading.works import work_of_course

    view, counts = ProgressView(people, sandbox), {name: len(found) for name, found in submitted.items()}
    view.begin(counts, workers, course.nbgrader.not_used)
    events.begin(counts, workers, sandbox)
    works = [work_of_course(course, name, sandbox, found) for name, found in submitted.items()]

    def on_progress(progress: Any, result: dict[str, Any] | None) -> None:
        view.on_progress(progress, result)
        events.on_progress(progress, result)

    with view:
        done = batch.grade_exercises(course, works, workers, pools=pools, force=force, on_progress=on_progress)
    events.summary = view.summary(done, course.gradebook, course.feedback)
    return [one.to_json() for one in done]


def _to_watch(options: argparse.Namespace) -> tuple[Any, Any]:
    """The course, and where its hand-ins come from beside its own folders; None for nowhere else."""
    import time

    from autograder import data
    from autograder.course.directory import Course
    from autograder.course.inbox import Inbox
    from autograder.course.roster import Roster
    from autograder.course.settings import require_packages

    course = Course(options.course)
    for name in options.exercises:
        course.require_exercise(name)
        course.files_of(name)
        data.load_held_out(name)
    require_packages(course.settings, course.root)
    _ = course.late
    if options.source is None:
        course.has_students()  # a mistyped folder is told so before anything is made in it
    elif not options.source.is_dir():
        raise UsageError(say("There is no folder {source} for --from.", source=options.source))
    if options.roster and options.source is None:
        raise UsageError(say("--roster is only used to identify the students in --from. Give --from as well."))
    roster = Roster.read(options.roster) if options.roster else None
    return course, Inbox.at(options.source, course, time.time, roster) if options.source else None


def _watch(options: argparse.Namespace) -> int:
    import signal
    import time

    from autograder import preflight
    from autograder.course.lock import WATCHING, only_run
    from autograder.grading.arrivals import Watcher, at
    from autograder.grading.pool import StandingPool
    from autograder.sandbox import bubblewrap, machine

    course, inbox = _to_watch(options)
    cluster = _cluster().look_at(options.scheduler) if options.scheduler else None
    sandbox = bubblewrap.choose(options.sandbox, cluster.sandboxed if cluster else None)
    preflight.require_course(course.root, course.places(options.exercises))
    preflight.require_temporary()
    course.gradebook_is_sound()
    course.gradebook_is_nbgraders()
    workers = cluster.workers if cluster else options.workers or machine.examine().workers

    def show(line: str) -> None:
        print(terminal.shown(at(line)), flush=True)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with only_run(course.state, WATCHING):
        before = signal.signal(signal.SIGTERM, stop)  # as a service is stopped
        pool = _cluster().StandingCluster(cluster) if cluster else StandingPool(workers, sandbox)
        watcher = Watcher(course.root, tuple(options.exercises), workers, sandbox, pool, show, inbox)
        try:
            watcher.get_ready()
            where = str(course.submitted) if inbox is None else f"{course.submitted}, {options.source}"
            show(
                say(
                    "Watching {where}; {workers} at a time; {sandbox}. Ctrl-C ends it.",
                    where=where,
                    workers=workers,
                    sandbox=sandbox,
                )
            )
            while True:
                watcher.look()
                time.sleep(watcher.pause)
        except KeyboardInterrupt:
            show(
                say(
                    "Stopped; {graded} graded. What arrives from now on is graded when this is started again.",
                    graded=watcher.graded,
                )
            )
        finally:
            pool.close()
            signal.signal(signal.SIGTERM, before)
    return 0


def _receipt(options: argparse.Namespace) -> int:
    import hashlib

    from autograder.course.directory import Course
    from autograder.course.receipts import Receipts, read
    from autograder.errors import BadReceipt

    course = Course(options.course)
    receipt = read(options.file)
    if not Receipts(course.state, course.course_id).is_genuine(receipt):
        raise BadReceipt(
            say(
                "{file} is not genuine: {root} did not give it, or it was changed afterwards.",
                file=options.file,
                root=course.root,
            )
        )
    if options.notebook is not None:
        digest = hashlib.sha256(options.notebook.read_bytes()).hexdigest()
        if digest != receipt.digest:
            raise BadReceipt(
                say(
                    "The receipt is genuine, but it is for a different file, not {notebook}.", notebook=options.notebook
                )
            )
    handed_in = receipt.handed_in or say("at an unknown time")
    lines = [
        say("Genuine: receipt {number} of the course {course}.", number=receipt.number, course=receipt.course),
        say(
            "{student} handed in {exercise} {handed_in}; it was received {received}.",
            student=receipt.student,
            exercise=receipt.exercise,
            handed_in=handed_in,
            received=receipt.received,
        ),
        say("The file's SHA-256 is {digest}.", digest=receipt.digest),
    ]
    for line in lines:
        print(terminal.shown(line))
    return 0


def _nothing_to_grade(course: Any, names: list[str], people: TextIO) -> list[dict[str, Any]]:
    """Say what was looked for, and where. That nobody has handed in anything yet is no failure."""
    print(terminal.shown(course.why_nothing(names)), file=people)
    _show_unused([one for name in names for one in course.handed_in(name).unused], people)
    return [{"exercise": name, "submissions": []} for name in names]


def _show_unused(unused: Sequence[Any], people: TextIO, most: int = 12) -> None:
    """What lies among the hand-ins and was graded for nobody, one line each."""
    lines = list(dict.fromkeys(map(str, unused)))
    if lines:
        more = [say("  and {count} more", count=len(lines) - most)] if len(lines) > most else []
        for line in (say("Found, but not graded:"), *(f"  {line}" for line in lines[:most]), *more):
            print(terminal.shown(line), file=people)


def _cluster() -> Any:
    try:
        from autograder.grading import cluster
    except ImportError as error:
        raise UsageError(
            say("--scheduler needs dask. To install: {install}", install=parts.install("cluster"))
        ) from error
    return cluster


def _report(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.report import write_report

    report = write_report(Course(options.course), options.exercise, options.out)
    for line in (*report.summary, say("Report: {path}", path=report.page), say("Table:  {path}", path=report.table)):
        print(terminal.shown(line))
    return 0


def _mark(options: argparse.Namespace) -> int:
    import getpass

    from autograder.course.directory import Course
    from autograder.marking.server import MarkingServer
    from autograder.marking.store import Marks

    course = Course(options.course)
    course.require_exercise(options.exercise)
    markers = list(dict.fromkeys(options.marker or [getpass.getuser()]))
    try:
        blind = options.blind or course.settings.blind
        server = MarkingServer(Marks(course, options.exercise), markers, blind, options.port or 0)
    except (OSError, OverflowError) as error:
        raise UsageError(
            say("The page cannot be served on port {port}: {error}.", port=options.port, error=error)
        ) from error
    with server:
        for marker, address in server.addresses.items():
            print(terminal.shown(f"{marker}: {address}"), flush=True)
        print(say("Open it in a browser on this machine. Stop with Ctrl-C; everything you saved is kept."), flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _feedback(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.lms.handback import hand_back

    done = hand_back(Course(options.course), options.exercise, options.form, options.out)
    for line in done.lines(options.exercise):
        print(terminal.shown(line))
    return 0


def _send(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.lms import send
    from autograder.lms.opened import over_lti, with_token

    course = Course(options.course)
    course.require_exercise(options.exercise)
    numbers = (options.url, options.lms_course, options.assignment)
    if options.to == "lti":
        if any((*numbers, options.token_file)):
            raise UsageError(say("--to lti needs no address, number or token: the LMS tells the Hub. Leave them out."))
        system = over_lti(course, options.exercise, options.lti)
    elif not all(numbers):
        raise UsageError(say("--to {system} needs --url, --lms-course and --assignment.", system=options.to))
    else:
        system = with_token(options.to, *numbers, options.token_file)
    plan = send.plan(course, options.exercise, system, options.scale)
    for line in plan.lines():
        print(terminal.shown(line))
    if not options.send:
        print(say("Nothing was sent. Add --send to change this there."))
        return 0
    failed = 0
    for number, (change, why) in enumerate(send.send(plan, system), 1):
        failed += bool(why)
        print(terminal.shown(f"{number}/{len(plan.changes)} {change}: {why or say('sent')}"), flush=True)
    if failed:
        print(say("{failed} failed. Run the same command again: it sends only what is not there yet.", failed=failed))
    return 1 if failed else 0


def _lti(options: argparse.Namespace) -> int:
    from autograder.lms.lti_keys import set_up

    for line in set_up(options.folder, options.to, options.url, options.hub, options.account):
        print(terminal.shown(line))
    return 0


def _similar(options: argparse.Namespace) -> int:
    from autograder.course.directory import Course
    from autograder.similar import write_similar
    from autograder.similar.compare import CHANCE

    target = _json_target(options)
    found = write_similar(Course(options.course), options.exercise, options.out, options.chance or CHANCE)
    if target is None or not target.is_stdout:
        for line in (*found.summary, say("Page:  {path}", path=found.page), say("Table: {path}", path=found.table)):
            print(terminal.shown(line))
    _write_json(target, found.content)
    return 0


def _probe(options: argparse.Namespace) -> int:
    from autograder import preflight
    from autograder.grading.pool import one_started
    from autograder.probe import report
    from autograder.probe.progress import ProbeView
    from autograder.probe.run import Place, probe
    from autograder.sandbox import bubblewrap, machine

    target = _json_target(options)
    people = sys.stderr if target is not None and target.is_stdout else sys.stdout
    folder = options.into or Path("probe") / options.exercise
    sandbox = bubblewrap.choose(options.sandbox)
    preflight.require_temporary()
    preflight.require_course(folder, [])
    workers = options.workers or machine.examine().workers
    with one_started(workers, sandbox) as pools:
        place = Place(folder, options.exercise, options.source)
        with ProbeView(people) as view:
            found = probe(place, sandbox, workers, options.limit, options.seed, pools, view.on_progress, view.on_task)
    page = folder / f"{options.exercise}.html"
    page.write_text(report.page(found), "utf-8")
    for line in (*report.lines(found), say("Page: {path}", path=page)):
        print(terminal.shown(line, people), file=people)
    _write_json(target, found.to_json())
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine, lines

    target = _json_target(options)
    findings = examine()
    if target is None or not target.is_stdout:
        print("\n".join(lines(findings)))
    _write_json(target, {"findings": [f.to_json() for f in findings]})
    return 0


def _release(options: argparse.Namespace) -> int:
    from autograder.course.release import release

    names = sorted(f.name for f in options.sources.glob("*/") if (f / f"{f.name}.ipynb").is_file())
    if not names:
        raise UsageError(say("There is no EXERCISE/EXERCISE.ipynb in {sources}.", sources=options.sources))
    for name in names:
        print(terminal.shown(str(release(options.sources, options.releases, name))))
    return 0


def _json_target(options: argparse.Namespace) -> Any:
    """Where the results go, found out before there are any; None if nobody asked for them."""
    from autograder.preflight import Target

    return None if options.json is None else Target("--json", options.json)


def _write_json(target: Any, content: dict[str, Any]) -> None:
    if target is not None:
        target.write(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "grade": _grade,
    "collect": _collect,
    "watch": _watch,
    "receipt": _receipt,
    "report": _report,
    "mark": _mark,
    "feedback": _feedback,
    "send": _send,
    "lti": _lti,
    "similar": _similar,
    "probe": _probe,
    "doctor": _doctor,
    "release": _release,
}
