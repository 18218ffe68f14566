"""Providers of channels, as servers on this machine that speak the real protocols and can be told to fail."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class HttpProvider:
    """Takes messages by HTTP as SMS gateways do, and tells what became of them. `answers` are given first, in order:
    a status, or `cut` to take the message and hang up without a word.
    """

    url: str = ""
    answers: list[int | str] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    report_secret: str = "report-secret"
    held: asyncio.Event | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append((method, path, headers, body))
            answer = self.answers.pop(0) if self.answers else 200
            status, said = self._answer(method, path, body, answer)
            if self.held is not None:
                await self.held.wait()
            if status:
                content = orjson.dumps(said)
                writer.write(f"HTTP/1.1 {status} Said\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes, answer: int | str) -> tuple[int, Any]:
        if method == "GET":
            asked = path.rsplit("/", 1)[1]
            known = next((each for each in self.taken if each["client_id"] == asked), None)
            if known is None:
                return 404, {"error": "no such message"}
            return 200, {"id": f"p-{asked}", "status": "delivered", "cost": {"amount": "0.045", "currency": "CNY"}}
        if isinstance(answer, int) and answer >= 300:
            return answer, {"error": "not now"}
        told = orjson.loads(body)
        self.taken.append(told)
        if answer == "cut":
            return 0, None
        return 200, {"id": f"p-{told.get('client_id', '')}", "cost": {"amount": "0.045", "currency": "CNY"}}

    def sign(self, body: bytes) -> str:
        return hmac.digest(self.report_secret.encode(), body, hashlib.sha256).hex()


@dataclass
class WeChat(HttpProvider):
    """The interface of WeChat official accounts: tokens that can be taken back, and messages by `client_msg_id`."""

    tokens: int = 0
    errors: list[int] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def _answer(self, method: str, path: str, body: bytes, answer: int | str) -> tuple[int, Any]:
        told = orjson.loads(body)
        if path.startswith("/cgi-bin/stable_token"):
            if told.get("secret") != "app-secret":
                return 200, {"errcode": 40125, "errmsg": "invalid appsecret"}
            self.tokens += 1
            return 200, {"access_token": f"token-{self.tokens}", "expires_in": 7200}
        if not path.endswith(f"access_token=token-{self.tokens}"):
            return 200, {"errcode": 40001, "errmsg": "invalid credential"}
        if self.errors:
            return 200, {"errcode": self.errors.pop(0), "errmsg": "said so"}
        self.messages[told.get("client_msg_id", "text")] = told
        if answer == "cut":
            return 0, None
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": 200228332}


@asynccontextmanager
async def http_provider(given: HttpProvider | None = None) -> AsyncIterator[HttpProvider]:
    made = given or HttpProvider()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


@dataclass
class MailServer:
    """A real SMTP server with STARTTLS and sign-in. `replies` are given to recipients, then to messages, in order;
    `hang_up` takes a message and ends the connection before it says so.
    """

    port: int = 0
    certificate: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    recipient_replies: list[str] = field(default_factory=list)
    data_replies: list[str] = field(default_factory=list)
    hang_up: bool = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_replies:
            return self.recipient_replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_replies:
            return self.data_replies.pop(0)
        assert isinstance(envelope.content, bytes)
        parsed = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append(envelope)
        if self.hang_up:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 taken"


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[MailServer]:
    made = MailServer()
    context, made.certificate = tls(folder)

    def sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"shop", b"secret"), handled=False)

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(
            made, tls_context=context, require_starttls=True, authenticator=sign_in, auth_required=True, loop=loop
        ),
        "127.0.0.1",
        0,
    )
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()


def tls(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A certificate for this machine and how a server uses it; all servers of a folder share one."""
    kept = folder / "mail.pem"
    if not kept.exists():
        kept.write_bytes(_certified())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kept)
    return context, kept.read_text().partition("-----BEGIN PRIVATE")[0]


def _certified() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return pem + key.private_bytes(*form)
