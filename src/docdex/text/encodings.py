"""Turns bytes into text, by what they say of themselves before anything is guessed.

In this order: a byte-order mark; the encoding that a page or an e-mail declares, if the bytes fit it; UTF-8,
which bytes of another encoding hardly ever are by chance; UTF-16 without a mark, told by its zeros. That
settles what is written today, the same on every machine, and needs no package. What is left are the 8-bit
and East Asian encodings of older files. Telling those apart takes statistics of languages, and so a package
made for it (chardet, in the extra `text`). Without it such a file is refused rather than read with
wrong letters: an installed package must not change what a page is taken for.
"""

from __future__ import annotations

import codecs
import re

from docdex.errors import MissingExtra, UnsupportedFormat

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_DECLARED = re.compile(
    rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{1,40})|<meta[^>]{1,400}?charset\s*=\s*[\"']?([\w.:-]{1,40})",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 1024
"""Bytes in which HTML must declare its encoding, by its standard."""

_CLAIMED_FOR_ANOTHER = {"iso8859-1": "cp1252", "ascii": "utf-8"}
"""What is declared by habit, and what is meant: the standard of encodings on the web says so too."""
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape"}
"""Codecs of Python that are no encodings of documents; two take time with the square of the bytes."""

_CONTROLS = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROLS = 0.01
"""Share of control characters from which bytes are no text: random ones have ten times as many."""
_ZEROS = 0.4
_LOOKED_AT = 1 << 16


def find_mark(data: bytes) -> str | None:
    """The encoding that a byte-order mark tells."""
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def find_declared(data: bytes) -> str | None:
    """The encoding that HTML or XML declares at its beginning."""
    found = _DECLARED.search(data[:_DECLARED_WITHIN])
    return None if found is None else (found[1] or found[2]).decode("ascii")


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    """The text of these bytes, called `name` in messages. declared: the encoding they are said to be in.

    Raises UnsupportedFormat for what is no text, MissingExtra where only a guess is left and the package for
    it is not installed.
    """
    mark = find_mark(data)
    if mark is not None:
        text = _try(data, mark)
        if text is None:
            raise UnsupportedFormat(f"{name} begins with the mark of {mark.removesuffix('-sig')} but is not.")
        return text
    for encoding in (_known(declared), _find_wide(data)):
        text = None if encoding is None else _try(data, encoding)
        if text is not None and _is_text(text):
            return text
    _require_text(data, name)
    text = _try(data, "utf-8")
    return _guess(data, name) if text is None else text


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):  # LookupError: a codec that makes bytes of bytes
        return None


def _known(declared: str | None) -> str | None:
    """The codec of a declared encoding, if there is such an encoding."""
    try:
        codec = codecs.lookup((declared or "").strip()).name
    except (LookupError, ValueError):
        return None
    # What declares itself in ASCII is in no encoding where letters take two bytes or four.
    if codec.replace("_", "-") in _NO_CHARSETS or codec.startswith(("utf-16", "utf-32")):
        return None
    return _CLAIMED_FOR_ANOTHER.get(codec, codec)


def _find_wide(data: bytes) -> str | None:
    """UTF-16 by its zeros: in Latin text every other byte is one, and in no other encoding of text any."""
    start = data[:_LOOKED_AT]
    first, second = start[::2].count(0), start[1::2].count(0)
    half = max(1, len(start) // 2)
    if second / half >= _ZEROS and first / half < 1 - _ZEROS:
        return "utf-16-le"
    if first / half >= _ZEROS and second / half < 1 - _ZEROS:
        return "utf-16-be"
    return None


def _is_text(text: str) -> bool:
    """Whether it has hardly any control characters; MS-DOS ended its texts with one."""
    start = text[:_LOOKED_AT].rstrip("\x1a")
    return "\0" not in text and len(_CONTROLS.findall(start)) <= _MOST_CONTROLS * len(start)


def _require_text(data: bytes, name: str) -> None:
    if 0 in data or not _is_text(data[:_LOOKED_AT].decode("latin-1")):
        raise UnsupportedFormat(
            f"{name} is no document that docdex reads the text of (it is binary): PDF, DOCX, HTML, e-mail, "
            f"Markdown, plain text, or a picture by OCR."
        )


def _guess(data: bytes, name: str) -> str:
    try:
        from chardet import EncodingEra, detect
    except ImportError as error:
        raise MissingExtra(
            f"{name} is not in UTF-8 and does not say in which encoding it is; guessing needs an extra: "
            f"pip install 'docdex[text]'. Or save it in UTF-8."
        ) from error
    # Few bytes fit encodings of mainframes and old Macs as well: only those that browsers know count.
    encoding = detect(data, encoding_era=EncodingEra.MODERN_WEB, prefer_superset=True)["encoding"]
    text = None if encoding is None else _try(data, encoding)
    if text is None:
        raise UnsupportedFormat(f"{name} is text in no encoding that can be told: save it in UTF-8.")
    return text
