"""Contracts: drafted, signed, in force, amended, ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.contract_service_pb2 import (
    ActivateContractRequest,
    AmendContractRequest,
    CreateContractRequest,
    DeleteContractRequest,
    SignContractRequest,
    TerminateContractRequest,
    UpdateContractRequest,
)
from tercet_chassis import Handlers, Tx
from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_sales.contracts import rules
from tercet_sales.contracts.errors import ContractInvalid
from tercet_sales.contracts.jobs import follow
from tercet_sales.contracts.model import Amendment, Contract
from tercet_sales.customers import store as customers
from tercet_sales.days import day_of, zone_of
from tercet_sales.numbering.store import next_number
from tercet_sales.pricing import store as pricing
from tercet_sales.pricing.errors import violations_of
from tercet_sales.quotes.model import Quote


class ContractService(Handlers):
    """Serves tercet.sales.v1.ContractService."""

    async def CreateContract(self, request: CreateContractRequest, tx: Tx) -> Contract:
        """Makes a draft. Refuses with CONTRACT_INVALID, naming everything that is wrong with its parties."""
        prepared = await pricing.prepare(tx, request.contract)
        message, faults = prepared.message, prepared.faults
        day_of(message.start_date, "contract.start_date")
        if message.end_date:
            day_of(message.end_date, "contract.end_date")
        faults += await _quote_faults(tx, message)
        if message.renewal_notice_days and not message.customer_id:
            text = "A renewal opportunity needs a customer; name one, or leave out the notice."
            faults.append(Violation("renewal_notice_days", "RENEWAL_WITHOUT_CUSTOMER", text))
        if faults:
            raise ContractInvalid(count=len(faults), violations=violations_of(faults, "contract."))
        if prepared.customer is not None:
            await customers.mark_used(tx, prepared.customer.id)
        number = await next_number(tx, "C", UUID(message.seller_unit_id), prepared.unit.day(tx.now()).year)
        contract = await tx.create(Contract, message)
        contract.number = number
        contract.check_term()
        tx.emit(events.ContractCreated, contract)
        return contract

    async def UpdateContract(self, request: UpdateContractRequest, tx: Tx) -> Contract:
        """Changes a draft. Refuses once it is signed."""
        contract = await tx.get(Contract, request.contract.id, etag=request.contract.etag, lock=True)
        contract.must_be_draft()
        await tx.patch(contract, request.contract, request.update_mask if request.HasField("update_mask") else None)
        zone_of(contract.time_zone, "contract.time_zone")
        contract.check_term()
        tx.emit(events.ContractUpdated, contract)
        return contract

    async def DeleteContract(self, request: DeleteContractRequest, tx: Tx) -> Empty:
        """Removes a draft. Refuses once it is signed."""
        contract = await tx.get(Contract, request.id, etag=request.etag, lock=True)
        contract.must_be_draft()
        tx.emit(events.ContractDeleted, contract)
        await tx.delete(contract)
        return Empty()

    async def SignContract(self, request: SignContractRequest, tx: Tx) -> Contract:
        """Both sides have signed. Refuses unless it is a draft."""
        contract = await tx.get(Contract, request.id, etag=request.etag, lock=True)
        signed = request.sign_time.ToDatetime(tzinfo=tx.now().tzinfo) if request.HasField("sign_time") else tx.now()
        contract.sign(min(signed, tx.now()))
        tx.emit(events.ContractSigned, contract, occur_time=contract.sign_time)
        return contract

    async def ActivateContract(self, request: ActivateContractRequest, tx: Tx) -> Contract:
        """Comes into force. Refuses before its first day."""
        contract = await tx.get(Contract, request.id, etag=request.etag, lock=True)
        contract.activate(tx.now())
        tx.emit(events.ContractActivated, contract)
        await follow(tx, contract)
        return contract

    async def AmendContract(self, request: AmendContractRequest, tx: Tx) -> Contract:
        """Makes the next version of the terms. Refuses unless it is signed or active."""
        contract = await tx.get(Contract, request.id, etag=request.etag, lock=True)
        amendment = Amendment(
            reason=request.reason,
            title=request.title or None,
            terms=request.terms or None,
            effective_date=day_of(request.effective_date, "effective_date")
            if request.effective_date
            else rules.today(contract.time_zone, tx.now()),
            value=Money.of(request.value.amount, request.value.currency_code) if request.HasField("value") else None,
            end_date=day_of(request.end_date, "end_date") if request.end_date else None,
        )
        contract.amend(amendment, tx.now())
        tx.emit(events.ContractAmended, contract, reason=request.reason)
        return contract

    async def TerminateContract(self, request: TerminateContractRequest, tx: Tx) -> Contract:
        """Ends it early. Refuses unless it is signed or active."""
        contract = await tx.get(Contract, request.id, etag=request.etag, lock=True)
        contract.terminate(tx.now(), request.reason)
        tx.emit(events.ContractTerminated, contract)
        return contract


async def _quote_faults(tx: Tx, message: Any) -> list[Violation]:
    if not message.quote_id:
        return []
    quote = await tx.find(Quote, message.quote_id)
    if quote is None:
        return [
            Violation(
                "quote_id", "QUOTE_UNKNOWN", f"There is no quote {message.quote_id} in your reach; name one that is."
            )
        ]
    if quote.state != "ACCEPTED":
        return [
            Violation(
                "quote_id",
                "QUOTE_NOT_ACCEPTED",
                f"Quote {quote.number} is {quote.state}; the customer has to accept it first.",
            )
        ]
    return []
