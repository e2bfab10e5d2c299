"""In which language people are told things.

Every sentence stands in English where it is said. A text with something to fill in is written

    _("`{name}` has {count} layers.", name=name, count=count)

and is English, too, until somebody reads it: `said` then says it in the reader's language, out of a catalogue of
gettext's (``languages/CODE/LC_MESSAGES/autograder.mo``) whose keys are the English texts. So whatever compares, counts
or keeps a message on the way sees English, and nothing but words depends on a language. What stands in no catalogue
stays English. The book's page *Add a language* says how one is made; ``tools/languages.py`` gathers the texts.
"""

from __future__ import annotations

import difflib
import gettext
import html
import json
import os
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Self

DOMAIN = "autograder"
ENGLISH = "en"
FOLDERS = "AUTOGRADER_LANGUAGES"  # more folders with catalogues, as for courses with exercises of their own
_OWN = Path(__file__).resolve().parent / "languages"
# Where a process's own language stands, the first that says something; the last four as for other programs.
_VARIABLES = ("AUTOGRADER_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
SAID_IN_SCRIPT = re.compile(r'\bsay\("((?:[^"\\]|\\.)*)"')  # a text in a page's script, as it is written there
_chosen: ContextVar[str] = ContextVar("language", default="")
_chosen_for_all = ""


class Sentence(str):
    """An English text that remembers what it was made of, so that it can be said in another language.

    Args:
        template: the text, with names in braces for what is filled in.
        values: what is filled in, by name.
        many: the template for all numbers but one, where there is a number to look at: ``values["n"]``.
    """

    __slots__ = ("many", "template", "values")
    template: str
    values: Mapping[str, Any]
    many: str

    def __new__(cls, template: str, values: Mapping[str, Any], many: str = "") -> Self:
        text = many if many and values["n"] != 1 else template
        sentence = super().__new__(cls, cls._finished(_filled(text, values, str, {})))
        sentence.template, sentence.values, sentence.many = template, values, many
        return sentence

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.template, dict(self.values), self.many)

    @staticmethod
    def _finished(text: str) -> str:
        return text

    def in_reader_s_language(self) -> str:
        """The text as a reader of the language in use is told it."""
        catalogue = _catalogue(language())
        if self.many:
            text = catalogue.ngettext(self.template, self.many, _counted(self.values["n"]))
        else:
            text = catalogue.gettext(self.template) if self.template else ""
        try:
            return self._finished(_filled(text, self.values, said, _signs()))
        except (KeyError, ValueError, IndexError, TypeError):  # a translation with a name that the text does not have
            return str(self)


class _Beginning(Sentence):
    """The same as the beginning of another sentence, with a capital letter where the language has them."""

    __slots__ = ()

    @staticmethod
    def _finished(text: str) -> str:
        return text[:1].upper() + text[1:]


def _(text: str, /, **values: Any) -> Sentence:
    """A sentence to be said later (see `said`): `text` with values for the names in its braces."""
    return Sentence(text, values)


def as_sentence(text: str) -> Sentence:
    """The text itself if it is one already; else one that a catalogue may have."""
    return text if isinstance(text, Sentence) else Sentence(text, {})


def beginning(text: str) -> Sentence:
    """The text where a sentence begins: with a capital letter."""
    made = as_sentence(text)
    return _Beginning(made.template, made.values, made.many)


def plural(one: str, many: str, n: float, /, **values: Any) -> Sentence:
    """The same for a text that depends on a number, which stands in it as ``{n}``, or ``{n:g}`` if it may be 2.5.

    English has two forms; others more.

    Args:
        one: for 1.
        many: for every other number.
    """
    return Sentence(one, {**values, "n": n}, many)


def joined(texts: Sequence[str], between: str = " ") -> Sentence:
    """Several texts as one, each said in its turn."""
    names = [f"part{number}" for number in range(len(texts))]
    values = dict(zip(names, texts, strict=True)) | {"between": between}
    return Sentence("{between}".join(f"{{{name}}}" for name in names), values)


def said(text: str) -> str:
    """What somebody reads: `text` in the language in use. A text that no catalogue has stays as it is."""
    if isinstance(text, Sentence):
        return text.in_reader_s_language()
    return _catalogue(language()).gettext(text) if text else text


def say(text: str, /, **values: Any) -> str:
    """`said` at once: for what is shown where it is written."""
    return said(Sentence(text, values))


def say_plural(one: str, many: str, n: float, /, **values: Any) -> str:
    """`plural`, said at once."""
    return said(plural(one, many, n, **values))


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to say of a name that is none of those known: the one that is spelt most like it, else `otherwise`."""
    close = difflib.get_close_matches(name, list(known), 1)
    return say("Did you mean '{close}'?", close=close[0]) if close else otherwise


def translated(text: str, many: str = "", n: float = 1) -> str:
    """A text in the language in use with its names in braces, for whoever fills them in (see `filled`)."""
    if not many:
        return _catalogue(language()).gettext(text) if text else text
    return _catalogue(language()).ngettext(text, many, _counted(n))


def texts_in_script(script: str) -> list[str]:
    """The English texts of a page's script, each as what `say("...")` is called with there."""
    return [json.loads(f'"{text}"') for text in SAID_IN_SCRIPT.findall(script)]


