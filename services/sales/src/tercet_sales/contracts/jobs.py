"""Contracts start, end and ask for their renewal by the calendar."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, every
from tercet_sales.contracts import rules, store
from tercet_sales.contracts.model import Contract
from tercet_sales.contracts.renewal import open_renewal


@every(minutes=15)
async def follow_calendar(tx: Tx) -> None:
    """Does for every contract what its days ask for."""
    for id in await store.due(tx, tx.now().date()):
        contract = await store.locked(tx, id)
        if contract is not None:
            await follow(tx, contract)


async def follow(tx: Tx, contract: Contract) -> None:
    """Starts, ends or renews one contract when it is time."""
    if contract.state == "SIGNED" and rules.today(contract.time_zone, tx.now()) >= contract.start_date:
        contract.activate(tx.now())
        tx.emit(events.ContractActivated, contract)
    await open_renewal(tx, contract)
    if contract.expire(tx.now()):
        tx.emit(events.ContractExpired, contract)
