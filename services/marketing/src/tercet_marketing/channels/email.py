"""E-mail: out over SMTP, in over IMAP. The Message-ID is ours, so that replies and bounces are known again. SMTP cannot
be asked what became of a message, so one whose handing-over was cut off stays unclear.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import aiosmtplib

from tercet_chassis.outbound import AddressForbidden, resolve_host
from tercet_marketing.channels import imap
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Arrival,
    Catch,
    Channel,
    House,
    Later,
    Message,
    Receipt,
    Refused,
    Setting,
    Status,
    Unclear,
)
from tercet_marketing.channels.incoming_mail import OUR_FIELD, understood

_TIMEOUT = 20.0
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
# Replies that speak of the mailbox for good (RFC 3463 classes x.1.x and x.2.x), not of this one message.
_GONE = ("5.1.", "5.2.1")


class Email(Channel):
    """E-mail."""

    code = "email"
    display_name = "电子邮件 E-mail"
    address_kind = AddressKind.EMAIL
    abilities = frozenset({Ability.HTML, Ability.SUBJECT, Ability.FILES, Ability.RECEIVE, Ability.FETCH})
    settings = (
        Setting("host", "The SMTP server's name.", required=True),
        Setting("port", "Its port; 587, 465 or 25 by `security` when left out."),
        Setting("security", "`starttls` (the default), `tls`, or `none` in a network of your own."),
        Setting("username", "The name to sign in with; no sign-in when left out."),
        Setting("password", "The password beside it.", secret=True),
        Setting("reply_to", "Where replies go, when not to the sender."),
        Setting("certificate", "PEM of the authority that signed the server's certificate, when no public one did."),
        Setting("imap_host", "The IMAP server that replies are fetched from; none are when left out."),
        Setting("imap_port", "Its port; 993 or 143 by `imap_security` when left out."),
        Setting("imap_security", "`tls` (the default), `starttls`, or `none` in a network of your own."),
        Setting("imap_username", "The name to sign in with there; `username`, then the sender, when left out."),
        Setting("imap_password", "The password there; `password` when left out.", secret=True),
        Setting("imap_token", "An access token to sign in with by XOAUTH2, instead of a password.", secret=True),
        Setting("imap_folder", "The folder that is read; `INBOX` when left out."),
        Setting("imap_minutes", "How many minutes pass between two looks; 1 when left out."),
        Setting("imap_everything", "true to take what lies there before the first look too."),
    )

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: a sender, a known way of security, and a password where there is a name."""
        wrong = dict(super().check(account))
        if "@" not in account.sender:
            wrong["sender"] = "it is needed: the e-mail address to send from"
        if account.settings.get("security", "starttls") not in _PORTS:
            wrong["security"] = f"choose one of {', '.join(_PORTS)}"
        if account.settings.get("username") and not account.secrets.get("password"):
            wrong["password"] = "it is needed where there is a username"
        for name in ("port", "imap_port"):
            port = account.settings.get(name)
            if port is not None and not (isinstance(port, int | float) and 0 < port < 65536):
                wrong[name] = "give a number from 1 to 65535"
        return wrong | _wrong_mailbox(account)

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Hands the message to the server: it is taken when the server has confirmed its end."""
        made = mail(message, account, house, await _contents(message, house))
        async with asyncio.timeout(_TIMEOUT * 3):
            client = await _connected(account)
            try:
                return await _handed_over(client, made, message, account, self)
            finally:
                client.close()

    def look_interval(self, account: Account) -> timedelta | None:
        """As the account says, where it names an IMAP server."""
        if not account.settings.get("imap_host"):
            return None
        return timedelta(minutes=float(account.settings.get("imap_minutes") or 1))

    async def fetch(self, account: Account, house: House, mark: str) -> Catch:
        """The mails that came since the mark; the mailbox stays as it is."""
        return await imap.caught(account, house, mark)

    def read(self, raw: bytes, account: Account) -> Sequence[Arrival | Status]:
        """What a mail says: a customer's words, or word of a mail of ours that did not arrive."""
        return understood(raw, account.sender)


def _wrong_mailbox(account: Account) -> dict[str, str]:
    settings, secrets = account.settings, account.secrets
    wrong = {}
    if settings.get("imap_security", "tls") not in imap.PORTS:
        wrong["imap_security"] = f"choose one of {', '.join(imap.PORTS)}"
    minutes = settings.get("imap_minutes")
    if minutes is not None and not (isinstance(minutes, int | float) and 1 <= minutes <= 1440):
        wrong["imap_minutes"] = "give a number from 1 to 1440"
    if settings.get("imap_host") and not any(secrets.get(name) for name in ("imap_password", "imap_token", "password")):
        wrong["imap_password"] = "it is needed where there is an imap_host, or an imap_token"
    return wrong


