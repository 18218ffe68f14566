"""A mailbox on a real IMAP server in this process, and mails as customers, machines and other servers write them."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer, IMAPService
from pymap.parsing.message import AppendMessage

from support.providers import tls

USER, PASSWORD = "shop@example.com", "secret"


@dataclass
class Mailbox:
    """The inbox of one account."""

    port: int
    tls_port: int
    certificate: str
    backend: Any
    delivered: list[bytes] = field(default_factory=list)

    async def deliver(self, *mails: EmailMessage | bytes) -> None:
        """Puts mails into the inbox, as a server that was given them by SMTP."""
        inbox = await self._inbox()
        for mail in mails:
            raw = mail if isinstance(mail, bytes) else mail.as_bytes()
            self.delivered.append(raw)
            await inbox.append(AppendMessage(raw, datetime.now(UTC), frozenset()))

    async def number_anew(self) -> None:
        """The server loses its numbering: the same mails under a new one."""
        self.backend.config.set_cache.clear()
        kept, self.delivered = self.delivered, []
        await self.deliver(*kept)

    async def _inbox(self) -> Any:
        identity = self.backend.login.demo_user_identity
        async with identity.new_session() as session:
            return await session.mailbox_set.get_mailbox("INBOX")

    def settings(self, **more: Any) -> dict[str, Any]:
        """An account's settings to read it."""
        told = {"imap_host": "127.0.0.1", "imap_port": self.port, "imap_security": "starttls", "imap_username": USER}
        return {**told, "certificate": self.certificate, "imap_everything": True, **more}


@asynccontextmanager
async def mailbox(folder: Path) -> AsyncIterator[Mailbox]:
    context, certificate = tls(folder)
    parser = ArgumentParser()
    IMAPService.add_arguments(parser)
    DictBackend.add_subparser("dict", parser.add_subparsers())
    parser.set_defaults(debug=False, passlib_cfg=None)
    args = parser.parse_args(["dict", "--demo-user", USER, "--demo-password", PASSWORD])
    backend, config = await DictBackend.init(args, ssl_context=context)
    config.apply_context()
    serve = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
    plain = await asyncio.start_server(serve, "127.0.0.1", 0)
    encrypted = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port, tls_port = (server.sockets[0].getsockname()[1] for server in (plain, encrypted))
    try:
        yield Mailbox(port, tls_port, certificate, backend)
    finally:
        plain.close()
        encrypted.close()


def mail(text: str = "您好", sender: str = "王芳 <fang@example.org>", **fields: Any) -> EmailMessage:
    """A mail as a customer writes one; header fields with `_` for `-`."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = USER
    made["Subject"] = fields.pop("subject", "订单")
    made["Date"] = fields.pop("date", "Mon, 05 Jan 2026 10:00:00 +0800")
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def bounce(
    original: EmailMessage | str, status: str = "5.1.1", action: str = "failed", said: str = "no such user"
) -> bytes:
    """A delivery report as RFC 3464 has it; of a mail, or of the Message-ID of one."""
    name = original if isinstance(original, str) else str(original["Message-ID"])
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\r\nTo: shop@example.com\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n"
        f"Message-ID: <report-{status}-{name.strip('<>')}>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; fang@example.org\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} {said}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {name}\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


@dataclass
class Relay:
    """A line to a server that counts what it says."""

    port: int = 0
    said: int = 0
    marks: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def passed_on(self, count: int) -> asyncio.Event:
        """Is set once the server has said so many bytes more."""
        event = asyncio.Event()
        self.marks.append((self.said + count, event))
        return event

    def count(self, content: bytes) -> None:
        self.said += len(content)
        for mark, event in self.marks:
            if self.said >= mark:
                event.set()


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Relay]:
    """A line to a server on this machine."""
    made = Relay()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: bool) -> None:
        try:
            while content := await reader.read(512):
                writer.write(content)
                await writer.drain()
                if count:
                    made.count(content)
        except ConnectionError:
            return
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ahead, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, back, False), pass_on(ahead, writer, True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
