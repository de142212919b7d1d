"""Reads what an e-mail says: its subject, its message, and the names of what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser

from docdex.errors import DamagedSource, DocdexError, PasswordProtected
from docdex.images import Limits
from docdex.text.collector import Collector
from docdex.text.encodings import decode
from docdex.text.html import read_html

_HEADER = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):", re.MULTILINE)
_FOLDED = re.compile(rb"[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*")
_TELLING = {
    b"from", b"to", b"cc", b"subject", b"date", b"sender", b"reply-to", b"received", b"return-path",
    b"message-id", b"mime-version", b"content-type", b"delivered-to", b"dkim-signature",
}  # fmt: skip
_NEEDED = 3
_LOOKED_AT = 1 << 16
_ENCRYPTED = {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
_DEEPEST = 20


def is_mail(data: bytes) -> bool:
    """Whether bytes begin with a block of headers, at least three of those that e-mails have."""
    start = data[:_LOOKED_AT].replace(b"\r\n", b"\n")
    start = (
        start.split(b"\n", 1)[-1] if start.startswith(b"From ") else start
    )  # a line that mailboxes put first
    end = 0
    while found := _FOLDED.match(start, end):
        end = found.end()
    names = {match[1].lower() for match in _HEADER.finditer(start[:end])}
    return len(names & _TELLING) >= _NEEDED


def read_mail(data: bytes, name: str, limits: Limits) -> str:
    """The subject, the message (of the same one in several forms the plainest), the names of attachments.

    Raises PasswordProtected for an encrypted message, DamagedSource, PageTooLarge.
    """
    collector = Collector(name, limits)
    try:
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
        for line in _lines(message, name, limits, 0):
            collector.add(f"{line}\n")
    except RecursionError as error:
        raise DamagedSource(f"{name} is a damaged e-mail: its parts lie too deep in each other.") from error
    except (DocdexError, MemoryError):
        raise
    except Exception as error:  # Python's parser breaks down on some headers, with errors of any kind
        raise DamagedSource(
            f"{name} is a damaged e-mail: its headers cannot be read. Save it anew as EML."
        ) from error
    return collector.text()


def _lines(message: Message, name: str, limits: Limits, depth: int) -> Iterator[str]:
    """What one message says, those inside it after it."""
    if depth > _DEEPEST:
        raise DamagedSource(f"{name} is a damaged e-mail: its parts lie too deep in each other.")
    yield _header(message, "subject")
    for part in _shown(message, depth):
        kind = part.get_content_type()
        if kind in _ENCRYPTED and not _is_signed(part):
            raise PasswordProtected(f"{name} is encrypted. Save the message as it is shown, and try again.")
        if kind == "message/rfc822" and part.is_multipart():
            for inner in _inside(part):
                yield from _lines(inner, name, limits, depth + 1)
        # Parts that name no line between them come as one, which is read as it stands.
        elif part.get_content_maintype() in ("text", "multipart") and not _is_attached(part):
            yield _read_part(part, name, limits)
        else:
            yield f"Attachment: {part.get_filename() or kind}"


def _shown(part: Message, depth: int) -> Iterator[Message]:
    """The parts that are a message's text or are attached to it, without those that hold other parts."""
    if depth > _DEEPEST:
        return
    kind = part.get_content_type()
    if not part.is_multipart() or kind in _ENCRYPTED or kind == "message/rfc822":
        if not (kind in ("application/pgp-signature", "application/pkcs7-signature") and depth):
            yield part
        return
    inside = _inside(part)
    if kind == "multipart/alternative":
        inside = [_plainest(inside)]
    for each in inside:
        yield from _shown(each, depth + 1)


def _plainest(forms: list[Message]) -> Message:
    """Of one message in several forms: plain text unless that is blank, else the first that holds text."""
    for wanted in ("text/plain", "text/html"):
        for form in forms:
            if form.get_content_type() == wanted and _content(form).strip():
                return form
    return next((form for form in forms if form.is_multipart()), forms[0])


def _read_part(part: Message, name: str, limits: Limits) -> str:
    data = _content(part)
    if not data.strip():
        return ""
    text = decode(data, name, part.get_content_charset())
    return read_html(text, name, limits) if part.get_content_type() == "text/html" else text


def _inside(part: Message) -> list[Message]:
    """The parts that a part holds."""
    parts = part.get_payload()
    return [each for each in parts if isinstance(each, Message)] if isinstance(parts, list) else []


def _content(part: Message) -> bytes:
    """What a part holds that holds no other, without what was done to it for the way."""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_signed(part: Message) -> bool:
    """Whether it is signed rather than encrypted, which has the same name."""
    return part.get_param("smime-type") == "signed-data"


def _header(message: Message, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except Exception:
        return ""
