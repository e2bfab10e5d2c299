"""A term's definition as the title of every link to it, so that pointing at the word is enough."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

GLOSSARY = "book/glossary"


def definitions(doctree: nodes.document) -> dict[str, str]:
    """The first paragraph of each glossary entry, by the entry's id."""
    found = {}
    for item in doctree.findall(nodes.definition_list_item):
        meaning = next(iter(item.findall(nodes.paragraph)), None)
        for term in item.findall(nodes.term):
            for identifier in term["ids"]:
                found[identifier] = " ".join(meaning.astext().split()) if meaning is not None else ""
    return found


def add_definitions(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to the glossary its term's definition."""
    if docname == GLOSSARY or GLOSSARY not in app.env.all_docs:
        return
    meanings: dict[str, str] | None = None
    for reference in doctree.findall(nodes.reference):
        anchor = reference.get("refuri", "").partition("#")[2] or reference.get("refid", "")
        if not anchor.startswith("term-"):
            continue
        if meanings is None:
            meanings = definitions(app.env.get_doctree(GLOSSARY))
        if anchor in meanings:
            reference["reftitle"] = meanings[anchor]
            reference["classes"].append("glossary-term")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for resolved pages."""
    app.connect("doctree-resolved", add_definitions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
