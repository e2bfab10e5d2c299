"""Other languages: what stands in no catalogue, and what a made-up language changes: words, and nothing but words."""

from __future__ import annotations

import ast
import json
import pickle
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue import catalogues, try_answers
from hypothesis import given
from hypothesis import strategies as st
from kit import ROOT

from autograder import language
from autograder.exercise.outcome import Hint, Outcome, hint_id
from autograder.language import _, beginning, number, plural, said, say, speaking

sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "book" / "_ext")]

import languages  # noqa: E402
from kitbook.messages import messages_of  # noqa: E402

# Rooms whose every sentence goes through a catalogue. It may only get longer.
CONVERTED = ("backend", "checks", "exercise", "learner")
# Texts of theirs that nobody is told, or that are the same in every language.
NO_WORDS = {
    "causes.py": r"NameError",
    "checking.py": r"cacheprovider|pytest|cannot be run|has no class|^it has",  # for whoever writes checks
    "drawing.py": r"no data tell",
    "expect.py": r"to_reach needs|to_have_learned needs",
    "habits.py": r"\\|\{'lr'|\(|positional argument|No module named|Invalid filepath|Received instead",  # of errors
    "networks.py": r"^softmax along axis 0$",
    "observe.py": r"^softmax along axis|^of its own$",
    "outcome.py": r"^out of memory$",
    "passages.py": r"^\{parts",
    "submission.py": r"^your cell stopped with$|^\{self\.value\} on|^accuracy of|^not a Keras model$|^class of your",
    "wire.py": r"too large|that is|items$|NumPy array|\{(MAX_|dtype|len)",
    "test_03_dense_networks.py": r"^dense \{positive\}",
    "test_04_softmax.py": r"^out of bounds$",
    "test_05_overfitting.py": r"^learning rate too large$|^no attribute|^but it is a dict\.$",
    "test_06_how_a_network_learns.py": r"^accuracy of",
}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up language's catalogue."""
    folder = tmp_path_factory.mktemp("languages")
    languages.make_pseudo(languages.all_texts(), folder)
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


@pytest.mark.parametrize("room", CONVERTED)
def test_no_sentence_bypasses_the_catalogue(room: str) -> None:
    known = {" ".join(one.split()) for text in languages.all_texts() for one in (text.text, text.many)}
    missed = [
        f'{message.file.name}:{message.line}: {message.text}: write _("...", name=value), or say("...")'
        for file in _files(room)
        for message in messages_of(file)
        if message.text not in known and languages._says_something(message.text)
        if not re.search(NO_WORDS.get(file.name, r"(?!)"), message.text)
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


@pytest.mark.parametrize("room", CONVERTED)
def test_each_value_of_a_text_is_given(room: str) -> None:
    """Else a check breaks when it is about to say what is wrong."""
    lacking = []
    for path in sorted((ROOT / "autograder" / room).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("_", "plural")):
                continue
            given = {keyword.arg for keyword in call.keywords} | ({"n"} if call.func.id == "plural" else set())
            texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            fields = (field for text in texts for _, field, _, _ in string.Formatter().parse(text) if field)
            if missing := {re.split(r"[.\[]", field)[0] for field in fields} - given:
                lacking.append(f"{path.name}:{call.lineno}: {sorted(missing)}")
    assert lacking == []


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
    one, many = "Keras computes with {backend}, on {n} GPU.", "Keras computes with {backend}, on {n} GPUs."
    assert plural(one, many, 1, backend="x") == "Keras computes with x, on 1 GPU."
    assert plural(one, many, 2, backend="x") == "Keras computes with x, on 2 GPUs."
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


def _but_words(result: object) -> str:
    content = result.to_json()  # type: ignore[attr-defined]
    for test in (content, *content["tests"]):
        for words in ("message", "hint", "title"):
            test.pop(words, None)
    return json.dumps(content)
