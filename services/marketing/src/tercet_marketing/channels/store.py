"""Queries of accounts and of what channels inside Tercet keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.channels.contract import Message
from tercet_marketing.channels.model import ChannelAccount

_CONSOLE = (
    "INSERT INTO console_messages (tenant_id, id, channel_code, address, subject, text, html, handed_over, create_time,"
    " update_time, row_version) VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, 1, $8, $8, 1) "
    "ON CONFLICT (tenant_id, id) DO UPDATE SET handed_over = console_messages.handed_over + 1,"
    " row_version = console_messages.row_version + 1, update_time = excluded.update_time RETURNING handed_over"
)
_CONSOLE_HAS = "SELECT FROM console_messages WHERE id = $1"
_IN_APP = (
    "INSERT INTO in_app_messages (tenant_id, id, owner_id, unit_id, partner_party_id, identity_id, party_id, subject,"
    " text, html, create_time, update_time, row_version)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, 1) ON CONFLICT (tenant_id, id) DO NOTHING"
)
_IN_APP_HAS = "SELECT read_time FROM in_app_messages WHERE id = $1"


async def accounts(tx: Tx) -> Sequence[ChannelAccount]:
    """All accounts, by code."""
    return (await tx.session.scalars(select(ChannelAccount).order_by(ChannelAccount.code))).all()


async def account(tx: Tx, code: str) -> ChannelAccount | None:
    """The account of that code."""
    return (await tx.session.scalars(select(ChannelAccount).where(ChannelAccount.code == code))).one_or_none()


async def keep_console(tx: Tx, message: Message, channel_code: str) -> int:
    """Writes a message down once under its id; how often it was handed over by now."""
    address = {"kind": message.to.kind.value, "value": message.to.value, "platform": message.to.platform}
    texts = (message.subject, message.text or message.brief, message.html)
    told = json.dumps(address, ensure_ascii=False)
    rows = await tx.fetch(_CONSOLE, tx.tenant_id, message.id, channel_code, told, *texts, tx.now())
    return int(rows[0]["handed_over"])


async def console_has(tx: Tx, id: UUID) -> bool:
    """Whether the console has the message."""
    return bool(await tx.fetch(_CONSOLE_HAS, id))


async def keep_in_app(tx: Tx, message: Message) -> None:
    """Puts a message into the customer's account, once under its id."""
    to = message.to
    who = (to.owner_id, to.unit_id, to.partner_party_id, to.identity_id, to.party_id)
    texts = (message.subject, message.text, message.html)
    await tx.fetch(_IN_APP, tx.tenant_id, message.id, *who, *texts, tx.now())


async def in_app_has(tx: Tx, id: UUID) -> bool:
    """Whether the customer's account has the message."""
    return bool(await tx.fetch(_IN_APP_HAS, id))
