"""What each kind of document says, without the marks it says it with."""

from __future__ import annotations

import re
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docdex.errors import DamagedSource, DocdexError, PageTooLarge, PasswordProtected, SourceTooLarge
from docdex.images import Limits
from docdex.text import TextPage, iter_text_pages, read_text_pages

SMALL = Limits(characters=50)


def only(source: object, **settings: object) -> str:
    (page,) = read_text_pages(source, **settings)
    return page.text


# Plain text and Markdown


def test_plain_text_keeps_its_words_and_lines() -> None:
    assert only(b"Dear Sir,\r\n\r\n\r\n\r\n  we  owe\tyou\n") == "Dear Sir,\n\nwe owe you"


def test_a_word_broken_at_the_end_of_a_line_is_one_word() -> None:
    assert only("Rech\u00ad\nnung".encode()) == "Rechnung"


def test_accents_are_one_letter_however_they_were_written() -> None:
    assert only("e\u0301".encode()) == only("\u00e9".encode())


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("# Title #\ntext", "Title\ntext"),
        ("some **bold** and __strong__ `code`", "some bold and strong code"),
        ('see [the form](forms/z.html "title") ![logo](a.png)', "see the form logo"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a b\n\n1 2"),
        ("> quoted\n\n---\n\nend", "quoted\n\nend"),
        ("```python\nx = 1\n```\n", "x = 1"),
    ],
)
def test_markdown_says_what_it_says_without_its_marks(marked: str, plain: str) -> None:
    assert only(marked.encode()) == plain


@pytest.mark.parametrize(
    "plain", ["1. first\n2. second", "2 ** 3 = 8", "a_b_c", "#5 of 7", "[1] (see below)", "- item", "a|b"]
)
def test_plain_text_that_only_looks_a_little_like_markdown_stays(plain: str) -> None:
    assert only(plain.encode()) == plain


def test_a_heading_of_signs_alone_is_looked_at_once() -> None:
    # Where its end is tried at each sign anew, nobody waits for it.
    signs = "#" * 100_000
    assert only(f"# Title {signs}\n# {signs}end".encode()) == f"Title\n{signs}end"


# HTML


def test_html_says_what_a_browser_shows() -> None:
    page = """<!DOCTYPE html><html><head><title>Bill</title><style>p { color: red }</style></head><body>
    <!-- not this --><h1>F&uuml;r Sie</h1><p>pay&nbsp;<b>now</b><br>or later</p>
    <table><tr><td>sum</td><td>5</td></tr></table><script>no()</script><img alt="Logo" src="x"></body>"""
    assert only(page.encode()) == "Bill\n\nFür Sie\n\npay now\nor later\n\nsum 5\n\nLogo"


@pytest.mark.parametrize(
    "start", ["<p>", "<html lang=en>", "<!-- x -->\n<div>", "<?xml version='1.0'?><html>"]
)
def test_html_is_told_by_how_it_begins(start: str) -> None:
    assert only(f"{start}words".encode()) == "words"


@pytest.mark.parametrize(("after", "said"), [("<p>words", "words"), ("words", "<!---->" * 290 + "words")])
def test_comments_before_a_page_are_looked_at_once(after: str, said: str) -> None:
    # Where a comment may also end with a later one, every comment doubles the time.
    assert only(("<!---->" * 290 + after).encode()) == said


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("3 < 4 &amp; 4 > 3 &lt;b&gt;", "3 < 4 & 4 > 3 <b>"),
        ("<a href='x>y' title=\"a>b\">link</a> don't", "link don't"),
        ("before<!-- a > b -- c -->after", "beforeafter"),
        ("a<script>if (a<b) x('</p>')</script>b<STYLE>q</style >c<script/>d", "abcd"),
        ("<template><p>no</p></template>yes", "yes"),
        ("<img alt=Logo><img src=x ALT='two words'/>", "Logo two words"),
        ("<![if !supportLists]>1.<![endif]> one", "1. one"),
    ],
)
def test_html_is_taken_apart_as_a_browser_does(html: str, shown: str) -> None:
    assert only(f"<p>{html}</p>".encode()) == shown


@pytest.mark.parametrize("unit", ["<!--", "<a ", "<a b='", '<a b="x" ', "<script>", "<?", "<![", "</"])
def test_what_is_left_open_hides_the_rest_and_is_looked_at_once(unit: str) -> None:
    # A parser that begins again at each of these would not come to an end in the time anybody waits.
    assert only(f"<p>words {unit * 200_000}".encode()) == "words"


