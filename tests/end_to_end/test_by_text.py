"""The installed command on letters as they lie in a folder: every format, one gallery, some of it broken."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from docdex import models

COMMAND = Path(sys.executable).with_name("docdex")

pytestmark = pytest.mark.skipif(
    not (models.WEIGHTS / f"{models.TEXT_DEFAULT}.json").exists(),
    reason="the packaged model is not there yet",
)

CLAIM = "Claim form. Describe the damage to your car, date and place of the accident, and sign below."
REMINDER = "According to our records the invoice is still unpaid. Please transfer the open amount."
CANCELLATION = "I hereby cancel my contract at the next possible date. Please confirm the date in writing."
GREETING = "Dear aunt, the weather is lovely and the children play in the garden all day."


def docdex(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCDEX_")}
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == code, done.stderr
    return done


def write_docx(path: Path, text: str) -> None:
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    with zipfile.ZipFile(path, "w") as archive:
        listed = f'<Types><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>'
        archive.writestr("[Content_Types].xml", listed)
        archive.writestr("word/document.xml", f'<w:d xmlns:w="x"><w:p><w:t>{text}</w:t></w:p></w:d>')


def write_mail(path: Path, text: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Letter"
    mail.set_content(text)
    path.write_bytes(mail.as_bytes())


def test_letters_of_every_format_are_answered_from_one_gallery(tmp_path: Path) -> None:
    types, inbox = tmp_path / "types", tmp_path / "inbox"
    for folder in (types / "form/claim", types / "letter/reminder", types / "letter/cancellation", inbox):
        folder.mkdir(parents=True)
    (types / "form/claim/a.txt").write_text(CLAIM)
    write_docx(types / "letter/reminder/a.docx", REMINDER)
    write_mail(types / "letter/cancellation/a.eml", CANCELLATION)
    said = docdex(tmp_path, "register", "--by", "text", "--tree", "types").stdout
    assert said.count("1 sample registered") == 3

    write_mail(inbox / "1.eml", f"{CLAIM} It was on Monday.")
    (inbox / "2.html").write_text(f"<html><body><p>{REMINDER} 99 EUR</p></body></html>")
    write_docx(inbox / "3.docx", f"{CANCELLATION} Yours, J. Smith")
    (inbox / "4.txt").write_text(GREETING)
    (inbox / "5.docx").write_bytes((inbox / "3.docx").read_bytes()[:200])
    (inbox / "6.txt").write_bytes(b"")
    done = docdex(tmp_path, "recognize", "inbox", code=1)
    answers = [line.split("\t")[2:4] for line in done.stdout.splitlines()]
    assert answers == [
        ["match", "form/claim"],
        ["match", "letter/reminder"],
        ["match", "letter/cancellation"],
        ["unknown", "-"],
        ["refused", "-"],
        ["refused", "-"],
    ]
    refused = done.stderr.splitlines()
    assert [line.rpartition("(")[2] for line in refused] == ["damaged-source)", "empty-source)"]
    assert "Traceback" not in done.stderr
