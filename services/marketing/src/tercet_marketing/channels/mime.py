"""Mail as it comes from outside: nothing in it need be well-formed, and what most mail programs still show is read."""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Mail
from email.policy import compat32
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime

from tercet_marketing.channels.contract import ArrivedFile, Unreadable

MOST_PARTS = 300
MOST_FILES = 30
LARGEST_FILE = 20 << 20
LARGEST_FILES = 30 << 20
# The names under which mail programs label text that holds more than the named set has.
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "big5hkscs",
    "cn-big5": "big5hkscs",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-7": "utf-7",
}
# Asked in this order of text that does not say how it is written, or says it wrongly.
_GUESSES = ("utf-8", "gb18030", "big5hkscs")
_SKIPPED = frozenset({"application/ms-tnef", "application/vnd.ms-tnef", "application/pgp-signature"})
_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?]*\?=")
_GAP = re.compile(r"(=\?[^?\s]+\?[bqBQ]\?[^?]*\?=)\s+(?==\?)")
_NAME = re.compile(r"<[^<>\s]{1,990}>")
_UNFIT = re.compile(r"[^\w.-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(slots=True)
class Body:
    """What a mail says."""

    text: str = ""
    html: str = ""
    files: list[ArrivedFile] = field(default_factory=list)


def parsed(raw: bytes) -> Mail:
    """The parts of a mail. Refuses what has no header fields at all."""
    mail = message_from_bytes(raw, policy=compat32)
    if not mail.keys():
        raise Unreadable("it has no header fields")
    return mail


def clean(text: str) -> str:
    """Text that can be kept: without control characters and halves of characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def decoded(content: bytes, charset: str = "") -> str:
    """Text from bytes, by the character set that they claim, or the first that they fit."""
    named = charset.strip(" \"'").lower()
    for name in (_WIDER.get(named, named), *_GUESSES):
        if not name:
            continue
        try:
            return clean(content.decode(name))
        except (LookupError, UnicodeError):
            continue
    return clean(content.decode(_WIDER.get(named, "utf-8") if named in _WIDER else "utf-8", "replace"))


def raw_header(mail: Mail, name: str) -> str:
    """A field as it stands there, in one line; empty without it. Bytes outside of ASCII are read by their looks."""
    wanted = name.lower()
    found = next((value for key, value in mail.raw_items() if key.lower() == wanted), "")
    value = str(found)
    if not value.isascii():
        value = decoded(value.encode("utf-8", "surrogateescape"))
    return " ".join(value.split())


def words(value: str) -> str:
    """A field's text with encoded words read, those that cut a character in two as well."""
    if not _WORD.search(value):
        return clean(value)
    joined = _GAP.sub(r"\1", value)
    try:
        pieces = decode_header(joined)
    except (HeaderParseError, NotBase64, ValueError):
        return clean(value)
    return "".join(
        piece if isinstance(piece, str) else decoded(piece, charset or "us-ascii") for piece, charset in pieces
    )


def header(mail: Mail, name: str) -> str:
    """A field's text."""
    return words(raw_header(mail, name)).strip()


def addresses(mail: Mail, name: str) -> list[tuple[str, str]]:
    """The names and addresses of a field. Split before encoded words are read, as those may hold commas."""
    try:
        pairs = getaddresses([raw_header(mail, name)])
    except (ValueError, IndexError):
        return []
    return [(words(label).strip(), address.strip()) for label, address in pairs if "@" in address]


def names(mail: Mail, name: str) -> list[str]:
    """The message names in a field, in order."""
    return _NAME.findall(raw_header(mail, name))


def written(mail: Mail) -> datetime | None:
    """When it was written, as it says."""
    try:
        moment = parsedate_to_datetime(raw_header(mail, "Date"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def content_of(part: Mail) -> bytes:
    """A part's bytes, its transfer encoding undone as far as it goes."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def body_of(mail: Mail) -> Body:
    """Text, HTML and files. Refuses a mail of more parts than anybody writes."""
    body, plain, markup, kept = Body(), [], [], 0
    for part in _parts(mail):
        kind = part.get_content_type()
        name = _file_name(part)
        shown = part.get_content_disposition() != "attachment" and not name
        if shown and kind == "text/plain":
            plain.append(decoded(content_of(part), _charset(part)))
        elif shown and kind == "text/html":
            markup.append(decoded(content_of(part), _charset(part)))
        elif kind not in _SKIPPED:
            content = _file_content(part)
            fits = len(content) <= LARGEST_FILE and kept + len(content) <= LARGEST_FILES
            if len(body.files) >= MOST_FILES:
                continue
            kept += len(content) if fits else 0
            named = name or _given_name(part, len(body.files) + 1)
            body.files.append(ArrivedFile(named, kind, len(content), content if fits else None))
    body.text = "\n".join(plain).strip("\n")
    body.html = "\n".join(markup).strip()
    return body


def _parts(mail: Mail) -> Iterator[Mail]:
    """The parts that are no containers; a mail within a mail is one part."""
    waiting, seen = [mail], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            raise Unreadable(f"it has more than {MOST_PARTS} parts")
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            waiting[:0] = [each for each in payload if isinstance(each, Mail)]
        else:
            yield part


def _charset(part: Mail) -> str:
    try:
        return part.get_content_charset() or ""
    except (LookupError, UnicodeError, ValueError):
        return ""


def _file_name(part: Mail) -> str:
    try:
        found = part.get_param("filename", None, "content-disposition") or part.get_param("name", None)
        told = collapse_rfc2231_value(found) if found is not None else ""
    except (LookupError, UnicodeError, ValueError, TypeError):
        return ""
    if not told.isascii():
        told = decoded(told.encode("utf-8", "surrogateescape"))
    # A path in a file's name leads nowhere.
    return re.split(r"[\\/]", words(told).strip())[-1][:200]


def _given_name(part: Mail, number: int) -> str:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        title = header(inner[0], "Subject") if isinstance(inner, list) and inner and isinstance(inner[0], Mail) else ""
        return f"{_UNFIT.sub('_', title)[:150] or 'message'}.eml"
    return f"file-{number}.{_UNFIT.sub('', part.get_content_subtype())[:10] or 'bin'}"


def _file_content(part: Mail) -> bytes:
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        if isinstance(inner, list):
            return b"\r\n".join(each.as_bytes(policy=compat32) for each in inner if isinstance(each, Mail))
    return content_of(part)
