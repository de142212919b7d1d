"""Builds the documents that the tests of this room read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence

import pytest

_WORD = "urn:word"
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"


@pytest.fixture(scope="session")
def make_docx() -> Callable[..., bytes]:
    """make_docx(body, header1="…", footnotes="…") -> bytes; each XML of its part, with the prefix `w`.

    prolog: what stands before the XML of the document. packing: the method of the ZIP.
    """

    def _make(body: str, *, prolog: str = "", packing: int = zipfile.ZIP_DEFLATED, **parts: str) -> bytes:
        listed = [("document", "document.main"), *((name, name.rstrip("0123456789")) for name in parts)]
        overrides = "".join(
            f'<Override PartName="/word/{name}.xml" ContentType="{_TYPE}.{kind}+xml"/>'
            for name, kind in listed
        )
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", packing) as archive:
            archive.writestr("[Content_Types].xml", f"<Types>{overrides}</Types>")
            for name, inside in {"document": body, **parts}.items():
                before = prolog if name == "document" else ""
                archive.writestr(f"word/{name}.xml", f'{before}<w:part xmlns:w="{_WORD}">{inside}</w:part>')
        return file.getvalue()

    return _make


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """make_pdf(["first page", "", …]) -> bytes; a page of None has a grey field on it and no text."""

    def _make(pages: Sequence[str | None]) -> bytes:
        kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        for number, text in enumerate(pages):
            if text is None:
                content = b"0.5 g 10 10 100 100 re f"
            else:
                lines = b" ".join(b"(%s) Tj T*" % line.encode() for line in text.split("\n"))
                content = b"BT /F1 12 Tf 14 TL 20 250 Td %s ET" % lines if text else b""
            objects += [
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents %d 0 R "
                b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
                b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            ]
        out, offsets = bytearray(b"%PDF-1.7\n"), []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)

    return _make