async def _contents(message: Message, house: House) -> Mapping[UUID, bytes]:
    if not message.files:
        return {}
    async with house.transaction() as tx:
        return {
            file.file_id: b"".join([piece async for piece in tx.known.file_pieces(file.file_id)])
            for file in message.files
        }


def message_name(message_id: Any, account: Account) -> str:
    """The Message-ID of one of our messages."""
    return f"<{message_id}@{account.sender.rpartition('@')[2]}>"


def mail(
    message: Message, account: Account, house: House, contents: Mapping[UUID, bytes] | None = None
) -> EmailMessage:
    """The message as mail programs read it. Refuses an address that is none."""
    made = EmailMessage(policy=POLICY)
    try:
        made["From"] = Address(account.sender_label, addr_spec=account.sender)
        made["To"] = Address(message.to.name, addr_spec=message.to.value)
        made["Subject"] = message.subject
        if reply_to := account.settings.get("reply_to"):
            made["Reply-To"] = Address(addr_spec=str(reply_to))
        if message.in_reply_to:
            made["In-Reply-To"] = made["References"] = " ".join(message.in_reply_to.split())
    except (ValueError, IndexError) as wrong:
        raise Refused(f"the mail cannot be addressed: {wrong}", bounced=False) from wrong
    made["Date"] = format_datetime(message.write_time or house.now())
    made["Message-ID"] = message_name(message.id, account)
    made[OUR_FIELD] = str(message.id)
    if message.automatic:
        # RFC 3834: whoever is away does not answer this.
        made["Auto-Submitted"] = "auto-replied" if message.in_reply_to else "auto-generated"
    if message.language:
        made["Content-Language"] = message.language
    if message.unsubscribe_url:
        # RFC 8058: mail programs post to it when the reader asks for no more.
        made["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made.set_content(message.text or message.brief)
    if message.html:
        made.add_alternative(message.html, subtype="html")
    for file in message.files:
        main, _, sub = file.content_type.partition("/")
        if not sub or main in ("multipart", "message"):
            main, sub = "application", "octet-stream"
        made.add_attachment((contents or {})[file.file_id], maintype=main, subtype=sub, filename=file.name)
    return made


async def _connected(account: Account) -> aiosmtplib.SMTP:
    """A session that may send. Until it stands, nothing has been sent."""
    settings = account.settings
    host, security = str(settings["host"]), str(settings.get("security", "starttls"))
    port = int(settings.get("port") or _PORTS[security])
    trust = ssl.create_default_context(cadata=str(settings["certificate"]) if settings.get("certificate") else None)
    try:
        address = await resolve_host(host, port, allow_private=account.allow_private)
        # The address that was looked at is the one that is called; the certificate must be the name's.
        async with asyncio.timeout(_TIMEOUT):
            reached = await _socket(address, port)
        client = aiosmtplib.SMTP(
            hostname=host,
            sock=reached,
            timeout=_TIMEOUT,
            start_tls=False,
            use_tls=security == "tls",
            tls_context=trust,
            local_hostname=account.sender.rpartition("@")[2],
        )
        try:
            await client.connect()
            if security == "starttls":
                await client.starttls(server_hostname=host)
            if username := settings.get("username"):
                await client.login(str(username), account.secrets.get("password", ""))
        except BaseException:
            client.close()
            raise
        return client
    except AddressForbidden as forbidden:
        raise Refused(forbidden.message) from forbidden
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError, TimeoutError) as fault:
        raise Later(f"{type(fault).__name__}: {fault}") from fault


async def _socket(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


async def _handed_over(
    client: aiosmtplib.SMTP, made: EmailMessage, message: Message, account: Account, channel: Email
) -> Receipt:
    wide = not (account.sender + message.to.value).isascii()
    try:
        if wide and not client.supports_extension("smtputf8"):
            raise Refused("the server takes no addresses outside of ASCII")
        options = ["SMTPUTF8"] if wide else []
        await client.mail(account.sender, options=options, encoding="utf-8" if wide else "ascii")
        await client.rcpt(message.to.value, encoding="utf-8" if wide else "ascii")
    except aiosmtplib.SMTPResponseException as answer:
        raise _judged(answer) from answer
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as fault:
        # Not a byte of the message has gone yet.
        raise Later(f"{type(fault).__name__}: {fault}") from fault
    content = made.as_bytes(policy=POLICY.clone(utf8=wide))
    try:
        await client.data(content)
    except aiosmtplib.SMTPResponseException as answer:
        raise _judged(answer) from answer
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as fault:
        # It was on its way: the server may have it, and SMTP has no question for that.
        raise Unclear(f"{type(fault).__name__}: {fault}") from fault
    return Receipt(provider_id=str(made["Message-ID"]), cost=channel.cost(message, account))


def _judged(answer: aiosmtplib.SMTPResponseException) -> Refused | Later:
    said = f"{answer.code} {answer.message}"
    if answer.code < 500:
        return Later(said)
    return Refused(said, bounced=answer.message.lstrip().startswith(_GONE))
