"""The talk about the next contract: an opportunity, made once for each last day."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, derived_id
from tercet_sales.contracts.model import Contract
from tercet_sales.opportunities.store import open_opportunity


async def open_renewal(tx: Tx, contract: Contract) -> None:
    """Opens the renewal opportunity when it is due; its id follows from contract and last day, so it is made once."""
    if not contract.renewal_is_due(tx.now()) or contract.customer_id is None or contract.end_date is None:
        return
    opportunity = await open_opportunity(
        tx,
        id=derived_id("renewal", contract.id, contract.end_date),
        customer_id=contract.customer_id,
        title=contract.title,
        amount=contract.value,
        close_date=contract.end_date,
        source="renewal",
        unit_id=contract.seller_unit_id,
        owner_id=contract.owner_id,
    )
    contract.renewal_opportunity_id = opportunity.id
    tx.emit(events.ContractRenewed, contract, opportunity_id=str(opportunity.id))
