"""What one mail is: what a customer wrote, what a machine answered, or word of a mail of ours that did not arrive."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from email.message import Message as Mail
from typing import cast
from uuid import UUID

from tercet_marketing.channels import quotes
from tercet_marketing.channels.contract import AddressKind, Arrival, Fate, Status, Unreadable
from tercet_marketing.channels.mime import addresses, body_of, content_of, decoded, header, names, parsed, written

# Under this field our mails name themselves, as some servers give every mail a Message-ID of their own.
OUR_FIELD = "X-Tercet-Message"
_OURS = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.I)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# RFC 3463: no such mailbox, none any more, or turned off for good.
_GONE = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|auto-?reply)([+._-]|@)", re.I)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_FIELDS_OF_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "List-Id", "List-Unsubscribe", "X-Loop")
_QUIET = frozenset({"all", "oof", "autoreply"})
_MOST_NAMES = 50


def understood(raw: bytes, own_address: str) -> Sequence[Arrival | Status]:
    """What a mail says. Refuses one that names nobody who wrote it."""
    mail = parsed(raw)
    told = _reported(mail)
    if told is not None:
        return told
    senders = addresses(mail, "From") or addresses(mail, "Sender") or addresses(mail, "Reply-To")
    if not senders:
        raise Unreadable("it does not say who wrote it")
    label, sender = senders[0]
    subject = header(mail, "Subject")
    answered = names(mail, "In-Reply-To")[:1]
    references = names(mail, "References")[-_MOST_NAMES:]
    body = body_of(mail)
    text, repeated = quotes.split(body.text, subject=subject, answers=bool(answered or references))
    return [
        Arrival(
            provider_id=_name_of(mail, raw),
            kind=AddressKind.EMAIL,
            sender=sender,
            sender_name=label,
            subject=subject,
            text=text,
            quoted_text=repeated,
            html=body.html,
            in_reply_to=answered[0] if answered else "",
            references=tuple(references),
            message_ids=tuple(_our_ids([*answered, *reversed(references)])),
            automatic=_by_machine(mail, sender, own_address),
            write_time=written(mail),
            files=tuple(body.files),
        )
    ]


def _name_of(mail: Mail, raw: bytes) -> str:
    """The name by which it is taken once; of a mail without one, the digest of what it says."""
    given = names(mail, "Message-ID")
    return given[0] if given else f"<sha256.{hashlib.sha256(raw).hexdigest()}@unnamed>"


def _our_ids(named: Sequence[str]) -> Iterator[UUID]:
    for name in named:
        if found := _OURS.match(name):
            yield UUID(found[1])


def _by_machine(mail: Mail, sender: str, own_address: str) -> bool:
    """Whether nobody may answer it: a machine wrote it, a list passed it on, or it is our own that came back."""
    if header(mail, "Auto-Submitted").partition(";")[0].strip().lower() not in ("", "no"):
        return True
    if header(mail, "Precedence").lower() in _BULK:
        return True
    if _QUIET & {word.strip().lower() for word in header(mail, "X-Auto-Response-Suppress").split(",")}:
        return True
    if any(header(mail, name) for name in (*_FIELDS_OF_MACHINES, OUR_FIELD)):
        return True
    if header(mail, "Return-Path") == "<>" or _MACHINES.match(sender):
        return True
    return bool(own_address) and sender.casefold() == own_address.casefold()


# -- word of what did not arrive --------------------------------------------------------------------------------------
def _reported(mail: Mail) -> Sequence[Status] | None:
    """What a delivery report (RFC 3464) says of a mail of ours; None of any other mail, and of a report that does not
    say which mail it means, so that somebody sees it.
    """
    if mail.get_content_type() != "multipart/report":
        return None
    groups = [
        group for part in mail.walk() if part.get_content_type() == "message/delivery-status" for group in _groups(part)
    ]
    id, name = _original(mail)
    if not groups or not (id or name):
        return None
    return [status for group in groups if (status := _status(group, id, name)) is not None]


def _groups(part: Mail) -> Iterator[Mail]:
    """The groups of fields, one a recipient."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (each for each in payload if isinstance(each, Mail) and header(each, "Action"))


def _status(group: Mail, id: UUID | None, name: str) -> Status | None:
    action = header(group, "Action").lower()
    if action in ("delivered", "relayed"):
        return Status(Fate.DELIVERED if action == "delivered" else Fate.SENT, id, name)
    if action != "failed":
        # Delayed or expanded: the server is still at it.
        return None
    said = header(group, "Diagnostic-Code")
    found = _STATUS.search(header(group, "Status")) or _STATUS.search(said)
    code = found[0] if found else ""
    return Status(Fate.FAILED, id, name, detail=f"{code} {said}".strip()[:500], bounced=code in _GONE)


def _original(mail: Mail) -> tuple[UUID | None, str]:
    """Our id and the name of the mail that a report means, from what it returns of it."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind == "text/rfc822-headers":
            found = parsed(decoded(content_of(part)).encode("utf-8") + b"\n\n")
        elif kind == "message/rfc822" and isinstance(inner := part.get_payload(), list) and inner:
            found = cast(Mail, inner[0])
        else:
            continue
        named = names(found, "Message-ID")
        ours = _OURS.match(f"<{header(found, OUR_FIELD)}@") or (_OURS.match(named[0]) if named else None)
        return (UUID(ours[1]) if ours else None), (named[0] if named else "")
    return None, ""
