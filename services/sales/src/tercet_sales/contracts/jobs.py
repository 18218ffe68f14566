"""Contracts start, end and ask for their renewal by the calendar."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, every, job
from tercet_sales.contracts import rules, store
from tercet_sales.contracts.model import Contract
from tercet_sales.contracts.renewal import open_renewal


@every(minutes=15)
async def follow_calendar(tx: Tx) -> None:
    """Has each contract looked at whose days may ask for something, by itself, so that none holds up the others."""
    for id in await store.due(tx, tx.now().date()):
        tx.schedule(follow_contract, due=tx.now(), key=f"contract:{id}", contract_id=str(id))


@job
async def follow_contract(tx: Tx, contract_id: str) -> None:
    """Does for a contract what its days ask for."""
    contract = await tx.find(Contract, contract_id, lock=True)
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
