"""Tells by its content what kind of document a file is, whatever it is called."""

from __future__ import annotations

from enum import Enum

from docdex.errors import PasswordProtected, UnsupportedFormat
from docdex.images import Format, sniff
from docdex.text.mail import is_mail

_PDF = b"%PDF-"
_PDF_ENDS = (b"startxref", b"%%EOF")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_RTF = b"{\\rtf"


class Kind(Enum):
    """How a file's words are got out of it."""

    PDF = "PDF"
    PICTURE = "picture"
    DOCX = "DOCX"
    MAIL = "e-mail"
    TEXT = "text"


def tell_kind(data: bytes, name: str) -> Kind:
    """The kind of these bytes; TEXT is HTML, Markdown and plain text, or no text after all.

    Raises UnsupportedFormat for documents that are known and not read, PasswordProtected for a DOCX with a
    password, which is a file of another format around it.
    """
    try:
        found = sniff(data, name)
    except UnsupportedFormat:
        pass
    else:
        if found is not Format.PDF:
            return Kind.PICTURE
        # A text may mention how a PDF begins, and will hardly mention how one ends.
        if data.startswith(_PDF) or any(sign in data for sign in _PDF_ENDS):
            return Kind.PDF
    if data.startswith(_ZIP):
        return Kind.DOCX
    if data.startswith(_OLE):
        if _ENCRYPTED in data:
            raise PasswordProtected(f"{name} asks for a password. Save it without one and try again.")
        raise UnsupportedFormat(f"{name} is of an older Office (DOC, XLS, MSG): save it as DOCX, PDF or EML.")
    if data.startswith(_RTF):
        raise UnsupportedFormat(f"{name} is RTF: save it as DOCX or PDF.")
    return Kind.MAIL if is_mail(data) else Kind.TEXT