# E-mail


def mail(plain: str = "hello", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Date"] = "a@example.org", "b@example.org", "1 Jan 2026"
    message["Subject"] = "Ihre Rechnung für März"
    message.set_content(plain)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def test_a_mail_says_its_subject_its_message_once_and_names_what_is_attached() -> None:
    message = mail(plain="Guten Tag", html="<p>Guten <b>Tag</b></p>")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="Rechnung.pdf")
    said = "Ihre Rechnung für März\nGuten Tag\n\nAttachment: Rechnung.pdf"
    assert only(message.as_bytes()) == said
    assert only(b"From somebody Mon Jan 1\n" + message.as_bytes()) == said
    assert only(message.as_bytes().replace(b"\n", b"\r\n")) == said


def test_a_mail_without_plain_text_is_read_by_its_html() -> None:
    assert only(mail(plain=" ", html="<p>Guten <b>Tag</b></p>").as_bytes()).endswith("Guten Tag")


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8", "koi8-r", "iso-2022-jp"])
def test_a_mail_is_read_in_the_encoding_it_declares(charset: str) -> None:
    text = {"koi8-r": "счёт", "iso-2022-jp": "請求書"}.get(charset, "Grüße")
    message = mail()
    message.set_content(text, charset=charset)
    assert only(message.as_bytes()).endswith(text)


def test_a_forwarded_mail_is_part_of_what_a_mail_says() -> None:
    message = mail(plain="see below")
    message.add_attachment(mail(plain="the old one"))
    assert only(message.as_bytes()).count("Ihre Rechnung") == 2
    assert "the old one" in only(message.as_bytes())


def test_a_mail_whose_parts_cannot_be_told_apart_is_read_as_it_stands() -> None:
    head = b"From: a@b.c\nTo: d@e.f\nSubject: odd\nContent-Type: multipart/mixed\n\n"
    assert only(head + b"all the words") == "odd\nall the words"


def test_an_encrypted_mail_asks_for_its_key() -> None:
    head = b"From: a@b.c\nTo: d@e.f\nSubject: secret\nMIME-Version: 1.0\n"
    for kind in (b"application/pkcs7-mime; smime-type=enveloped-data", b'multipart/encrypted; boundary="x"'):
        with pytest.raises(PasswordProtected):
            only(head + b"Content-Type: " + kind + b"\n\n--x\n\nabc\n--x--\n")


def test_a_mail_whose_parts_lie_too_deep_in_each_other_is_damaged() -> None:
    head = b"From: a@b.c\nTo: d@e.f\nSubject: deep\n"
    parts = b"".join(b"Content-Type: message/rfc822\n\nSubject: %d\n" % depth for depth in range(400))
    with pytest.raises(DamagedSource):
        only(head + parts + b"\nend\n")


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: text/plain; charset*",
        'Content-Type: text/plain; charset*="\'"',
        "Content-Type: multipart/mixed; boundary*",
        "Content-Disposition: attachment; filename*",
    ],
)
def test_a_mail_whose_headers_python_breaks_down_on_costs_only_itself(header: str) -> None:
    broken = f"From: a@b.c\nTo: d@e.f\nSubject: odd\n{header}\n\nwords\n".encode()
    # A later Python may read it after all.
    first, second = iter_text_pages([broken, b"the next one"])
    assert isinstance(first, TextPage) or first.error.code == "damaged-source"
    assert isinstance(second, TextPage)


def test_a_text_that_names_one_header_is_no_mail() -> None:
    assert only(b"Subject: to change\nwithout notice\n") == "Subject: to change\nwithout notice"


# DOCX

LZMA_HEADER = b"\x09\x04\x05\0"


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(f'<w:r><w:t>{run}</w:t></w:r>' for run in runs)}</w:p>"


def test_a_docx_says_its_header_paragraphs_tables_notes_and_footer(make_docx) -> None:
    cells = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in ("sum", "5"))
    body = paragraph("Dear ", "Sir") + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>" + paragraph("Yours")
    header, note, footer = paragraph("ACME"), paragraph("see over"), paragraph("page 1")
    data = make_docx(body, footer1=footer, header1=header, header2=header, footnotes=note)
    assert only(data).split() == ["ACME", "Dear", "Sir", "sum", "5", "Yours", "see", "over", "page", "1"]


