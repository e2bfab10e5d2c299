"""The conformance report goes through every criterion once, and its document says what the page says."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from kit import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import conformance

# By level, as the Guidelines number them: first number, second, and how far the third goes.
GUIDELINES = {
    "A": "1.1.1 1.2.1 1.2.2 1.2.3 1.3.1 1.3.2 1.3.3 1.4.1 1.4.2 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2 2.3.1 2.4.1 2.4.2 2.4.3"
    " 2.4.4 2.5.1 2.5.2 2.5.3 2.5.4 3.1.1 3.2.1 3.2.2 3.3.1 3.3.2 4.1.1 4.1.2",
    "AA": "1.2.4 1.2.5 1.3.4 1.3.5 1.4.3 1.4.4 1.4.5 1.4.10 1.4.11 1.4.12 1.4.13 2.4.5 2.4.6 2.4.7 3.1.2 3.2.3 3.2.4"
    " 3.3.3 3.3.4 4.1.3",
}
TERMS = {"Supports", "Partially Supports", "Does Not Support", "Not Applicable"}
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def test_each_criterion_stands_there_once_with_a_term_of_the_form() -> None:
    page = conformance.PAGE.read_text("utf-8")
    for level, numbers in GUIDELINES.items():
        part = page.split(f"## Level {level}\n")[1].split("\n## ")[0]
        rows = re.findall(r"^\| (\d\.\d\.\d+) [^|]+ \| ([^|]+) \|(.*)\|$", part, re.MULTILINE)
        assert [number for number, _term, _remark in rows] == numbers.split()
        assert {term for _number, term, _remark in rows} <= TERMS
        unsaid = [number for number, term, remark in rows if term.startswith(("Part", "Does")) and not remark.strip()]
        assert unsaid == []


def test_the_document_has_the_page_s_headings_and_tables_with_heads(tmp_path: Path) -> None:
    page = conformance.PAGE.read_text("utf-8")
    conformance.write(page, tmp_path / "report.docx")
    with zipfile.ZipFile(tmp_path / "report.docx") as file:
        assert file.testzip() is None
        trees = {name: ElementTree.fromstring(file.read(name)) for name in file.namelist()}
    document = trees["word/document.xml"]
    headings = [p for p in document.iter(f"{_W}p") if p.find(f"{_W}pPr/{_W}pStyle") is not None]
    assert ["".join(p.itertext()) for p in headings] == re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    tables = list(document.iter(f"{_W}tbl"))
    assert [len(table.findall(f"{_W}tr")) - 1 for table in tables] == [len(n.split()) for n in GUIDELINES.values()]
    assert all(table.find(f"{_W}tr/{_W}trPr/{_W}tblHeader") is not None for table in tables)
    text = "".join(document.itertext())
    assert "`" not in text
    assert "**" not in text
    paragraphs = ["".join(p.itertext()) for p in document.iter(f"{_W}p")]
    named = [line for line in paragraphs if line.startswith(("Name of product", "Contact"))]
    assert [line.partition(": ")[0] for line in named] == ["Name of product", "Contact"]
    assert not [line for line in paragraphs if re.search(r"\. [a-z]", line)], "a sentence begins with a capital letter"
    assert "conformance.py" not in text
    known = {style.get(f"{_W}styleId") for style in trees["word/styles.xml"].iter(f"{_W}style")}
    assert {p.find(f"{_W}pPr/{_W}pStyle").get(f"{_W}val") for p in headings} <= known  # type: ignore[union-attr]
