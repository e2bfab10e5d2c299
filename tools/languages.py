"""The catalogues of languages: gathers every text that people read, and makes catalogues that `autograder` takes.

    python tools/languages.py texts             how many texts there are, by room
    python tools/languages.py new de            autograder/languages/de/LC_MESSAGES/autograder.po, to be filled in
    python tools/languages.py update [de ...]   after texts have changed: new ones come in, old ones go
    python tools/languages.py compile [de ...]  what `autograder` reads, autograder.mo, after looking it over
    python tools/languages.py pseudo            a made-up language, "qps": accented and longer, to see what bursts

``--folder`` names another folder than the package's own, and ``--source`` what is looked through. The book's page *Add
a language* goes through it step by step.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import string
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.core import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autograder"
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.misconceptions import given_in  # noqa: E402

from autograder.language import DOMAIN, texts_in_script  # noqa: E402

PSEUDO = "qps"
_ABOUT: dict[str, Any] = {"project": "keras-lesson-kit", "domain": DOMAIN, "charset": "utf-8", "fuzzy": False}
_ACCENTED = str.maketrans("aceinosuyzACEINOSUYZ", "áçéîñöšûýžÁÇÉÎÑÖŠÛÝŽ")
# The first argument is a text for people; of some, the second is, too.
_SAY = {"_": 1, "say": 1, "as_sentence": 1, "beginning": 1, "said": 1, "N_": 1}
_SAY |= {
    "Reason": 2,
    "_each": 2,
    "Hint": 1,
    "fail": 2,
    "not_attempted": 2,
    "Mismatch": 2,
    "NotAttempted": 2,
    "NoModel": 1,
    "NotPlain": 1,
    "NotRebuildable": 1,
}
_PLURALS = ("plural", "say_plural")
PAGE = ROOT / "browser"  # of exercises that run in a browser
_KEYWORDS = ("hint", "hints", "because")
_SIGNS = {".": "decimal sign", ",": "sign between thousands", "%": "sign for per cent"}


@dataclass(frozen=True)
class Text:
    """A text for people, and where it stands."""

    text: str
    file: str
    line: int
    many: str = ""
    context: str = ""


# -- gathering ---------------------------------------------------------------------------------------------------------


def texts_of(file: Path, root: Path = ROOT) -> list[Text]:
    """The texts of one module or template, in the order of its lines."""
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    if file.suffix == ".js":
        lines = enumerate(file.read_text("utf-8").splitlines(), 1)
        return [Text(one, name, line) for line, text in lines for one in texts_in_script(text)]
    if file.suffix != ".py":
        return [Text(one, name, line, many) for line, one, many in _in_template(file.read_text("utf-8"))]
    tree = ast.parse(file.read_text("utf-8"))
    found = [Text(one, name, line, many) for line, one, many in _in_module(tree)]
    found += [Text(given.words, name, given.line) for given in given_in(tree, tree) if "…" not in given.words]
    return sorted(dict.fromkeys(found), key=lambda text: text.line)


def all_texts(source: Path = PACKAGE) -> list[Text]:
    """The texts of a whole folder, and how a language writes numbers. With the package's own come those of the page."""
    folders = (source, PAGE) if source == PACKAGE else (source,)
    files = [
        file
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".py", ".j2", ".html", ".js") and "languages" not in file.parts
    ]
    root = ROOT if source.is_relative_to(ROOT) else source
    signs = [Text(sign, "autograder/language.py", 1, context=context) for sign, context in _SIGNS.items()]
    return [text for file in files for text in texts_of(file, root)] + signs


