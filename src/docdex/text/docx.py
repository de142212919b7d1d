"""Reads the words of a DOCX: headers, paragraphs, tables, notes, footers.

A DOCX is a ZIP of XML. Both can be made to unpack to far more than they are, so sizes are checked before
anything is unpacked, XML is read as a stream, and a document type declaration, which no DOCX has and which
only serves to multiply entities, is refused.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from docdex.errors import DamagedSource, PasswordProtected, SourceTooLarge, UnsupportedFormat
from docdex.images import Limits
from docdex.text.collector import Collector
from docdex.zip_damage import ZIP_DAMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = "[Content_Types].xml"
_MAIN = (
    "wordprocessingml.document.main+xml",
    "wordprocessingml.template.main+xml",
    "ms-word.document.macroEnabled.main+xml",
    "ms-word.template.macroEnabledTemplate.main+xml",
)
_PARTS = (
    "wordprocessingml.header+xml",
    *_MAIN,
    "wordprocessingml.footnotes+xml",
    "wordprocessingml.endnotes+xml",
    "wordprocessingml.footer+xml",
)
"""Ends of the types of the parts that are read, in the order in which their words are given."""

_SMALL = 1 << 20
"""Bytes that a part may always unpack to: blank tables pack well."""
_READ_AT_ONCE = 1 << 16
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_ENDS = {"p": "\n", "tc": "\t", "tr": "\n"}
_WORDS = {"t"}
_LEFT_OUT = {"Fallback", "moveFrom", "del"}
"""The same text again for older readers, what was moved away, and what was struck out."""

# Its LookupError is also Python's XML parser's, for an encoding that it does not know.
_DAMAGES = (*ZIP_DAMAGE, OSError)


def read_docx(data: bytes, name: str, limits: Limits) -> str:
    """The words of a DOCX, a line for each paragraph and row.

    Raises UnsupportedFormat for another kind of ZIP, PasswordProtected, SourceTooLarge for what unpacks to
    more than the limits allow, PageTooLarge, DamagedSource.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _find_parts(archive, name, limits)
            _check_sizes(archive, parts, name, limits)
            texts = [_read_part(archive, part, name, limits) for part in parts]
    except ElementTree.ParseError as error:
        raise DamagedSource(f"{name} is a damaged DOCX: {error}.") from error
    except _DAMAGES as error:  # NotImplementedError, of an unknown method, is a RuntimeError too
        raise DamagedSource(f"{name} is a damaged DOCX: {error}.") from error
    except RuntimeError as error:  # how zipfile says that a part is encrypted
        raise PasswordProtected(f"{name} asks for a password. Save it without one and try again.") from error
    whole = Collector(name, limits)
    # First pages, even pages and the others have a header each, which are often the same.
    for text in dict.fromkeys(texts):
        whole.add(f"{text}\n")
    return whole.text()


def _find_parts(archive: zipfile.ZipFile, name: str, limits: Limits) -> list[str]:
    """The parts to read, in order."""
    if _TYPES not in archive.namelist():
        raise _unsupported(name)
    _check_sizes(archive, [_TYPES], name, limits)
    target = _ContentTypes()
    _parse(archive, _TYPES, target)
    there = set(archive.namelist())
    parts = [part for end in _PARTS for part, kind in target.found if kind.endswith(end) and part in there]
    if not any(kind.endswith(_MAIN) for _, kind in target.found):
        raise _unsupported(name)
    return list(dict.fromkeys(parts))


def _unsupported(name: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{name} is a ZIP archive but no DOCX: unpack it, or save the document as DOCX or PDF."
    )


def _check_sizes(archive: zipfile.ZipFile, parts: list[str], name: str, limits: Limits) -> None:
    infos = [archive.getinfo(part) for part in parts]
    total = sum(info.file_size for info in infos)
    if total > limits.bytes:
        raise SourceTooLarge(
            f"{name} unpacks to {total / 1e6:.1f} MB; the limit is {limits.bytes / 1e6:g} MB "
            f"(raise it with --max-megabytes or Limits(bytes=...))."
        )
    for info in infos:
        if info.file_size > max(_SMALL, limits.unpacking * info.compress_size):
            raise SourceTooLarge(
                f"{name} unpacks {info.filename} from {info.compress_size:,} to {info.file_size:,} bytes, "
                f"more than {limits.unpacking} times (raise it with Limits(unpacking=...))."
            )


def _read_part(archive: zipfile.ZipFile, part: str, name: str, limits: Limits) -> str:
    target = _Words(Collector(name, limits))
    _parse(archive, part, target)
    return target.collector.text()


def _parse(archive: zipfile.ZipFile, part: str, target: _Target) -> None:
    parser = ElementTree.XMLParser(target=target)
    for piece in _pieces(archive, part):
        parser.feed(piece)
    parser.close()


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    with archive.open(part) as file:
        while piece := file.read(_READ_AT_ONCE):
            yield piece


class _Target:
    """What Python's parser tells of a part, element by element, with no tree in between."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        pass

    def end(self, tag: str) -> None:
        pass

    def data(self, text: str) -> None:
        pass

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError(f"it declares a document type ({name}), which no DOCX does")

    def close(self) -> None:
        pass


class _ContentTypes(_Target):
    """found: (part, type) of each part that is listed by name."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "Override":
            self.found.append((attributes.get("PartName", "").lstrip("/"), attributes.get("ContentType", "")))


class _Words(_Target):
    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self._inside_words = 0
        self._left_out = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        local = _local(tag)
        self._left_out += local in _LEFT_OUT
        self._inside_words += local in _WORDS
        if local in _SIGNS:
            self._add(_SIGNS[local])

    def end(self, tag: str) -> None:
        local = _local(tag)
        if local in _ENDS:
            self._add(_ENDS[local])
        self._inside_words -= local in _WORDS
        self._left_out -= local in _LEFT_OUT

    def data(self, text: str) -> None:
        if self._inside_words:
            self._add(text)

    def _add(self, text: str) -> None:
        if not self._left_out:
            self.collector.add(text)


def _local(tag: str) -> str:
    """A name without its namespace: Word's own has two, and drawings have words by the same name."""
    return tag.rpartition("}")[2]
