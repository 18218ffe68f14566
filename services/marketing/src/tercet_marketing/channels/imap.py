"""A mailbox as it is read over IMAP: only looked at, never changed, so that people may use it beside us."""

from __future__ import annotations

import asyncio
import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tercet_chassis.outbound import AddressForbidden, resolve_host
from tercet_marketing.channels.contract import Account, Catch, Caught, House, Later, Refused

PORTS = {"tls": 993, "starttls": 143, "none": 143}
_TIMEOUT = 30.0
# As much as is taken in one transaction.
_MOST_CAUGHT = 25
_MOST_BYTES = 16 << 20
_LARGEST = 40 << 20
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIZE = re.compile(rb"UID (\d+).*?RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+).*?UID (\d+)", re.S)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a mailbox was read: whose it is, its numbering, the last number, and when that was."""

    box: str = ""
    validity: int = 0
    last: int = 0
    time: str = ""

    @classmethod
    def of(cls, text: str, box: str) -> _Mark:
        """The mark that was kept; of another mailbox than this one it says nothing."""
        known = cls(**orjson.loads(text)) if text else cls()
        return known if known.box == box else cls(box)

    def text(self) -> str:
        """As it is kept."""
        return orjson.dumps(asdict(self)).decode()


@dataclass(frozen=True, slots=True)
class _Door:
    """Where the mailbox is and how it opens."""

    host: str
    address: str
    port: int
    security: str
    trust: ssl.SSLContext
    username: str
    password: str
    token: str
    folder: str
    everything: bool

    @property
    def box(self) -> str:
        """Which mailbox it leads to."""
        return f"{self.username}@{self.host}:{self.port}/{self.folder}"


async def caught(account: Account, house: House, mark: str) -> Catch:
    """What has come since the mark. Raises `Later` while the server cannot be asked."""
    settings = account.settings
    host, security = str(settings["imap_host"]), str(settings.get("imap_security") or "tls")
    port = int(settings.get("imap_port") or PORTS[security])
    try:
        address = await resolve_host(host, port, allow_private=account.allow_private)
        door = _Door(
            host=host,
            address=address,
            port=port,
            security=security,
            trust=ssl.create_default_context(
                cadata=str(settings["certificate"]) if settings.get("certificate") else None
            ),
            username=str(settings.get("imap_username") or settings.get("username") or account.sender),
            password=account.secrets.get("imap_password") or account.secrets.get("password", ""),
            token=account.secrets.get("imap_token", ""),
            folder=str(settings.get("imap_folder") or "INBOX"),
            everything=bool(settings.get("imap_everything")),
        )
        # The client of the standard library waits, so it waits in a thread; every wait of its has an end.
        return await asyncio.to_thread(_look, door, _Mark.of(mark, door.box))
    except AddressForbidden as forbidden:
        raise (Later if "not known" in forbidden.message else Refused)(forbidden.message) from forbidden
    except (imaplib.IMAP4.error, OSError, ssl.SSLError, EOFError, ValueError) as fault:
        raise Later(f"{type(fault).__name__}: {fault}"[:500]) from fault


def _look(door: _Door, mark: _Mark) -> Catch:
    client = _opened(door)
    try:
        _sign_in(client, door)
        _ask(client.select, f'"{_folder(door.folder)}"', True)
        return _taken(client, door, mark)
    finally:
        try:
            client.logout()
        except (imaplib.IMAP4.error, OSError):
            client.shutdown()


def _taken(client: imaplib.IMAP4, door: _Door, mark: _Mark) -> Catch:
    validity = int(_told(client, "UIDVALIDITY") or 0)
    now = datetime.now(UTC)
    if not mark.validity and not door.everything:
        # What lay there before the mailbox became ours was dealt with by whoever read it.
        following = int(_told(client, "UIDNEXT") or 0)
        last = following - 1 if following else max(_found(client, 0, ""), default=0)
        return Catch((), replace(mark, validity=validity, last=last, time=now.isoformat()).text())
    since = ""
    if mark.validity and validity != mark.validity:
        # The server numbers anew: everything since a day before the last look is looked at again, and known again.
        looked = datetime.fromisoformat(mark.time) - timedelta(days=1)
        since, mark = f"{looked.day}-{_MONTHS[looked.month - 1]}-{looked.year}", replace(mark, last=0)
    waiting = _found(client, mark.last, since)
    found: list[Caught] = []
    weight, last = 0, mark.last
    sizes = _sizes(client, waiting[:_MOST_CAUGHT])
    for uid in waiting[:_MOST_CAUGHT]:
        size = sizes.get(uid)
        if found and weight + (size or 0) > _MOST_BYTES:
            break
        last = uid
        # Somebody may have taken it away meanwhile.
        if size is not None and (one := _one(client, uid, size, validity)) is not None:
            found.append(one)
            weight += len(one.raw)
    more = bool(waiting) and last < waiting[-1]
    reached = replace(mark, validity=validity, last=last, time=now.isoformat())
    return Catch(found, reached.text(), more)


def _one(client: imaplib.IMAP4, uid: int, size: int, validity: int) -> Caught | None:
    whole = size <= _LARGEST
    answer = _ask(client.uid, "FETCH", str(uid), "(BODY.PEEK[])" if whole else "(BODY.PEEK[HEADER])")
    raw = next((bytes(item[1]) for item in answer if isinstance(item, tuple)), None)
    if raw is None:
        return None
    return Caught(f"{validity}/{uid}", raw, "" if whole else f"it has {size} bytes; only its header was fetched")


def _found(client: imaplib.IMAP4, last: int, since: str) -> list[int]:
    criteria = [f"{last + 1}:*"] if not since else ["1:*", "SINCE", since]
    answer = _ask(client.uid, "SEARCH", "UID", *criteria)
    numbers = {int(number) for line in answer if isinstance(line, bytes) for number in line.split()}
    # `n:*` always holds the last message, however low its number.
    return sorted(number for number in numbers if number > last)


def _sizes(client: imaplib.IMAP4, uids: list[int]) -> dict[int, int]:
    if not uids:
        return {}
    answer = _ask(client.uid, "FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)")
    found = {}
    for line in answer:
        told = _SIZE.search(line[0] if isinstance(line, tuple) else line or b"")
        if told:
            uid, size = (told[1], told[2]) if told[1] else (told[4], told[3])
            found[int(uid)] = int(size)
    return found


def _opened(door: _Door) -> imaplib.IMAP4:
    if door.security == "tls":
        return _Encrypted(door)
    client = _Plain(door)
    if door.security == "starttls":
        _ask(client.starttls, door.trust)
    return client


class _Plain(imaplib.IMAP4):
    """Calls the address that was looked at, whatever the name leads to by now."""

    def __init__(self, door: _Door) -> None:
        self._door = door
        super().__init__(door.host, door.port, _TIMEOUT)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection((self._door.address, self._door.port), timeout)


class _Encrypted(_Plain):
    """The same, encrypted from the first byte; the certificate must be the name's."""

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._door.trust.wrap_socket(super()._create_socket(timeout), server_hostname=self._door.host)


