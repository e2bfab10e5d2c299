"""Other languages: what stands in no catalogue, and what a made-up language changes: words, and nothing but words."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import class_of_300
import nbformat
import numpy as np
import pytest
from catalogue import catalogues, try_answers
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes
from kit import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output
from our_pages import probe_findings, probe_page
from playwright.sync_api import Browser
from web import served

from autograder import cli, language
from autograder.course import settings
from autograder.course.deadlines import Lateness
from autograder.course.directory import Course
from autograder.course.marks import Mark
from autograder.course.settings_file import language_of
from autograder.errors import BadSetting
from autograder.exercise import outcome, wire
from autograder.exercise.definition import find_exercise
from autograder.exercise.outcome import Hint, Outcome, hint_id
from autograder.exercise.sentences import across, arrived
from autograder.grading.feedback import feedback_page, with_late_penalty, with_marks
from autograder.grading.grade import LIMITS_ONLY_NOTE, grade, says_limits_only
from autograder.grading.outputs import make_safe
from autograder.jupyter.run import Grading
from autograder.language import SAID_IN_SCRIPT, _, beginning, number, plural, said, say, speaking
from autograder.probe import report as probe_report
from autograder.report import write_report
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits
from autograder.sandbox.surroundings import HELPER, Surroundings, described, in_reader_s_language

sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "book" / "_ext"), str(ROOT / "browser")]

import languages  # noqa: E402
import pages  # noqa: E402
from kitbook.messages import messages_of  # noqa: E402

# Every room of the package, whatever comes.
ROOMS = tuple(
    sorted(
        file.name
        for file in (ROOT / "autograder").iterdir()
        if file.suffix == ".py" or (file.is_dir() and any(file.rglob("*.py")))
    )
)
# Templates of pages, and scripts that make some.
PAGE_IN_BROWSER = ROOT / "browser" / "page"
TEMPLATES = sorted(file for file in (ROOT / "autograder").rglob("*") if file.suffix in (".html", ".j2"))
TEMPLATES += sorted(PAGE_IN_BROWSER.glob("*.html"))
SCRIPTS = sorted([*(ROOT / "autograder").rglob("*.js"), *PAGE_IN_BROWSER.glob("*.js")])
# Texts of theirs that nobody is told, or that are the same in every language.
NO_WORDS = {
    "answered.py": r"has no answer cells",  # for programs that make answers
    "autograder/__init__.py": r"^module 'autograder' has no",  # Python's own words for it
    "assumptions.py": r"",  # what is assumed of others' code, for whoever maintains the kit; a test looks at the rest
    "__main__.py": r"seen with|without it: |not asked: ",  # prints that table
    "keras_own.py": r"^[A-Z]\w+ [A-Z]\w+ [A-Z]",  # Keras's names
    "keras_training.py": r"^def method",
    "language.py": r"^sign ",  # contexts; the catalogue has them by another way
    "canary.py": r"^model = |^plt\.|^No module named",
    "causes.py": r"NameError",
    "checking.py": r"cacheprovider|pytest|cannot be run|has no class|^it has",  # for whoever writes checks
    "class_list.py": r"^update |^select |^insert |_FILL|case when|^\(trim|\?mode=",
    "cluster.py": r"after shutdown",
    "collect.py": r"^another file of$",
    "jupyter/collect.py": r"",  # the log of nbgrader's own collecting on a Hub, and its options
    "compare.py": r"students are more than",  # was asked before
    "control_group.py": r"^systemd-run",
    "directory.py": r"^\{self.root|^select |^#|^c = |^if |^database = |^url = ",  # a file for nbgrader's commands
    "doctor.py": r"^\{__version__\}",
    "drawing.py": r"no data tell",
    "expect.py": r"to_reach needs|to_have_learned needs",
    "exporters.py": r"",  # nbgrader's program shows them: its options, its log, and Canvas's columns
    "failure.py": r"^ ?\(in |looked for in",  # of Python's error that kept the sandbox from starting
    "feedback.py": r"^\{|^body \{",
    "gradebook.py": r"^pragma ",
    "grades.py": r"^select |^where |^and \{table",
    "habits.py": r"\\|\{'lr'|\(|positional argument|No module named|Invalid filepath|Received instead",  # of errors
    "kept.py": r"ipynb$",
    "limits.py": r"^\| ",  # a table for the book
    "lock.py": r"^\{whose\}process|^process \(",  # in the lock; `_who` says it
    "namespaces.py": r"^mount ",
    "nbgrader_config.py": r"^\{root / NAME",
    "nbgrader_database.py": r"^nbgrader has no version",  # caught where it is asked
    "networks.py": r"^softmax along axis 0$",
    "observe.py": r"^softmax along axis|^of its own$",
    "outcome.py": r"^out of memory$",
    "parrot.py": r"object is not callable|\|",  # patterns
    "parts.py": r"^pip install",
    "passages.py": r"^\{parts",
    "places.py": r"^keras numpy|^The links on the way",
    "protections.py": r"^No space left$",
    "receipts.py": r"json$",
    "release.py": r"submissions associated with it",
    "roster.py": r"^sis ",  # a column of Canvas's
    "run.py": r"^RuntimeError",
    "server.py": r"-src '|^The course directory;|^As for `autograder grade`",  # rules for browsers; nbgrader's options
    "settings.py": r"^\{root / FILE\}: exercises",
    "site.py": r"-src '",
    "slips.py": r"^index \(",  # of errors
    "source.py": r"^scratch = |^# It works",
    "standing.py": r"^select ",
    "store.py": r"^(?:select|update) ",
    "surroundings.py": r"^URL fetch failure|^Name or service|^Temporary failure|^urlopen error|^not found$|^No such"
    r"|^does not exist|^if not \{HELPER|\| |^ is not$",  # others' messages, and code
    "systems.py": r"^rate limit exceeded$",
    "table.py": r"^handed in nothing$",  # a table for programs has the same words in every language
    "submission.py": r"^your cell stopped with$|^\{self\.value\} on|^not a Keras model$|^class of your",
    "work.py": r"-src '|received, receipt|Nothing is lost|^Not used|page is at|page on a Hub"
    r"|^the course directory|^what the course calls|^python -m",  # a log, for operators
    "worker.py": r"comes first$",
    "mutants.py": r"^\{|^#|^if hasattr|^answer = ",
    "equivalents.py": r"^\{|^#",
    "equivalent_code.py": r"^\{|^#|^(for|if|while) .*:$|^return \(|^my_result = |^np\.",  # code
    "equivalent_networks.py": r"^\{|^#|^my_layers = |^tf\.data|^number of epochs$",  # code, and Keras's words
    "test_02_one_hot_encoding.py": r"is not in list$|^index 0 is out of$|^truth value\|",  # of errors
    "test_03_dense_networks.py": r"^dense \{positive\}",
    "test_04_softmax.py": r"^out of bounds$",
    "test_05_overfitting.py": r"^learning rate too large$|^no attribute|^but it is a dict\.$"
    r"|out of (bounds|range)$|^is not in",
}


@cache
def _all_texts() -> tuple[languages.Text, ...]:
    return tuple(languages.all_texts())


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up language's catalogue."""
    folder = tmp_path_factory.mktemp("languages")
    languages.make_pseudo(_all_texts(), folder)
    return folder


