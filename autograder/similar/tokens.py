"""A notebook's own code as fingerprints: what is left of it when layout, comments and names are taken away.

Student code is data here. It is split into tokens by one pattern that looks at each character once, so that it may be
broken, endless or nested as deeply as it likes; nothing is parsed, compiled or run.

Fingerprints are chosen by winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting", SIGMOD 2003. They are taken within one statement at a time, so that their order does not matter.
"""

from __future__ import annotations

import builtins
import hashlib
import keyword
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_CELL = 20_000  # characters of one cell that are looked at
MAX_NOTEBOOK = 200_000  # of all of a student's cells
K = 5  # tokens in a fingerprint
WINDOW = 3  # a run of K + WINDOW - 1 tokens that two statements share is always found
_NAME = "N"  # what a name of the student's own becomes

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>[rbfuRBFU]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<number>\.?\d[\w.]*)
    |(?P<name>[^\W\d]\w*)
    |(?P<joined>\\\n)
    |(?P<newline>\n)
    |(?P<operator>\*\*=?|//=?|->|[-+*/%@&|^=<>!:]=|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = "([{", ")]}"
_LAYOUT = frozenset("(),;\\")  # brackets that only group, and commas, which a formatter adds and takes away
_COMPOUND = frozenset(
    ["if", "elif", "else", "for", "while", "with", "try", "except", "finally", "def", "class", "async"]
)
_SHOWING = ("print", "display")
_WORD = re.compile(r"[^\W\d]\w*")
_KEPT = frozenset(keyword.kwlist) | frozenset(dir(builtins))


@dataclass(frozen=True)
class Statement:
    """One logical line: its tokens, and the lines of the cell that it stands on, from 0."""

    tokens: tuple[tuple[str, str], ...]  # kind and text
    first: int
    last: int


def statements(source: str) -> Iterator[Statement]:
    """Split code into statements, whatever it is. Comments, layout and texts that are nobody's value are left out."""
    tokens: list[tuple[str, str]] = []
    depth = line = first = 0
    source = source[:MAX_CELL]
    for found in _TOKEN.finditer(source):
        kind, text = str(found.lastgroup), found.group()
        # A formatter takes `if x: y` apart, and two statements on one line.
        ends = not depth and kind == "operator" and (text == ";" or (text == ":" and _is_compound(tokens)))
        if kind == "newline" or ends:
            if not depth:
                if any(k != "string" for k, _ in tokens):
                    yield Statement(tuple(tokens), first, line)
                tokens = []
            line += kind == "newline"
            if not tokens:
                first = line
            continue
        if kind == "operator" and text in _OPENING:
            depth += 1
        elif kind == "operator" and text in _CLOSING:
            depth = max(0, depth - 1)
        if kind not in ("comment", "joined"):
            if not tokens:
                first = line
            tokens.append((kind, text))
        line += text.count("\n")
    if any(kind != "string" for kind, _ in tokens):  # a bracket that never closes
        yield Statement(tuple(tokens), first, line)


def _is_compound(tokens: list[tuple[str, str]]) -> bool:
    return bool(tokens) and tokens[0][1] in _COMPOUND


def words_of(sources: Iterable[str]) -> frozenset[str]:
    """All words in these texts: names that an exercise uses itself are nobody's own."""
    return frozenset(word for text in sources for word in _WORD.findall(text))


def own_names(sources: Iterable[str], known: frozenset[str]) -> frozenset[str]:
    """Names that a student gave: what stands left of ``=``, in ``for``, after ``as``, ``def`` and among parameters."""
    own: set[str] = set()
    for text in sources:
        for statement in statements(text):
            own |= _bound(statement.tokens)
    return frozenset(own - known - _KEPT)


def _bound(tokens: tuple[tuple[str, str], ...]) -> set[str]:
    found: set[str] = set()
    names: list[str] = []  # since the statement began, or since `for`
    depth, before, collecting = 0, "", True
    is_function = bool(tokens) and tokens[0][1] in ("def", "lambda", "async", "class")
    for kind, text in tokens:
        if kind == "operator":
            depth += (text in _OPENING) - (text in _CLOSING)
            if text.endswith("=") and text not in ("==", "!=", "<=", ">=") and depth == 0:
                found |= set(names)
                names = []
        elif kind == "name":
            if text == "for":
                names, collecting = [], True
            elif text == "in":
                found |= set(names) if collecting else set()
                names, collecting = [], False
            elif (
                before in ("def", "class", "as")
                or (is_function and before in ("(", ",", "*", "**"))
                or before == "lambda"
            ):
                found.add(text)
            elif before != "." and not keyword.iskeyword(text):
                names.append(text)
        before = text
    return found


def fingerprints(source: str, own: frozenset[str]) -> dict[int, set[int]]:
    """The fingerprints of a cell's code, each with the lines of the cell that it stands on.

    Lines that only put something on the screen have none: see `looks`.

    Args:
        own: names that count as one and the same, see `own_names`.
    """
    return _fingerprints(source, own, showing=False)


def looks(sources: Iterable[str], own: frozenset[str]) -> tuple[str, dict[int, set[int]]]:
    """The lines of several cells that only put something on the screen, one below the other; and their fingerprints.

    Who looks at things does so in the same way in every task. Counted anew for each task, one habit in common would
    make two honest students look alike; so all of them count once, together.
    """
    lines: list[str] = []
    for text in sources:
        showing = [range(one.first, one.last + 1) for one in statements(text) if _only_shows(one.tokens)]
        numbers = {number for those in showing for number in those}  # each once, whatever else stands on it
        lines += (line for number, line in enumerate(text.split("\n")) if number in numbers)
    together = "\n".join(line.strip() for line in lines)
    return together, _fingerprints(together, own, showing=True)


def _fingerprints(source: str, own: frozenset[str], showing: bool) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for statement in statements(source):
        if _only_shows(statement.tokens) is not showing:
            continue
        for fingerprint in _winnowed(_grams(statement.tokens, own)):
            found.setdefault(fingerprint, set()).update(range(statement.first, statement.last + 1))
    return found


def _only_shows(tokens: tuple[tuple[str, str], ...]) -> bool:
    """Whether a statement only puts something on the screen: ``print(...)``, or ``x``, ``x[:3]``, ``x.shape`` alone."""
    kinds = [kind for kind, _ in tokens]
    texts = [text for _, text in tokens]
    if texts[0] in _SHOWING and texts[1:2] == ["("]:
        return True
    plain = all(kind in ("name", "number") or text in ".[],:-" for kind, text in tokens)
    return plain and kinds[0] == "name" and not any(keyword.iskeyword(text) for text in texts)


def all_fingerprints(source: str) -> set[int]:
    """Every fingerprint that any part of this code can have: of code that everybody was given."""
    return {gram for statement in statements(source) for gram in _grams(statement.tokens, frozenset())}


def _grams(tokens: tuple[tuple[str, str], ...], own: frozenset[str]) -> list[int]:
    plain, before = [], ""
    for kind, text in tokens:
        if text in _LAYOUT:
            continue
        if kind == "name" and before != "." and text in own:
            plain.append(_NAME)
        elif kind == "string":
            plain.append("'" + _said(text, own))
        else:
            plain.append(text)
        before = text
    if not any(text != _NAME and (text.isalnum() or text[:1] in "'_") for text in plain):
        return []  # names and signs alone say nothing
    if len(plain) <= K:
        return [_hash(plain)]
    return [_hash(plain[n : n + K]) for n in range(len(plain) - K + 1)]


def _said(text: str, own: frozenset[str]) -> str:
    """A string's content, however it is quoted; in what an f-string computes, names are names."""
    quote = min(n for n in (text.find("'"), text.find('"')) if n >= 0)
    content = text[quote:].strip("\"'")
    if "f" in text[:quote].lower():
        content = _WORD.sub(lambda word: _NAME if word.group() in own else word.group(), content)
    return content


def _winnowed(grams: list[int]) -> set[int]:
    """The least of each window of hashes. Equal runs choose equal ones, wherever they stand."""
    if len(grams) <= WINDOW:
        return {min(grams)} if grams else set()
    return {min(grams[n : n + WINDOW]) for n in range(len(grams) - WINDOW + 1)}


def _hash(tokens: list[str]) -> int:
    text = "\x00".join(tokens).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
