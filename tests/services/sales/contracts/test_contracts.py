"""Contracts: signed, in force, amended in versions, renewed once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from support.deals import cny, new_customer, told
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.contract_service_pb2 import (
    ActivateContractRequest,
    AmendContractRequest,
    Contract,
    CreateContractRequest,
    DeleteContractRequest,
    GetContractRequest,
    ListContractsRequest,
    SignContractRequest,
    TerminateContractRequest,
    UpdateContractRequest,
)
from tercet.sales.v1.opportunity_service_pb2 import GetOpportunityRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_sales.contracts import rules
from tercet_sales.contracts.errors import ContractNotStarted
from tercet_sales.contracts.jobs import follow_calendar
from tercet_sales.contracts.model import Contract as ContractEntity


def entity(**changes: Any) -> ContractEntity:
    values: dict[str, Any] = {
        "number": "C2026-000001",
        "version": 1,
        "state": "ACTIVE",
        "title": "年度维保",
        "start_date": date(2026, 1, 1),
        "end_date": date(2026, 12, 31),
        "time_zone": "Asia/Shanghai",
        "renewal_notice_days": 60,
        "amendments": [],
    }
    return ContractEntity(**{**values, **changes})


def test_renewal_is_due_so_many_days_before_the_end_in_the_contracts_zone() -> None:
    assert rules.renewal_date(date(2026, 12, 31), 60) == date(2026, 11, 1)
    contract = entity()
    assert not contract.renewal_is_due(datetime(2026, 10, 31, 15, 59, tzinfo=UTC))
    assert contract.renewal_is_due(datetime(2026, 10, 31, 16, 0, tzinfo=UTC))
    assert not entity(renewal_notice_days=None).renewal_is_due(datetime(2027, 1, 1, tzinfo=UTC))
    assert not entity(end_date=None).renewal_is_due(datetime(2027, 1, 1, tzinfo=UTC))
    assert not entity(renewal_opportunity_id=new_id()).renewal_is_due(datetime(2026, 12, 1, tzinfo=UTC))


def test_contract_does_not_come_into_force_before_its_first_day() -> None:
    contract = entity(state="SIGNED", start_date=date(2026, 3, 1))
    with pytest.raises(ContractNotStarted):
        contract.activate(datetime(2026, 2, 28, 15, 59, tzinfo=UTC))
    contract.activate(datetime(2026, 2, 28, 16, 0, tzinfo=UTC))
    assert contract.state == "ACTIVE"


def test_contract_expires_after_its_last_day() -> None:
    contract = entity()
    assert not contract.expire(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert contract.expire(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert not contract.expire(datetime(2027, 2, 1, tzinfo=UTC))


def today(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def draft(sales: Client, **more: Any) -> Contract:
    customer = await new_customer(sales, "上海冷链有限公司")
    values: dict[str, Any] = {
        "title": "年度维保",
        "customer_id": customer.id,
        "value": cny("120000"),
        "start_date": today(-30),
        "end_date": today(335),
        **more,
    }
    answer: Contract = await sales.CreateContract(CreateContractRequest(contract=Contract(**values)))
    return answer


async def active(sales: Client, **more: Any) -> Contract:
    contract = await draft(sales, **more)
    await sales.SignContract(SignContractRequest(id=contract.id))
    answer: Contract = await sales.ActivateContract(ActivateContractRequest(id=contract.id))
    return answer


async def run_calendar(sales: Client) -> None:
    async with sales.transaction() as tx:
        await follow_calendar(tx)
    await sales.settled()


async def test_contract_walks_from_draft_to_its_end(sales: Client) -> None:
    contract = await draft(sales)
    assert (contract.state, contract.version, contract.time_zone) == (Contract.DRAFT, 1, "Asia/Shanghai")
    with refused("CONTRACT_NOT_SIGNED"):
        await sales.ActivateContract(ActivateContractRequest(id=contract.id))
    change = Contract(id=contract.id, title="年度维保与备件")
    changed = await sales.UpdateContract(UpdateContractRequest(contract=change, update_mask={"paths": ["title"]}))
    assert changed.title == "年度维保与备件"
    assert (await sales.SignContract(SignContractRequest(id=contract.id))).state == Contract.SIGNED
    for call, request in (
        (sales.UpdateContract, UpdateContractRequest(contract=change, update_mask={"paths": ["title"]})),
        (sales.DeleteContract, DeleteContractRequest(id=contract.id)),
        (sales.SignContract, SignContractRequest(id=contract.id)),
    ):
        with refused("CONTRACT_NOT_DRAFT"):
            await call(request)
    assert (await sales.ActivateContract(ActivateContractRequest(id=contract.id))).state == Contract.ACTIVE
    ended = await sales.TerminateContract(TerminateContractRequest(id=contract.id, reason="客户搬迁"))
    assert (ended.state, ended.terminate_reason) == (Contract.TERMINATED, "客户搬迁")
    with refused("CONTRACT_NOT_IN_FORCE"):
        await sales.AmendContract(AmendContractRequest(id=contract.id, reason="延期"))


async def test_amendments_are_versions_that_keep_the_old_terms(sales: Client) -> None:
    contract = await active(sales, terms="每月巡检")
    await sales.AmendContract(
        AmendContractRequest(id=contract.id, reason="增加两台", value=cny("150000"), effective_date=today())
    )
    last = await sales.AmendContract(AmendContractRequest(id=contract.id, reason="每周", terms="每周巡检"))
    assert (last.version, last.value.amount, last.terms) == (3, "150000.00", "每周巡检")
    assert [(old.version, old.value.amount, old.terms, old.reason) for old in last.amendments] == [
        (1, "120000.00", "每月巡检", "增加两台"),
        (2, "150000.00", "每月巡检", "每周"),
    ]
    with refused("CONTRACT_ENDS_BEFORE_START", "end_date"):
        await sales.AmendContract(AmendContractRequest(id=contract.id, reason="错误", end_date="2001-01-01"))


async def test_renewal_opportunity_is_made_once_and_anew_for_a_later_end(sales: Client) -> None:
    contract = await active(sales, end_date=today(20), renewal_notice_days=30)
    await run_calendar(sales)
    await run_calendar(sales)
    found = await sales.GetContract(GetContractRequest(id=contract.id))
    opened = await told(sales, events.ContractRenewed)
    assert [event.opportunity_id for event in opened] == [found.renewal_opportunity_id]
    opportunity = await sales.GetOpportunity(GetOpportunityRequest(id=found.renewal_opportunity_id))
    assert (opportunity.customer_id, opportunity.expected_amount) == (contract.customer_id, cny("120000.00"))
    assert opportunity.expected_close_date == today(20)
    await sales.AmendContract(AmendContractRequest(id=contract.id, reason="延长十天", end_date=today(28)))
    await run_calendar(sales)
    again = await sales.GetContract(GetContractRequest(id=contract.id))
    assert again.renewal_opportunity_id not in ("", found.renewal_opportunity_id)
    assert len(await told(sales, events.ContractRenewed)) == 2


async def test_calendar_starts_and_ends_contracts(sales: Client) -> None:
    contract = await draft(sales)
    await sales.SignContract(SignContractRequest(id=contract.id))
    over = await active(sales)
    async with sales.transaction() as tx:
        (await tx.get(ContractEntity, over.id)).end_date = date(2020, 1, 1)
    await run_calendar(sales)
    assert (await sales.GetContract(GetContractRequest(id=contract.id))).state == Contract.ACTIVE
    assert (await sales.GetContract(GetContractRequest(id=over.id))).state == Contract.EXPIRED


async def test_wrong_contracts_are_refused_with_their_fields(sales: Client) -> None:
    with refused("CONTRACT_ENDS_BEFORE_START", "end_date"):
        await draft(sales, start_date=today(), end_date=today(-1))
    with refused("DATE_INVALID", "contract.start_date"):
        await draft(sales, start_date="2026-02-30")
    with pytest.raises(Refusal) as caught:
        await draft(sales, customer_id=str(new_id()), quote_id=str(new_id()), time_zone="Nowhere")
    assert {(violation.field, violation.reason) for violation in caught.value.violations} == {
        ("contract.customer_id", "CUSTOMER_UNKNOWN"),
        ("contract.quote_id", "QUOTE_UNKNOWN"),
        ("contract.time_zone", "TIME_ZONE_UNKNOWN"),
    }


async def test_contracts_obey_permissions_and_reach(sales: Client) -> None:
    contract = await draft(sales)
    stranger = sales.as_(permissions={"sales.contract.*": "own"})
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.SignContract(SignContractRequest(id=contract.id))
    with refused("PERMISSION_MISSING"):
        await sales.as_(permissions={"sales.contract.read": "all"}).SignContract(SignContractRequest(id=contract.id))
    assert [each.id for each in (await sales.ListContracts(ListContractsRequest(q="维保"))).contracts] == [contract.id]