def _in_module(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in _PLURALS:
                one, many = (next(iter(_literals(part)), (0, "")) for part in node.args[:2])
                yield node.lineno, one[1], many[1]
            for part in node.args[: _SAY.get(name, 0)] if name != "expect" else node.args[1:2]:
                yield from ((line, text, "") for line, text in _literals(part))
        elif isinstance(node, ast.List | ast.Tuple) and any(_is_hint(part) for part in node.elts):
            yield from ((line, text, "") for line, text in _literals(node))  # hints, from general to particular
        elif isinstance(node, ast.keyword) and node.arg in _KEYWORDS:
            yield from ((line, text, "") for line, text in _literals(node.value))
        elif isinstance(node, ast.keyword) and node.arg == "mistakes":
            yield from ((line, text, "") for part in _mistakes(node.value) for line, text in _literals(part))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and (title := ast.get_docstring(node)):
            yield node.body[0].lineno, title.split("\n")[0], ""


def _is_hint(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Hint"


def _literals(node: ast.expr) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _says_something(node.value):
        yield node.lineno, node.value
    elif isinstance(node, ast.IfExp):
        yield from (found for part in (node.body, node.orelse) for found in _literals(part))
    elif isinstance(node, ast.BoolOp):
        yield from (found for part in node.values for found in _literals(part))
    elif isinstance(node, ast.List | ast.Tuple):
        yield from (found for part in node.elts for found in _literals(part))


def _mistakes(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return node.values
    pairs = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    return [pair.elts[1] for pair in pairs if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]


def _says_something(text: str) -> bool:
    """Whether there is a word outside of code and names to fill in."""
    return bool(re.search(r"[^\W\d_]", re.sub(r"`[^`]*`|\{[^{}]*\}", "", text)))


def _in_template(source: str) -> Iterator[tuple[int, str, str]]:
    for node in Environment().parse(source).find_all((nodes.Call, nodes.Filter)):
        named = node.node if isinstance(node, nodes.Call) else None
        if isinstance(node, nodes.Filter) and node.name == "say" and isinstance(node.node, nodes.Const):
            yield node.lineno, str(node.node.value), ""
        elif isinstance(named, nodes.Name) and named.name in ("say", "say_plural"):
            texts = [str(part.value) for part in node.args[:2] if isinstance(part, nodes.Const)]
            yield node.lineno, texts[0], texts[1] if named.name == "say_plural" else ""


# -- catalogues --------------------------------------------------------------------------------------------------------


def template(texts: Iterable[Text]) -> Catalog:
    """A catalogue without translations."""
    catalog = Catalog(copyright_holder="the authors of the kit", **_ABOUT)
    for text in texts:
        if not text.text:
            continue
        flags = ["python-brace-format"] if _names(text.text) else []
        id: str | tuple[str, str] = (text.text, text.many) if text.many else text.text
        comments = ["How this language writes numbers: keep one sign."] if text.context else []
        catalog.add(
            id,
            locations=[(text.file, text.line)],
            flags=flags,
            auto_comments=comments,
            context=text.context or None,
        )
    return catalog


def write(catalog: Catalog, path: Path) -> None:
    """A catalogue as a text that people fill in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    write_po(content, catalog, width=100, sort_by_file=True, include_previous=True, ignore_obsolete=True)
    text = content.getvalue().decode()
    # Babel leaves out what it does not know by itself, even where a translator has written it.
    head, _, rest = text.partition('"Content-Type')
    if '"Language: ' not in head:
        head += f'"Language: {path.parent.parent.name}\\n"\n'
    if '"Plural-Forms: ' not in head:
        head += f'"Plural-Forms: {forms_of(path) or "nplurals=2; plural=(n != 1);"}\\n"\n'
    text = f'{head}"Content-Type{rest}'
    path.write_text(text, "utf-8")


def forms_of(path: Path) -> str:
    """What a file says of the forms that its language has of a text that depends on a number; '' if nothing."""
    text = path.read_text("utf-8") if path.is_file() else ""
    found = re.search(r'^"Plural-Forms: ((?:[^"\\]|"\n")+)\\n"', text, re.M)
    return found[1].replace('"\n"', "") if found else ""


def updated(path: Path, texts: Iterable[Text]) -> Catalog:
    """What stands in a file, with the texts that there are now; a new file's catalogue has no translation yet."""
    code, fresh = path.parent.parent.name, template(texts)
    if path.is_file():
        with path.open("rb") as file:
            catalog = read_po(file, domain=DOMAIN)
        catalog.update(fresh, no_fuzzy_matching=True, update_header_comment=False)
        return catalog
    try:
        locale: str | None = str(Locale.parse(code))
    except (UnknownLocaleError, ValueError):
        locale = None  # Babel knows no made-up languages, but gettext takes any
    catalog = Catalog(locale=locale, copyright_holder="the authors of the kit", **_ABOUT)
    catalog.update(fresh, no_fuzzy_matching=True)
    return catalog


def done_in(path: Path) -> str:
    """How many texts of a file are translated."""
    with path.open("rb") as file:
        messages = [message for message in read_po(file, domain=DOMAIN) if message.id]
    there = sum(all(message.string if isinstance(message.string, tuple) else (message.string,)) for message in messages)
    return f"{there} of {len(messages)} texts translated"


def trouble_with(message: Message) -> str:
    """What is wrong with a translation; '' if nothing is. One without words is not wrong, but not there yet."""
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    given = message.string if isinstance(message.string, tuple) else (message.string,)
    known = {name for id in ids for name in _names(id)}
    for text in given:
        if not text:
            continue
        try:
            names = set(_names(text)) if known else set()
        except ValueError as error:
            return f"{text!r}: {error}"
        if names != known and not (isinstance(message.id, tuple) and names | {"n"} == known):
            return f"{text!r}: the names in braces should be {', '.join(sorted(known))}"
        if text.count("`") != ids[-1].count("`"):
            return f"{text!r}: code stands between backticks, as many as in English"
    return ""


def _names(text: str) -> list[str]:
    """The names in a text's braces, where it has any that can be filled in."""
    if not re.search(r"\{[a-z_]+(![rs])?(:[^{}]*)?\}", text):
        return []
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def compile_language(po: Path) -> list[str]:
    """Write what gettext reads, beside the text; the troubles, if there are any, and then nothing is written."""
    with po.open("rb") as file:
        catalog = read_po(file, domain=DOMAIN)
    troubles = [
        f"{po}:{message.lineno}: {said}" for message in catalog if message.id and (said := trouble_with(message))
    ]
    if not troubles:
        with po.with_suffix(".mo").open("wb") as file:
            write_mo(file, _WithForms(catalog, forms_of(po)))
    return troubles


class _WithForms:
    """A catalogue whose head says which forms a text with a number has, where Babel leaves that out."""

    def __init__(self, catalog: Catalog, forms: str) -> None:
        self.charset = catalog.charset
        self._messages = list(catalog)
        head = self._messages[0]
        if forms and "Plural-Forms" not in head.string:
            head.string = f"{head.string.rstrip()}\nPlural-Forms: {forms}\n"

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)


def pseudo(text: str) -> str:
    """A made-up language: every letter that has an accent gets it, words are longer, code and names stay."""
    parts = re.split(r"(`[^`]*`|\{[^{}]*\}|https?://\S+|<[^<>]*>)", text)
    changed = "".join(part if number % 2 else part.translate(_ACCENTED) for number, part in enumerate(parts))
    return f"«{changed}{' ñ' * (1 + len(text) // 12)}»"


def make_pseudo(texts: Iterable[Text], folder: Path) -> Path:
    """The made-up language's catalogue, compiled."""
    catalog = template(texts)
    for message in catalog:
        if not message.id:
            continue
        if message.context:
            message.string = {".": ",", ",": "'", "%": " %"}[str(message.id)]
        elif isinstance(message.id, tuple):
            message.string = tuple(pseudo(id) for id in message.id)
        else:
            message.string = pseudo(message.id)
    path = folder / PSEUDO / "LC_MESSAGES" / f"{DOMAIN}.po"
    write(catalog, path)
    if troubles := compile_language(path):
        raise ValueError("\n".join(troubles))
    return path


def _files(folder: Path, codes: list[str]) -> list[Path]:
    wanted = codes or sorted(file.parent.parent.name for file in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    return [folder / code / "LC_MESSAGES" / f"{DOMAIN}.po" for code in wanted]


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 1 if a catalogue cannot be used."""
    parser = argparse.ArgumentParser(description="Catalogues of languages.")
    parser.add_argument("do", choices=("texts", "new", "update", "compile", "pseudo"))
    parser.add_argument("codes", nargs="*", help="of languages, as in de or pt_BR; by default all that are there")
    parser.add_argument("--folder", type=Path, default=PACKAGE / "languages", help="where the catalogues lie")
    parser.add_argument("--source", type=Path, default=PACKAGE, help="what is looked through")
    options = parser.parse_args(arguments)
    texts = all_texts(options.source)
    if options.do == "texts":
        rooms = Counter("/".join(text.file.split("/")[:2]) for text in texts)
        print("\n".join(f"{count:5}  {room}" for room, count in sorted(rooms.items())))
    if options.do == "pseudo":
        print(make_pseudo(texts, options.folder))
    if options.do == "new" and not options.codes:
        parser.error("say which language: new de")
    troubles: list[str] = []
    for path in _files(options.folder, options.codes) if options.do in ("new", "update", "compile") else ():
        if options.do == "new" and path.exists():
            parser.error(f"{path} is there already; `update {path.parent.parent.name}` brings in what is new")
        if options.do != "new" and not path.is_file():
            parser.error(f"there is no {path}; begin it with `new {path.parent.parent.name}`")
        if options.do == "compile":
            troubles += compile_language(path)
            print(f"{path}: {done_in(path)}")
            continue
        write(updated(path, texts), path)
        print(f"{path}: {done_in(path)}")
    print("\n".join(troubles), file=sys.stderr) if troubles else None
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
