"""Queries of intake."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from tercet_chassis import Tx
from tercet_marketing.intake.model import WAITING, ChannelIntake, QuarantinedMessage


async def intakes(tx: Tx) -> Sequence[ChannelIntake]:
    """How far each account was fetched."""
    return (await tx.session.scalars(select(ChannelIntake).order_by(ChannelIntake.account_code))).all()


async def intake_of(tx: Tx, account_code: str) -> ChannelIntake:
    """How far an account was fetched, held; made when nobody has looked yet."""
    await tx.hold("intake", [account_code])
    query = select(ChannelIntake).where(ChannelIntake.account_code == account_code).with_for_update()
    found = (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    return found or tx.add(ChannelIntake(account_code=account_code))


async def intake_under(tx: Tx, account_code: str, lease_id: UUID) -> ChannelIntake | None:
    """The same, for whoever's look it is; None when somebody else looks by now."""
    query = select(ChannelIntake).where(ChannelIntake.account_code == account_code, ChannelIntake.lease_id == lease_id)
    found = await tx.session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return found.one_or_none()


async def quarantined(tx: Tx, account_code: str, digest: str) -> bool:
    """Whether the source is kept already."""
    query = select(QuarantinedMessage.id).where(
        QuarantinedMessage.account_code == account_code, QuarantinedMessage.digest == digest
    )
    return await tx.session.scalar(query) is not None


async def counted(tx: Tx) -> tuple[int, int]:
    """How many messages could not be read, and how many of them wait for somebody."""
    waiting = func.count().filter(QuarantinedMessage.state == WAITING)
    row = (await tx.session.execute(select(func.count(), waiting).select_from(QuarantinedMessage))).one()
    return int(row[0]), int(row[1])