def test_a_docx_says_nothing_twice_and_nothing_that_was_deleted(make_docx) -> None:
    body = paragraph("kept").replace(
        "</w:p>",
        "<w:r><w:tab/><w:t>A4</w:t><w:br/></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>",
    )
    assert only(make_docx(body)) == "kept A4"


def test_a_docx_that_unpacks_to_far_more_than_it_is_is_refused_before_that(make_docx) -> None:
    bomb = make_docx("<w:p/>" * 500_000)
    with pytest.raises(SourceTooLarge, match=r"more than 200 times.*Limits\(unpacking"):
        only(bomb)
    with pytest.raises(SourceTooLarge, match="unpacks to"):
        only(bomb, limits=Limits(bytes=1_000_000, unpacking=5_000))


def test_a_docx_that_declares_entities_is_damaged(make_docx) -> None:
    with pytest.raises(DamagedSource, match="document type"):
        only(make_docx(paragraph("&b;"), prolog='<!DOCTYPE a [<!ENTITY b "c">]>'))


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_docx_cut_short_is_damaged(cut: float, make_docx) -> None:
    data = make_docx(paragraph("words"))
    with pytest.raises(DamagedSource):
        only(data[: int(len(data) * cut)])


def test_a_docx_whose_xml_is_broken_is_damaged(make_docx) -> None:
    with pytest.raises(DamagedSource, match="mismatched tag"):
        only(make_docx("</w:p>"))


@pytest.mark.parametrize("encoding", ["foo", "hex", "rot13"])
def test_a_docx_in_an_encoding_that_is_none_is_damaged(encoding: str, make_docx) -> None:
    with pytest.raises(DamagedSource, match=encoding):
        only(make_docx(paragraph("words"), prolog=f"<?xml version='1.0' encoding='{encoding}'?>"))


def test_a_docx_whose_packed_bytes_are_broken_is_damaged(make_docx) -> None:
    data = bytearray(make_docx(paragraph("words"), packing=zipfile.ZIP_LZMA))
    data[data.index(LZMA_HEADER) + 9] ^= 0xFF  # the first byte behind the header and its five properties
    with pytest.raises(DamagedSource):
        only(bytes(data))


# All of them


def test_a_docx_packed_in_a_way_that_nobody_knows_is_damaged_and_asks_for_no_password(make_docx) -> None:
    data = make_docx(paragraph("words"))
    # The method of packing, in the head of each part and in the list at the end.
    method = re.compile(rb"(PK\x03\x04.{4}|PK\x01\x02.{6})..", re.DOTALL)
    data = method.sub(lambda found: found[1] + b"\x63\x00", data)
    with pytest.raises(DamagedSource, match="damaged DOCX"):
        only(data)


@pytest.mark.parametrize("kind", ["plain", "html", "mail", "docx", "pdf", "given"])
def test_every_kind_is_refused_over_the_limit_of_characters(kind: str, make_docx, make_pdf) -> None:
    words = "word " * 30
    source = {
        "plain": words.encode(),
        "html": f"<p>{words}</p>".encode(),
        "mail": mail(plain=words).as_bytes(),
        "docx": make_docx(paragraph(words)),
        "pdf": make_pdf([words]),
        "given": TextPage(words),
    }[kind]
    with pytest.raises(PageTooLarge, match=r"limit is 50 .*--max-characters"):
        only(source, limits=SMALL)
    assert only(source).split()[-1] == "word"


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"<html>", b"From: a\nTo: b\nSubject: c\n", b"PK\x03\x04"])
)
def test_any_bytes_give_pages_or_one_of_our_errors(data: bytes, start: bytes) -> None:
    try:
        for page in read_text_pages(start + data, ocr=lambda page: ""):
            assert page.text
    except DocdexError as error:
        assert error.message


MAIL_LINES = [
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: text/html; charset=x\n",
    "Content-Type: message/rfc822\n",
    "Content-Type: ;;=\n",
    "Content-Type: text/plain; charset*\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Disposition: attachment; filename*=utf-8''%ff\n",
    "--b\n",
    "--b--\n",
    "=?utf-8?b?/w==?=",
    "text\n",
    "\n",
]


@given(st.lists(st.sampled_from(MAIL_LINES)))
def test_any_mail_gives_text_or_one_of_our_errors(lines: list[str]) -> None:
    data = "From: a@b.c\nTo: d@e.f\nSubject: =?x?q?=ff?=\n" + "".join(lines)
    try:
        assert only(data.encode())
    except DocdexError as error:
        assert error.message