def _counted(n: float) -> int:
    """The number by which gettext chooses a form. It takes none with a fraction; all these get the form of three, which
    is the plural of languages with two forms, and what several with three say ("2,5 балла")."""
    return int(n) if n == int(n) else 3


def filled(text: str, values: Mapping[str, Any], instead: str) -> str:
    """A text that `translated` gave with `values` for its names; made of `instead` if it has other names."""
    try:
        return _filled(text, values, said, _signs())
    except (KeyError, ValueError, IndexError, TypeError):
        return _filled(instead, values, said, _signs())


def number(value: float, form: str = "g") -> str:
    """A number as the reader's language writes it: 1234.5 with ``,.1f`` is "1,234.5" or "1.234,5"."""
    return _as_written(format(value, form), _signs())


# -- which language ----------------------------------------------------------------------------------------------------


def language() -> str:
    """The language in use: what `speaking` says, else this process's own. Several may follow each other: "de:fr"."""
    return _chosen.get() or own_language()


def own_language() -> str:
    """This process's own language: what `of_this_process` says, else that of whoever started it."""
    if _chosen_for_all:
        return _chosen_for_all
    for variable in _VARIABLES:
        if name := os.environ.get(variable, "").strip():
            return name
    return ENGLISH


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Inside, another language is in use: the course's, for what its learners read.

    Args:
        name: as in "de" or "pt_BR"; '' for English.
    """
    token = _chosen.set(name or ENGLISH)
    try:
        yield
    finally:
        _chosen.reset(token)


@contextmanager
def of_this_process(name: str) -> Iterator[None]:
    """Inside, this process has another language of its own, in all its threads: a command's, while it runs.

    Args:
        name: as in "de"; '' for that of whoever started the process.
    """
    global _chosen_for_all
    before, _chosen_for_all = _chosen_for_all, name
    try:
        yield
    finally:
        _chosen_for_all = before


def tag() -> str:
    """The language in use as HTML's ``lang`` has it: "de", "pt-BR". English where no catalogue of it is here."""
    found = _catalogue(language()).info().get("language", "")
    return found.replace("_", "-").partition(".")[0] or ENGLISH


def right_to_left() -> bool:
    """Whether the language in use is written from right to left."""
    return tag().partition("-")[0] in ("ar", "dv", "fa", "he", "ks", "ku", "ps", "sd", "ug", "ur", "yi")


def language_attributes() -> str:
    """What a page's outermost element says of the language in use."""
    return f'lang="{html.escape(tag())}"' + (' dir="rtl"' if right_to_left() else "")


def folders() -> list[Path]:
    """Where catalogues are looked for: ``$AUTOGRADER_LANGUAGES``, then the package's own."""
    named = [Path(folder) for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [folder for folder in (*named, _OWN) if folder.is_dir()]


def languages() -> list[str]:
    """The codes of all languages that there is a catalogue of, English first."""
    found = {file.parent.parent.name for folder in folders() for file in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return [ENGLISH, *sorted(found - {ENGLISH})]


def _catalogue(name: str) -> gettext.NullTranslations:
    return _loaded(name, tuple(folders()))


@cache
def _loaded(name: str, where: tuple[Path, ...]) -> gettext.NullTranslations:
    """The catalogues of the first language of these that there is one of; what one lacks, the next may have."""
    for one in name.split(":"):
        if one.partition(".")[0].partition("_")[0] in (ENGLISH, "C", "POSIX", ""):
            return gettext.NullTranslations()
        found: gettext.NullTranslations | None = None
        for folder in where:
            try:
                catalogue = gettext.translation(DOMAIN, folder, [one])
            except (OSError, ValueError, UnicodeError):  # none, or none that can be read
                continue
            if found is None:
                found = catalogue
            else:
                found.add_fallback(catalogue)
        if found is not None:
            return found
    return gettext.NullTranslations()


# -- filling in --------------------------------------------------------------------------------------------------------

# How a language writes numbers stands in its catalogue, too; these are the texts that translators find there.
_SIGNS = {".": "decimal sign", ",": "sign between thousands", "%": "sign for per cent"}


def _signs() -> dict[str, str]:
    """By sign of English, another language's."""
    catalogue = _catalogue(language())
    return {sign: catalogue.pgettext(context, sign) for sign, context in _SIGNS.items()}


def _as_written(number: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in number)


def _filled(template: str, values: Mapping[str, Any], words: Any, signs: Mapping[str, str]) -> str:
    """`template` with its names filled in.

    Only a plain name stands in braces: nothing is looked up in a value, whatever a catalogue says. Numbers with a form
    of their own (``{share:.0%}``) are written as the language does it, but within backticks, where code stands.
    """
    if not values:
        return template  # in which braces mean nothing
    parts, in_code = [], False
    for literal, name, form, conversion in string.Formatter().parse(template):
        parts.append(literal)
        in_code ^= literal.count("`") % 2 == 1
        if name is None:
            continue
        value = values[name]
        if conversion == "r":
            value = repr(value)
        if isinstance(value, Sentence):
            value = words(value)
        text = format(value, form or "")
        written = form and not in_code and not isinstance(value, str)
        parts.append(_as_written(text, signs) if written else text)
    return "".join(parts)