@pytest.fixture
def spoken(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything inside is told in it."""
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    with speaking(languages.PSEUDO):
        yield


# -- every text is in the catalogue ------------------------------------------------------------------------------------


def _files(room: str) -> list[Path]:
    path = ROOT / "autograder" / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("room", ROOMS)
def test_no_sentence_bypasses_the_catalogue(room: str) -> None:
    known = {" ".join(one.split()) for text in _all_texts() for one in (text.text, text.many)}
    missed = [
        f'{message.file.name}:{message.line}: {message.text}: write _("...", name=value), or say("...")'
        for file in _files(room)
        for message in messages_of(file)
        if message.text not in known and languages._says_something(message.text)
        if not any(
            re.search(NO_WORDS.get(f"{at}{file.name}", r"(?!)"), message.text) for at in ("", f"{file.parent.name}/")
        )
    ]
    assert not missed, "\n".join(missed)


def _visible(template: str) -> list[str]:
    """The words of a template that no catalogue has: between tags, in attributes that are read out, in its own code."""
    tree = Environment().parse(template)
    page = "\0".join(text for _line, kind, text in Environment().lex(template) if kind == "data")
    page = re.sub(r"<(style|script)\b.*?</\1>|&\w+;", "", page, flags=re.S)
    found = re.findall(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"", page)
    found += re.split(r"<[^<>]*>|\0", page)
    said = {
        id(part)
        for node in tree.find_all((nodes.Call, nodes.Filter))
        if getattr(getattr(node, "node", None), "name", getattr(node, "name", "")) in ("say", "say_plural")
        for part in node.find_all(nodes.Const)
    }
    others = [str(one.value).strip() for one in tree.find_all(nodes.Const) if id(one) not in said]
    found += [text for text in others if " " in text]
    return [" ".join(text.split()) for text in found if re.search(r"[^\W\d_]{2}", text)]


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: "/".join(file.parts[-2:]))
def test_no_word_of_a_page_bypasses_the_catalogue(file: Path) -> None:
    words = [text for text in _visible(file.read_text("utf-8")) if not text.startswith("nbconvert/")]
    written_by_its_script = file == ROOT / "autograder" / "jupyter" / "page" / "page.html"
    assert words == (["Grade a class"] if written_by_its_script else []), "write {{ say('...') }}"


def test_a_word_that_bypasses_the_catalogue_is_found() -> None:
    page = "<p>{{ say('One {n}', n='two') }} bare</p><a title='x' aria-label=\"spoken\">{{ table('as a text') }}</a>"
    assert _visible(page) == ["spoken", "bare", "as a text"]


# Of a script, what nobody reads: names of keys, headers and errors, and what is for whoever opens the console.
NOT_READ = {
    "grading.js": r"X-XSRFToken|Content-Type|POST|JupyterLab",
    "page.js": r"QuotaExceededError|JupyterLite Storage - ",
    "remoteEntry.js": r"JupyterLab does not offer |<svg |M\d|stroke=",
    "service-worker.js": r"Cache-Control|GET|Range",
    "frame.js": r"Content-Type",
    "python.js": r"Atomics|import keras_in_page|PyodideError",
    "store.js": r"SHA-256|Content-(?:Length|Type)",
}
_IN_QUOTES = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')


def _texts_of_script(script: str) -> set[str]:
    """Every text in quotes that has a blank between words or begins with a capital letter, and is not looked up."""
    script = re.sub(r"(?m)(?:^|(?<=[ ;{}]))//.*$", "", script)
    looked_up = {found.start(1) for found in SAID_IN_SCRIPT.finditer(script)}
    found = {
        (one[1] if one[1] is not None else re.sub(r"\$\{[^{}]*\}", "", one[2]))
        for one in _IN_QUOTES.finditer(script)
        if one.start(1) not in looked_up and one[0] != '"use strict"'
    }
    return {text for text in found if re.search(r"[a-z]{2,} +[a-z]|^[A-Z][a-z]", text)}


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_no_word_of_a_script_bypasses_the_catalogue(file: Path) -> None:
    texts = _texts_of_script(file.read_text("utf-8"))
    assert {text for text in texts if not re.match(NOT_READ.get(file.name, r"(?!)"), text)} == set()


def test_a_word_of_a_script_that_bypasses_the_catalogue_is_found() -> None:
    script = 'say("Known here"); show("Not known"); // "a comment here"\nshow(`It is ${n} of them`); x("key");'
    assert _texts_of_script(script) == {"Not known", "It is  of them"}


# Words that Keras, h5py and TensorFlow use for the same error; and what only those who build the site read.
NOT_OURS = (
    r"^Unable to |^Arguments? `(?:target|output)`|^The structures differ|^This engine is for|^Received: |"
    r"^lhs_spec|^no plain Python$|^self\.KIT = "
)


def test_no_sentence_of_the_page_in_the_browser_bypasses_the_catalogue() -> None:
    known = {" ".join(text.text.split()) for text in _all_texts()}
    files = [*sorted((ROOT / "browser" / "keras_in_page").rglob("*.py")), ROOT / "browser" / "pages.py"]
    missed = [
        f"{message.file.name}:{message.line}: {message.text}"
        for file in files
        for message in messages_of(file)
        if message.text not in known and languages._says_something(message.text)
        if not re.search(NOT_OURS, message.text)
    ]
    assert not missed, "\n".join(missed)


def test_nothing_is_filled_in_before_it_is_looked_up() -> None:
    """``_(f"...")`` is a text that no catalogue has."""
    wrong = [
        f"{file.name}:{node.lineno}"
        for file in sorted((ROOT / "autograder").rglob("*.py"))
        if "from autograder.language import" in file.read_text("utf-8")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
        if node.func.id in ("_", "say", "plural", "say_plural") and isinstance(node.args[0], ast.JoinedStr)
    ]
    assert not wrong, wrong


def test_no_function_has_another_meaning_of_the_underscore() -> None:
    """``_, x = pair`` makes ``_`` a variable of the whole function, and ``_("...")`` there an error."""
    wrong = []
    for file in sorted((ROOT / "autograder").rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            nodes = list(ast.walk(function))
            called = any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "_" for n in nodes)
            inner = [
                name
                for n in nodes
                if isinstance(n, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
                for generator in n.generators
                for name in ast.walk(generator.target)
            ]
            stored = any(
                isinstance(n, ast.Name) and n.id == "_" and isinstance(n.ctx, ast.Store) and n not in inner
                for n in nodes
            )
            if called and stored:
                wrong.append(f"{file.name}:{function.lineno}: {function.name}")
    assert not wrong, wrong


# -- a text with values ------------------------------------------------------------------------------------------------


def test_a_sentence_is_english_until_it_is_said(spoken: None) -> None:
    sentence = _("`{name}` still has no value.", name="x")
    assert sentence == "`x` still has no value."
    assert said(sentence).startswith("«`x` štîll háš ñö válûé.")
    assert said(pickle.loads(pickle.dumps(sentence))) == said(sentence)


def test_what_is_filled_in_is_said_in_the_same_language(spoken: None) -> None:
    inner = _("the shape of {name}", name="`x`")
    outer = _("{name} is {value}, {but}", name=beginning(inner), value="(2, 3)", but=_("which is not right"))
    assert outer == "The shape of `x` is (2, 3), which is not right"
    assert "thé šhápé öf `x`" in said(outer)
    assert "whîçh îš ñöt rîght" in said(outer)


def test_a_hint_keeps_its_name_in_every_language(spoken: None) -> None:
    hint = Hint(_("`{name}` flattens after a dense layer.", name="model"), id="some-name")
    assert hint_id(said(hint)) == hint_id(pickle.loads(pickle.dumps(hint))) == "some-name"
    assert said(hint) != hint
    assert said(said(hint)) == said(hint)


def test_numbers_are_written_as_the_language_does(spoken: None) -> None:
    assert number(1234.5, ",.1f") == "1'234,5"
    assert number(0.25, ".0%") == "25 %"
    share = _(
        "`{name}` gets {value:.0%} of the images right; guessing gets {guessing:.0%}.",
        name="x",
        value=0.5,
        guessing=0.25,
    )
    assert "50 % öf thé" in said(share)
    assert said(_("The value is {x:.2f}, in code `{x:.2f}`.", x=0.5)) == "The value is 0,50, in code `0.50`."
    with speaking(""):
        assert number(1234.5, ",.1f") == "1,234.5"


def test_english_has_two_forms_and_others_have_theirs(spoken: None) -> None:
    one, many = "Keras is using {backend} on {n} GPU.", "Keras is using {backend} on {n} GPUs."
    assert plural(one, many, 1, backend="x") == "Keras is using x on 1 GPU."
    assert plural(one, many, 2, backend="x") == "Keras is using x on 2 GPUs."
    assert "öñ 1 GPÛ. ñ" in said(plural(one, many, 1, backend="x"))
    assert "öñ 2 GPÛš. ñ" in said(plural(one, many, 2, backend="x"))


def test_a_translation_that_cannot_be_filled_in_is_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = languages.Text("`{name}` is not written yet.", "x.py", 1)
    path = languages.make_pseudo([text], tmp_path)
    po = path.read_text("utf-8")
    broken = po.replace("{name}` îš ñöt", "{nome}` îš ñöt")
    assert broken != po
    path.write_text(broken, "utf-8")
    (trouble,) = languages.compile_language(path)
    assert "the names in braces should be name" in trouble
    monkeypatch.setattr(languages, "trouble_with", lambda message: "")
    assert languages.compile_language(path) == []
    monkeypatch.setenv(language.FOLDERS, str(tmp_path))
    with speaking(languages.PSEUDO):
        assert say("`{name}` is not written yet.", name="f") == "`f` is not written yet."


@given(st.text(), st.text())
def test_whatever_is_filled_in_stays_as_it_is(name: str, other: str) -> None:
    assert _("{name} and {other}", name=name, other=other) == f"{name} and {other}"


def test_a_value_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in a catalogue fills in names, and reads nothing of what they stand for."""
    path = languages.make_pseudo([languages.Text("{name} is nan", "x.py", 1)], tmp_path)
    path.write_text(path.read_text("utf-8").replace("«{name}", "{name.__class__}"), "utf-8")
    monkeypatch.setattr(languages, "trouble_with", lambda message: "")
    languages.compile_language(path)
    monkeypatch.setenv(language.FOLDERS, str(tmp_path))
    with speaking(languages.PSEUDO):
        assert say("{name} is nan", name="x") == "x is nan"


NOUNS = (
    "answers|axes|cells|classes|columns|cores|days|exercises|failures|files|folders|hints|hours|images|layers|lines|"
    "minutes|names|notebooks|numbers|pages|pairs|people|points|rows|seconds|students|submissions|tasks|tests|units|"
    "values|weeks|workers"
)
# What is never one: numbers that were found to be too large, and limits.
NEVER_ONE = (
    "it has {count} layers; the limit is {most}",
    "The notebook has {count} cells; {most} is the limit.",
    "An array with {count} axes is not accepted; {most} is the limit.",
    "Of {count} images only {left} are left, some of them several times.",
    "The binary loss is for one yes-or-no answer. Here one of {count} classes is right: choose again.",
    "`{name}` outputs {n} numbers for each image, but there are {classes} classes.",
    "`{name}` outputs {n} number for each image, but there are {classes} classes.",
    "holds label {max}, but {kind} has {classes} classes",
    "{finished} of {total} answers graded{known}{pace}",
    "{exercise}: {compared} submissions compared; {n} pair shares more than chance allows. It is a reason to ask, not a"
    " verdict.",
    "A pair needs {bits:.1f} bits. In a class of honest students of this size who choose their answers independently,"
    " at most {chance} pairs are expected to reach that. Students who learned in one group, or from one text, are not"
    " independent.",
    "{failures} submissions in a row could not be graded, so something is wrong here and not with them: {why}. What"
    " was graded is kept. `autograder doctor` may say more.",
    "{count} submissions are more than can be compared at once ({most}). Split the class into several course"
    " directories, and compare within each.",
)


def test_a_number_and_what_it_counts_agree() -> None:
    """ "1 points": a number that a word for many follows is said with `plural`, which has another form for one."""
    counted = re.compile(
        rf"\{{(?!(?:dtype|key|kind|label_dtype|which)\b)(\w+)(?::[^{{}}]*)?\}} (?:(?!of\b)[a-z]+ )?(?:{NOUNS})\b"
    )
    wrong = [
        f"{text.file}:{text.line}: {text.text}"
        for text in _all_texts()
        for one in [text.text]
        if counted.search(one) and one not in NEVER_ONE and not any(found == "n" for found in counted.findall(one))
    ]
    of = [
        f"{text.file}:{text.line}: {text.text}"
        for text in _all_texts()
        if re.search(r"\{\w+[^{}]*\} of \{(?!n\b)\w+[^{}]*\} (?:points|students|images)\b", text.text)
    ]
    assert not wrong + of, "\n".join(wrong + of)


def test_a_number_with_a_fraction_has_a_form(spoken: None) -> None:
    one, many = "{n:g} point given by hand.", "{n:g} points given by hand."
    assert (plural(one, many, 1.0), plural(one, many, 2.5)) == ("1 point given by hand.", "2.5 points given by hand.")
    assert "1 pöîñt gîvéñ" in said(plural(one, many, 1.0))
    assert "2,5 pöîñtš gîvéñ" in said(plural(one, many, 2.5))
    with speaking(""):
        assert outcome.of_points(1, 1) == "1 of 1 point"
        assert outcome.of_points(0.5, 2) == "0.5 of 2 points"


THREE_FORMS = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"


@pytest.mark.parametrize("code", ["pl", "xx"])
def test_a_language_with_three_forms(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that Babel knows, and one whose translator says how many forms it has; both after an update, too."""
    texts = [
        languages.Text("{n} hour", "x.py", 1, "{n} hours"),
        languages.Text("{n:g} point given by hand.", "x.py", 2, "{n:g} points given by hand."),
        *(languages.Text(sign, "x.py", 3, context=context) for sign, context in languages._SIGNS.items()),
    ]
    po = tmp_path / code / "LC_MESSAGES" / "autograder.po"
    languages.write(languages.updated(po, texts), po)
    content = po.read_text("utf-8")
    if code == "xx":
        content = re.sub(r"nplurals=2; plural=\(n != 1\);", THREE_FORMS, content)
        content = content.replace('msgstr[1] ""', 'msgstr[1] ""\nmsgstr[2] ""')
    assert content.count('msgstr[2] ""') == 2
    for number_, words in enumerate(("godzina", "godziny", "godzin")):
        content = content.replace(f'msgstr[{number_}] ""', f'msgstr[{number_}] "{{n}} {words}"', 1)
    for number_, words in enumerate(("punkt", "punkty", "punktów")):
        content = content.replace(f'msgstr[{number_}] ""', f'msgstr[{number_}] "daje {{n:g}} {words}"', 1)
    po.write_text(content.replace('msgid "."\nmsgstr ""', 'msgid "."\nmsgstr ","'), "utf-8")
    languages.write(languages.updated(po, [*texts, languages.Text("New here", "x.py", 4)]), po)
    assert languages.compile_language(po) == []
    monkeypatch.setenv(language.FOLDERS, str(tmp_path))

    def hours(n: int) -> str:
        return language.say_plural("{n} hour", "{n} hours", n)

    with speaking(code):
        told = [hours(n) for n in (0, 1, 2, 4, 5, 11, 12, 14, 21, 22, 25, 102, 112)]
        one, many = "{n:g} point given by hand.", "{n:g} points given by hand."
        points = [language.say_plural(one, many, n) for n in (1.0, 1.5, 2.5, 4.5, 5.0)]
        assert language.tag() == code
    words = ["godzin", "godzina", "godziny", "godziny", *["godzin"] * 5, "godziny", "godzin", "godziny", "godzin"]
    assert [text.partition(" ")[2] for text in told] == words
    assert points == ["daje 1 punkt", "daje 1,5 punkty", "daje 2,5 punkty", "daje 4,5 punkty", "daje 5 punktów"]


# f-strings that write a number, but not for a person who reads the language in use.
PLAIN_NUMBERS = {
    "deadlines.py": "the hour, which `moment` puts where the language has it",
    "lock.py": "in a file, so that a person who looks into it knows whose it is",
    "arrivals.py": "the hour before a line of a log",
    "work.py": "the hour before a line of a log",
    "standing.py": "the hour",
    "expect.py": "a value as Python writes it",
    "submission.py": "of a history, to keep four digits; for a message that is about code",
    "systems.py": "for an LMS",
    "limits.py": "the book's table",
    "svg.py": "places in a drawing",
}


def test_numbers_in_texts_are_written_by_the_language() -> None:
    """``f"{share:.0%}"`` has a point and no blank whatever the language is: `number`, or a name in a text of `_`."""
    wrong = [
        f"{file.name}:{node.lineno}: {ast.unparse(node)[:80]}"
        for file in sorted((ROOT / "autograder").rglob("*.py"))
        if file.name not in PLAIN_NUMBERS
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None
        if re.search(
            r"[,fg%]",
            "".join(ast.literal_eval(part) for part in node.format_spec.values if isinstance(part, ast.Constant)),
        )
    ]
    assert not wrong, "\n".join(wrong)


# -- what commands print ----------------------------------------------------------------------------------------------


def _words(text: str) -> str:
    """What is left of lines that a command printed without paths, names, numbers and what is in another language."""
    text = re.sub(r"«[^«»]*»", "", re.sub(r"«[^«»]*»", "", text))
    return " ".join(re.findall(r"[A-Za-z]{3,}", re.sub(r"\S*[/.\-_]\S*", "", text)))


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    for student in ("ada", "bob"):
        folder = tmp_path / "in" / student / "02-one-hot-encoding"
        folder.mkdir(parents=True)
        shutil.copy(find_exercise("02-one-hot-encoding").notebook, folder)
    (tmp_path / "in" / "notes.txt").write_text("nothing", "utf-8")
    (tmp_path / "course").mkdir()
    return tmp_path / "course"


def test_commands_print_in_the_language_of_their_course(
    small_course: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one in that of whoever asks; with neither, in English. Only words differ."""
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    monkeypatch.setenv("AUTOGRADER_LANGUAGE", "en")
    collect = ["collect", str(small_course.parent / "in"), "02-one-hot-encoding", "--course", str(small_course)]
    settings_file = small_course / "autograder.json"

    def run(*command: str) -> tuple[int, str]:
        status = cli.main(command)
        return status, "".join(capsys.readouterr())

    assert run(*collect, "--dry-run")[1].startswith("02-one-hot-encoding: 2 would be collected from")
    settings_file.write_text('{"language": "qps"}', "utf-8")
    status, told = run(*collect)
    assert status == 0
    assert told.startswith("«02-one-hot-encoding: 2 ")
    assert _words(told) == "", told
    for command, expected in (
        (["report", "02-one-hot-encoding", "--course", str(small_course)], 2),
        (["report", "02-one-hot-encodin", "--course", str(small_course)], 2),
        (["feedback", "02-one-hot-encoding", "--course", str(small_course), "--as", "moodle"], 2),
        (["receipt", str(settings_file), "--course", str(small_course)], 2),
        (["grade", "03-dense-networks", "--course", str(small_course), "--sandbox", "off"], 0),
        (["grade", "02-one-hot-encoding", "--course", str(small_course), "--json", str(small_course)], 2),
    ):
        status, told = run(*command)
        assert (status, _words(told.replace("autograder: ", ""))) == (expected, ""), told
    settings_file.write_text('{"language": "qps", "limits": {"cell_second": 1}}', "utf-8")
    grade = ["grade", "02-one-hot-encoding", "--course", str(small_course), "--sandbox", "off"]
    assert _words(run(*grade)[1].replace("autograder: ", "")) == ""
    settings_file.write_text('{"langage": "qps"}', "utf-8")  # a slip: nobody knows the course's language
    assert "there is no setting called 'langage'" in run(*grade)[1]
    monkeypatch.setenv("AUTOGRADER_LANGUAGE", "qps")
    assert "théré îš ñö" in run(*grade)[1]
    settings_file.write_text('{"language": "en"}', "utf-8")
    assert run(*collect)[1].startswith("02-one-hot-encoding: 2 collected from")
    assert "«" in run("grade", "x", "--course", str(small_course.parent / "nowhere"))[1]
    assert language.language() == "qps"  # nothing is left behind


def test_what_programs_read_is_the_same_in_every_language(
    small_course: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    found = {}
    for name in ("en", "qps"):
        monkeypatch.setenv("AUTOGRADER_LANGUAGE", name)
        shutil.rmtree(small_course)
        (small_course / "submitted").mkdir(parents=True)
        assert cli.main(["grade", "02-one-hot-encoding", "--course", str(small_course), "--json", "-"]) == 0
        found[name] = capsys.readouterr().out
    assert found["en"] == found["qps"] == '{\n "exercise": "02-one-hot-encoding",\n "submissions": []\n}\n'


def test_help_is_in_the_language_of_whoever_asks(
    made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the words that argparse has of its own, and for what stands for a value."""
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    monkeypatch.setenv("AUTOGRADER_LANGUAGE", "qps")
    monkeypatch.setenv("COLUMNS", "2000")  # each help on one line
    for command in ([], ["grade"], ["send"], ["probe"]):
        with pytest.raises(SystemExit):
            cli.main([*command, "--help"])
        lines = capsys.readouterr().out.splitlines()
        helps = [line for line in lines if re.match(r" {2,}\S.* {2,}\S", line) and "help" not in line.split()[1]]
        helps = [line for line in helps if "--version" not in line]
        assert len(helps) > 5
        assert all("«" in line for line in helps), helps


# -- which language ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "C.UTF-8"),
        ({"LANG": "de_AT.UTF-8"}, "de_AT.UTF-8"),
        ({"LANG": "de_AT.UTF-8", "LANGUAGE": "fr:de"}, "fr:de"),
        ({"LANGUAGE": "fr", "AUTOGRADER_LANGUAGE": "es"}, "es"),
        ({"LANG": "de_DE", "LC_ALL": "C"}, "C"),
    ],
)
def test_a_process_has_the_language_of_whoever_started_it(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in language._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language.language() == expected


def test_a_language_without_a_catalogue_is_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / f"{language.DOMAIN}.mo").write_bytes(b"no catalogue")
    monkeypatch.setenv(language.FOLDERS, str(tmp_path))
    for name in ("xx", "yy_ZZ", "C.UTF-8", "en_GB", "", "../../etc"):
        with speaking(name):
            assert said("Not yet") == "Not yet"
            assert language.tag() == "en"


def test_a_region_s_language_is_its_language(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    with speaking("yy:qps_AT.UTF-8"):
        assert said("Not yet").startswith("«")
        assert language.tag() == "qps"
    assert languages.PSEUDO in language.languages()


# -- grades do not change with the language ----------------------------------------------------------------------------

_SMALL = {"01-image-classification", "02-one-hot-encoding"}


@pytest.mark.parametrize("exercise", sorted(_SMALL))
def test_a_grade_is_the_same_in_every_language(exercise: str, spoken: None) -> None:
    """Wrong answers and right ones: points, outcomes and the names of hints are the same; all words are others."""
    (catalogue,) = [c for c in catalogues() if c.exercise == exercise]
    tried = [(entry.answers, entry.check) for entry in catalogue.wrong[::9]]
    tried += [(entry.answers, None) for entry in catalogue.right[:1]]
    assert len(tried) > 4
    for answers, check in tried:
        here = try_answers(exercise, answers, only=check)
        with speaking(""):
            english = try_answers(exercise, answers, only=check)
        assert [_but_words(result) for result in here] == [_but_words(result) for result in english]
        for result, other in zip(here, english, strict=True):
            for test, same in zip(result.tests, other.tests, strict=True):
                assert test.title != same.title
                if test.outcome is not Outcome.PASSED:
                    assert test.message.startswith("«"), test.message
                    assert all(hint.startswith("«") for hint in test.hints), test.hints


@pytest.mark.sandbox
def test_a_course_s_language_is_that_of_its_results_and_pages(
    fork_server: ForkServer, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graded in the sandbox in two languages: the same grade, other words, and a page that names its language."""
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    exercise = find_exercise("02-one-hot-encoding")
    notebook = nbformat.read(exercise.notebook, 4)
    notebook.cells = notebook.cells[:-1]  # something to repair, which is told, too
    notebook.cells.insert(0, new_code_cell("import no_such_package_here"))
    graded = {}
    for name in ("", languages.PSEUDO):
        with speaking(name):
            done = grade(nbformat.writes(notebook).encode(), exercise, fork_server, Limits())
            assert done.notebook is not None
            graded[name] = done.result, feedback_page(done.notebook, done.result)
    (english, page), (result, other) = graded.values()
    assert [_but_words(check) for check in result.checks] == [_but_words(check) for check in english.checks]
    assert (result.score, result.max_score) == (english.score, english.max_score)
    assert page.count("«") == 0
    assert "no_such_package_here` is not installed where exercises are graded. It costs you" in page
    assert "no_such_package_here` îš ñöt îñštálléd whéré" in other
    assert [said(thing) for thing in result.surroundings] == ["the package `no_such_package_here`"]  # as it is kept
    assert '<html lang="en">' in page
    assert '<html lang="qps">' in other
    told = re.sub(
        r"<[^<>]*>", "", "".join(re.findall(r"<li>.*?</li>|<p class=\"(?:note|label)\">.*?</p>", other, re.S))
    )
    assert told.count("«") > 20
    for english_words in ("points", "right", "Your answer", "There is no", "was restored", "put back"):
        assert english_words not in told, told
    # What later changes the page finds its way in it, whatever its language.
    with speaking(languages.PSEUDO):
        marked = with_marks(other, 5.0, [Mark("encoded", points=4.0)])
        late = with_late_penalty(marked, 0.5)
        assert 'data-score="4.5"' in late
        assert "0,5" in re.findall(r'<li class="late-penalty".*', late)[0]
        assert 'data-score="5.0"' in with_late_penalty(late, 0.0)
        assert re.findall(r'<li class="by-hand">.*</li>', marked) == [
            '<li class="by-hand"><code>encoded</code>: «4 pöîñtš gîvéñ bý háñd. ñ ñ ñ»</li>'
        ]


def test_a_course_can_only_have_a_language_that_is_there(tmp_path: Path, spoken: None) -> None:
    (tmp_path / "autograder.json").write_text('{"language": "qps"}', "utf-8")
    assert settings.read(tmp_path, list).language == "qps"
    (tmp_path / "autograder.json").write_text('{"language": "xx"}', "utf-8")
    with pytest.raises(BadSetting, match=r'"xx".* en, qps\.'):
        settings.read(tmp_path, list)


@pytest.mark.parametrize(
    ("content", "language"),
    [
        (b'{"language": "qps"}', "qps"),
        (b'\xef\xbb\xbf{"language": "qps"}', "qps"),  # as Windows' Notepad saves it, too
        (b'{"language": "xx"}', ""),
        (b'{"language": ["qps"]}', ""),
        (b"[]", ""),
        (b"{", ""),
    ],
)
def test_what_is_said_before_settings_are_checked_is_in_the_courses_language(
    tmp_path: Path, spoken: None, content: bytes, language: str
) -> None:
    (tmp_path / "autograder.json").write_bytes(content)
    assert language_of(tmp_path) == language


def test_dates_are_written_as_the_language_does(spoken: None) -> None:
    due = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    late = Lateness(due, datetime(2026, 11, 22, 1, 0, tzinfo=UTC), False, 90_060.0, 2, 12.5)
    with speaking(""):
        assert late.says == (
            "It was due on Fri 20 Nov 2026, 23:59 (UTC); it was handed in on Sun 22 Nov 2026, 01:00, 1 day 1 hour late."
            " That takes off 12.5 % of its points."
        )
    assert "«Frî ñ»" in late.says
    assert "«Ñöv ñ»" in late.says
    assert " 12,5 %" in late.says
    assert not re.search(r"\b(?:It was|handed|day|hour|late)\b", late.says)


def test_what_a_report_leaves_out_it_leaves_out_in_every_language(spoken: None) -> None:
    assert says_limits_only(LIMITS_ONLY_NOTE)
    assert said(LIMITS_ONLY_NOTE) != LIMITS_ONLY_NOTE
    assert says_limits_only(said(LIMITS_ONLY_NOTE))
    assert not says_limits_only("Locked cells were out of order; their order was restored.")


def test_what_the_sandbox_prints_below_a_cell_is_said_in_the_page(spoken: None) -> None:
    """In the sandbox it is English, whatever the course's language is; a learner's own lines stay as they are."""
    with speaking(""):
        namespace: dict[str, object] = {}
        around = Surroundings(namespace)
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as printed:
            patch.setattr(builtins, HELPER, around, raising=False)
            for cell in ("import seaborn_x", "open('numbers.csv').read()"):
                exec(compile(around.visit(ast.parse(cell)), "cell", "exec"), namespace)
        english = printed.getvalue()
    assert english == (
        "`seaborn_x` is not installed where exercises are graded. It costs you nothing in tasks that do not need it.\n"
        "The file `numbers.csv` is not there where exercises are graded. It costs you nothing in tasks that do not need"
        " it.\n"
    )
    mine = "my own `line`\nexit() would end the notebook here. The grader goes on to the end.\n"
    output = new_output("stream", name="stderr", text=english + mine)
    notebook = new_notebook(cells=[new_code_cell("", outputs=[output])])
    make_safe(notebook)
    first, second, third, last = notebook.cells[0].outputs[0].text.splitlines()
    assert first.startswith("««`seaborn_x` îš ñöt îñštálléd")
    assert "`numbers.csv` îš ñöt théré" in second
    assert third == "my own `line`"
    assert last.startswith("«éxît() wöûld")
    with speaking(""):
        assert in_reader_s_language(english + mine) == english + mine
    assert said(described("package", "seaborn")).startswith("«thé páçkágé `seaborn`")


def test_what_crosses_the_sandbox_can_still_be_said(spoken: None) -> None:
    """Names of kinds of values, and why a model cannot be rebuilt."""
    found = wire.decode(wire.encode(np.array([object()])))
    assert found == wire.Opaque("NumPy array of object")
    assert "ÑûmPý" not in found.type_name
    assert said(found.type_name).startswith("«ÑûmPý árráý öf object")
    assert said(wire.decode(wire.encode(found)).type_name) == said(found.type_name)  # a second time
    assert wire.type_name(np.zeros(1)) == "NumPy array"
    assert said(wire.type_name(np.zeros(1))).startswith("«ÑûmPý")
    many = wire.decode(wire.encode(dict.fromkeys(range(300_000))))
    assert (many.type_name, "300'000" in said(many.type_name)) == ("dict of 300,000 items", True)
    with pytest.raises(wire.NotPlain) as refused:
        wire.read_npy(b"")
    assert said(refused.value.why).startswith("«Áñ árráý dîd ñöt")
    why = _("it has {parameters:,} parameters; the limit is {most:,}", parameters=3_000_000, most=2_000_000)
    there = arrived(json.loads(json.dumps(across(why))))
    assert there == why
    assert "3'000'000 párámétérš" in said(there)


@pytest.mark.parametrize(
    "data",
    [
        ["{x:>999999999}", {"x": "1"}],
        ["{x:0999999999d}", {"x": 1}],
        ["{x:{y}}", {"x": 1.5, "y": ">999999999"}],
        ["{x.__class__}", {"x": "a"}],
        ["{x", {"x": "a"}],
        ["{0}", {}],
        ["{x}", {"x": ["a"]}],
        ["{x:.9f}", {"x": 1e300}],
        ["{x:d}", {"x": "a"}],
        [1, 2, 3],
        {"x": 1},
        None,
    ],
)
def test_a_sentence_that_arrives_is_not_believed(data: object) -> None:
    assert arrived(data) == ""


def test_a_sentence_that_arrives_is_short() -> None:
    assert len(arrived(["{x}" * 90, {"x": "y" * 100_000}])) <= 300
    assert arrived(["a\n\x1b[31mb {x}", {"x": "c\u202ed\n" * 2}]) == "a b c d c d"
    assert arrived("it is a list.") == "it is a list"


def test_the_page_of_a_probe_is_in_the_language_of_whoever_asks(spoken: None) -> None:
    page = probe_page()
    assert '<html lang="qps">' in page
    told = re.sub(r"<style>.*?</style>|<pre.*?</pre>|<code>.*?</code>|<[^<>]*>", "\0", page, flags=re.S)
    for _level in range(3):
        told = re.sub(r"«[^«»]*»", "", told)
    assert re.findall(r"[A-Za-z]{3,}", told) == ["softmax"] * 6, told  # the task's name
    assert "1&#39;234" in page
    assert all(line.startswith("«") or "softmax" in line for line in probe_report.lines(probe_findings())[1:6])


@pytest.mark.browser
def test_the_page_in_the_browser_is_in_the_language_of_the_site(
    browser: Browser, tmp_path: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our part of it, around a notebook that is not there. What it says while it looks is in it, too, with numbers."""
    monkeypatch.setenv(language.FOLDERS, str(made_up))
    for name in ("en", languages.PSEUDO):
        folder = tmp_path / name / "exercises"
        (folder / "notebooks").mkdir(parents=True)
        (folder / "static" / "pyodide").mkdir(parents=True)
        (folder / "service-worker.js").write_text("", "utf-8")
        (folder / "notebooks" / "index.html").write_text("<head></head>", "utf-8")
        with speaking(name):
            pages.write(folder, pages.notebooks(None), "0", {}, [])
        with served(folder.parent) as address:
            context = browser.new_context(service_workers="block")
            page = context.new_page()
            page.goto(f"{address}/exercises/04-softmax.html")
            page.locator("#state", has_text=re.compile("Opening|Öpéñîñg")).wait_for()
            assert page.locator("html").get_attribute("lang") == name
            named = "[...document.querySelectorAll('[aria-label], [title]')].map((one) => one.ariaLabel ?? one.title)"
            told = page.locator("body").inner_text() + page.evaluate(f"{named}.join(' ')")
            unfetched = "{unfetched: 'a/b.whl', why: 'status', status: 404}"
            sizes = page.evaluate(f"[megabytes(1234567), whyUnfetched({unfetched})]")
            page.goto(f"{address}/exercises/")
            told += page.locator("body").inner_text()
            context.close()
        if name == "en":
            assert "Start over" in told
            assert sizes[0] == "1.2"
            assert sizes[1].startswith("b.whl is missing on 127.0.0.1:")
            continue
        assert sizes[1].startswith("«b.whl îš mîššîñg öñ 127.0.0.1:")
        for title in [notebook.title for notebook in pages.notebooks(None)]:
            told = told.replace(title, "")
        assert re.findall(r"[A-Za-z]{3,}", re.sub(r"«[^«»]*»", "", told)) == [], told


def test_the_page_for_grading_is_given_its_sentences(tmp_path: Path, spoken: None) -> None:
    (tmp_path / "autograder.json").write_text('{"language": "qps"}', "utf-8")
    with speaking(""):
        given = Grading(tmp_path, "auto").texts()
    assert given["language"] == "qps"
    scripts = [file for file in SCRIPTS if file.is_relative_to(ROOT / "autograder")]
    assert set(given["texts"]) == {text for file in scripts for text in SAID_IN_SCRIPT.findall(file.read_text("utf-8"))}
    assert given["texts"]["{exercise}: making ready"].startswith("«{exercise}: mákîñg")
    assert all(text.startswith("«") for text in given["texts"].values())


def test_a_report_is_in_the_language_of_its_course(tmp_path: Path, spoken: None) -> None:
    """The page and its five lines, with numbers and plurals; what students wrote, and the exercise's words, stay."""
    class_of_300.write_class(tmp_path)
    (tmp_path / "autograder.json").write_text('{"language": "qps"}', "utf-8")
    with speaking(""):
        report = write_report(Course(tmp_path), class_of_300.NAME)
    page = report.page.read_text("utf-8")
    assert '<html lang="qps">' in page
    assert "márkš: 24. Ñö pöîñtš: 3." in page
    assert "thé médîáñ îš 19,5." in page
    assert "(36 %) wéré töld:" in page
    assert all(line.startswith("«") for line in report.summary)
    told = re.sub(r"<style>.*?</style>|<[^<>]*>", " ", page, flags=re.S)
    for words in ("Scores", "median", "Look at by hand", "not attempted", "students", "Handed in", "The same work"):
        assert words not in told


PAGE = ROOT / "book" / "add-a-language.md"


@pytest.mark.slow
def test_the_page_followed_literally_makes_a_language(tmp_path: Path) -> None:
    """With a language that does not exist; the translator's part is done by a program."""
    commands = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    begin, attempt, made_up, up_to_date = commands
    for name in ("autograder", "tools", "book/_ext"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOGRADER_", "LANG", "LC_"))}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8"}
    environment["PYTHONPATH"] = str(tmp_path)

    def run(script: str, expected: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr

    po = tmp_path / "autograder" / "languages" / "xx" / "LC_MESSAGES" / "autograder.po"
    assert re.search(r": 0 of \d{4} texts translated", run(begin))
    text = po.read_text("utf-8")
    for msgid, msgstr in (
        ("Not yet", "Noch nicht"),
        ("`{name}` still has no value.", "`{nome}` hat noch keinen Wert."),
    ):
        assert f'msgid "{msgid}"\nmsgstr ""' in text
        text = text.replace(f'msgid "{msgid}"\nmsgstr ""', f'msgid "{msgid}"\nmsgstr "{msgstr}"')
    po.write_text(text, "utf-8")
    assert "the names in braces should be name" in run(attempt, 1)
    po.write_text(text.replace("{nome}", "{name}"), "utf-8")
    tried = run(attempt)
    assert re.search(r": 2 of \d{4} texts translated\nNoch nicht\n$", tried), tried
    run(made_up)
    assert (
        run("AUTOGRADER_LANGUAGE=qps python -c 'from autograder.language import say; print(say(\"Right\"))'")
        == "«Rîght ñ»\n"
    )
    new = tmp_path / "autograder" / "learner" / "notebook.py"
    new.write_text(new.read_text("utf-8") + '\n_NEW = _("A text that is new here.")\n', "utf-8")
    assert re.findall(r": (2) of \d{4} texts", run(up_to_date)) == ["2", "2"]
    assert 'msgid "A text that is new here."' in po.read_text("utf-8")


def _but_words(result: object) -> str:
    content = result.to_json()  # type: ignore[attr-defined]
    for test in (content, *content["tests"]):
        for words in ("message", "hint", "title"):
            test.pop(words, None)
    return json.dumps(content)


def test_every_name_in_braces_is_given() -> None:
    """A name that a text has and its call does not is an error only when somebody gets that text."""
    wrong = []
    for file in sorted((ROOT / "autograder").rglob("*.py")):
        source = file.read_text("utf-8")
        if "from autograder.language import" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            texts = {"_": 1, "say": 1, "plural": 2, "say_plural": 2}.get(node.func.id, 0)
            given = {keyword.arg for keyword in node.keywords} | ({"n"} if texts == 2 else set())
            for part in node.args[:texts]:
                for line, text in languages._literals(part):
                    asked = set(languages._names(text)) if given or texts == 2 else set()
                    if asked - given or (texts == 1 and given - asked):
                        wrong.append(f"{file.name}:{line}: {text!r} with {sorted(map(str, given))}")
            if texts and not node.keywords and texts == 1 and isinstance(node.args[0], ast.Constant):
                names = languages._names(str(node.args[0].value))
                if names and all(name.isidentifier() for name in names):
                    wrong.append(f"{file.name}:{node.lineno}: {node.args[0].value!r} with nothing")
    assert not wrong, "\n".join(wrong)