def _sign_in(client: imaplib.IMAP4, door: _Door) -> None:
    if door.token:
        said = f"user={door.username}\x01auth=Bearer {door.token}\x01\x01".encode()
        _authenticate(client, "XOAUTH2", said)
    elif (door.username + door.password).isascii() and "LOGINDISABLED" not in client.capabilities:
        _ask(client.login, door.username, door.password)
    else:
        _authenticate(client, "PLAIN", f"\0{door.username}\0{door.password}".encode())
    capabilities = _ask(client.capability)[0] or b""
    if b" ID" in b" " + bytes(capabilities).upper():
        # Some large providers open no mailbox to programs that do not say their name.
        client.xatom("ID", '("name" "tercet" "version" "1")')


def _authenticate(client: imaplib.IMAP4, mechanism: str, said: bytes) -> None:
    asked = 0

    def answer(challenge: bytes) -> bytes:
        nonlocal asked
        asked += 1
        # A second question is the server's reason for refusing; an empty answer ends it.
        return said if asked == 1 else b""

    _ask(client.authenticate, mechanism, answer)


def _ask(command: Callable[..., tuple[str, Any]], *arguments: Any) -> Any:
    kind, answer = command(*arguments)
    if kind != "OK":
        raise imaplib.IMAP4.error(f"the server says {kind}: {answer[0] if answer else ''!r}"[:300])
    return answer


def _told(client: imaplib.IMAP4, name: str) -> bytes | None:
    _, values = client.response(name)
    return values[-1] if values else None


def _folder(name: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501, 5.1.3)."""
    pieces, wide = [], ""
    for sign in [*name, ""]:
        if sign and not " " <= sign <= "~":
            wide += sign
            continue
        if wide:
            coded = base64.b64encode(wide.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            pieces.append(f"&{coded}-")
            wide = ""
        pieces.append("&-" if sign == "&" else sign)
    return "".join(pieces).replace("\\", "\\\\").replace('"', '\\"')
