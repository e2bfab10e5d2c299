"""The accessibility conformance report as a Word document, made from the book's page: `python tools/conformance.py`.

Written with nothing but Python, so that an office gets a file with real headings, and tables with real heads.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "conformance.md"
TARGET = ROOT / "dist" / "conformance.docx"

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
<Override PartName="/word/styles.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>
</Types>"""
_RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Target="word/document.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>
<Relationship Id="r2" Target="docProps/core.xml"
 Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"/>
</Relationships>"""
_OF_THE_DOCUMENT = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Target="styles.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"/>
</Relationships>"""


_MARGINS = (
    '<w:tblCellMar><w:top w:w="40" w:type="dxa"/><w:left w:w="100" w:type="dxa"/>'
    '<w:right w:w="100" w:type="dxa"/></w:tblCellMar>'
)


def _style(name: str, of: str, size: int, level: int | None = None) -> str:
    outline = "" if level is None else f'<w:outlineLvl w:val="{level}"/>'
    return (
        f'<w:style w:type="paragraph" w:styleId="{name.replace(" ", "")}"><w:name w:val="{name}"/>'
        f'<w:basedOn w:val="{of}"/><w:pPr><w:spacing w:before="200" w:after="100"/>{outline}</w:pPr>'
        f'<w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
    )


_STYLES = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:styles {_W}><w:docDefaults><w:rPrDefault><w:rPr>'
    '<w:rFonts w:ascii="Arial" w:hAnsi="Arial"/><w:sz w:val="21"/><w:lang w:val="en-US"/></w:rPr></w:rPrDefault>'
    '</w:docDefaults><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:pPr>'
    '<w:spacing w:after="100"/></w:pPr></w:style>'
    + _style("heading 1", "Normal", 34, 0)
    + _style("heading 2", "Normal", 27, 1)
    + "</w:styles>"
)


def _plain(text: str) -> str:
    """Words without Markdown's marks; links keep their addresses, and pages of the book their names."""
    text = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1 (\2)", text)
    text = re.sub(r"\{doc\}`([^`]+)`", lambda found: f'the book\'s page "{found[1].capitalize()}"', text)
    text = re.sub(r"(^|[.:] )the book's page", r"\1The book's page", text)
    return re.sub(r"\*\*|`|(?<!\w)\*|\*(?!\w)", "", text)


def _run(text: str, bold: bool = False) -> str:
    kind = "<w:rPr><w:b/></w:rPr>" if bold else ""
    return f'<w:r>{kind}<w:t xml:space="preserve">{escape(_plain(text))}</w:t></w:r>'


def _paragraph(inside: str, style: str = "") -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kind}{inside}</w:p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    widths = (2700, 1900, 4700)
    sides = "".join(
        f'<w:{side} w:val="single" w:sz="4" w:color="666666"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    made = [f"<w:tbl><w:tblPr><w:tblBorders>{sides}</w:tblBorders>{_MARGINS}</w:tblPr><w:tblGrid>{grid}</w:tblGrid>"]
    for number, row in enumerate(rows):
        if number == 1:  # Markdown's line below the head
            continue
        head = "<w:trPr><w:tblHeader/></w:trPr>" if number == 0 else ""
        cells = "".join(
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_paragraph(_run(cell, number == 0))}</w:tc>'
            for cell, width in zip(row, widths, strict=True)
        )
        made.append(f"<w:tr>{head}{cells}</w:tr>")
    return "".join(made) + "</w:tbl>"


def body(page: str) -> str:
    """The page's headings, paragraphs, terms with what they mean, and tables, as Word has them."""
    made = []
    for block in re.split(r"\n\s*\n", page.strip()):
        if "tools/conformance.py" in block:  # how the document is made says nothing to whoever has it
            continue
        lines = block.split("\n")
        if found := re.match(r"(#+) (.*)", block):
            made.append(_paragraph(_run(found[2]), f"heading{len(found[1])}"))
        elif lines[0].startswith("|"):
            made.append(_table(lines))
        elif len(lines) > 1 and lines[1].startswith(": "):
            told = " ".join([lines[1][2:], *lines[2:]])
            made.append(_paragraph(_run(f"{lines[0]}: ", bold=True) + _run(told)))
        else:
            made.append(_paragraph(_run(" ".join(lines))))
    return "".join(made)


def write(page: str, target: Path) -> None:
    """Write the document."""
    title = re.search(r"^# (.*)$", page, re.MULTILINE)
    assert title is not None
    core = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><cp:coreProperties'
        ' xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title[1])}</dc:title>'
        "<dc:language>en-US</dc:language></cp:coreProperties>"
    )
    document = (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document {_W}><w:body>{body(page)}'
        "<w:sectPr/></w:body></w:document>"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", _TYPES)
        file.writestr("_rels/.rels", _RELATIONS)
        file.writestr("docProps/core.xml", core)
        file.writestr("word/document.xml", document)
        file.writestr("word/styles.xml", _STYLES)
        file.writestr("word/_rels/document.xml.rels", _OF_THE_DOCUMENT)


if __name__ == "__main__":
    write(PAGE.read_text("utf-8"), Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
