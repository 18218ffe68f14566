"""The unit tree: whole paths, no circles, nothing lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update

from support.gateway import Company, found_company
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.gateway.v1.unit_service_pb2 import (
    CreateUnitRequest,
    DeleteUnitRequest,
    GetUnitRequest,
    ListUnitsRequest,
    MoveUnitRequest,
    Unit,
    UpdateUnitRequest,
)
from tercet_chassis import tables
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_gateway.units.model import Unit as Row


async def _unit(company: Company, code: str, parent: str = "", **values: Any) -> Unit:
    unit = Unit(
        code=code, name=code, parent_id=parent or company.root_id, type=values.pop("type", Unit.REGION), **values
    )
    made: Unit = await company.admin.CreateUnit(CreateUnitRequest(unit=unit))
    return made


async def test_unit_takes_place_currency_and_zone_from_its_parent(company: Company) -> None:
    east = await _unit(
        company, "east", reporting_currency="USD", zone="America/New_York", territories=["CN-31", "浙江省"]
    )
    store = await _unit(company, "store", east.id, type=Unit.STORE)
    assert store.path == f"/{company.root_id}/{east.id}/{store.id}/"
    assert (store.reporting_currency, store.zone) == ("USD", "America/New_York")
    assert list((await company.admin.GetUnit(GetUnitRequest(id=east.id))).territories) == ["CN-31", "浙江省"]


async def test_moving_a_unit_takes_its_branch_along_everywhere(company: Company) -> None:
    east, west = await _unit(company, "east"), await _unit(company, "west")
    dealer = await _unit(company, "dealer", east.id, type=Unit.DEALER)
    store = await _unit(company, "store", dealer.id, type=Unit.STORE)
    await company.admin.MoveUnit(MoveUnitRequest(id=dealer.id, parent_id=west.id))
    moved = await company.admin.GetUnit(GetUnitRequest(id=store.id))
    assert moved.path == f"/{company.root_id}/{west.id}/{dealer.id}/{store.id}/"
    await company.admin.settled()
    async with company.admin.running.runtime.database.connection() as connection:
        mine = tables.units.c.tenant_id == company.tenant_id
        copies = {row.code: row.path for row in await connection.execute(select(tables.units).where(mine))}
    assert copies["store"] == moved.path


async def test_a_circle_is_refused(company: Company) -> None:
    upper = await _unit(company, "upper")
    lower = await _unit(company, "lower", upper.id)
    for place in (upper.id, lower.id):
        with refused("UNIT_CANNOT_STAND_THERE", "parent_id"):
            await company.admin.MoveUnit(MoveUnitRequest(id=upper.id, parent_id=place))


async def test_two_moves_at_once_close_no_circle(company: Company) -> None:
    one, two = await _unit(company, "one"), await _unit(company, "two")
    outcomes = await asyncio.gather(
        company.admin.MoveUnit(MoveUnitRequest(id=one.id, parent_id=two.id)),
        company.admin.MoveUnit(MoveUnitRequest(id=two.id, parent_id=one.id)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["RemoteRefusal", "Unit"]
    refusal = next(outcome for outcome in outcomes if isinstance(outcome, Refusal))
    assert refusal.reason == "UNIT_CANNOT_STAND_THERE"


async def test_only_teams_stand_below_a_team(company: Company) -> None:
    team = await _unit(company, "team", type=Unit.TEAM)
    with refused("UNIT_CANNOT_STAND_THERE"):
        await _unit(company, "shop", team.id, type=Unit.STORE)
    assert (await _unit(company, "squad", team.id, type=Unit.TEAM)).parent_id == team.id


async def test_there_is_one_root_and_it_stays(company: Company) -> None:
    with refused("UNIT_PARENT_MISSING", "unit.parent_id"):
        await company.admin.CreateUnit(CreateUnitRequest(unit=Unit(code="second", name="second", type=Unit.GROUP)))
    region = await _unit(company, "region")
    with refused("UNIT_IS_ROOT", "id"):
        await company.admin.MoveUnit(MoveUnitRequest(id=company.root_id, parent_id=region.id))
    with refused("UNIT_IS_ROOT", "id"):
        await company.admin.DeleteUnit(DeleteUnitRequest(id=company.root_id))


async def test_unit_with_people_or_units_is_not_deleted(company: Company) -> None:
    region = await _unit(company, "region")
    store = await _unit(company, "store", region.id)
    with refused("UNIT_IN_USE", "id"):
        await company.admin.DeleteUnit(DeleteUnitRequest(id=region.id))
    await company.user("li@shangqi.example", "seller", unit_id=store.id)
    with refused("UNIT_IN_USE", "id"):
        await company.admin.DeleteUnit(DeleteUnitRequest(id=store.id))
    empty = await _unit(company, "empty")
    await company.admin.DeleteUnit(DeleteUnitRequest(id=empty.id, etag=empty.etag))
    with refused("RESOURCE_NOT_FOUND"):
        await company.admin.GetUnit(GetUnitRequest(id=empty.id))


async def test_place_changes_only_by_moving(company: Company) -> None:
    region = await _unit(company, "region")
    for field, value in (("parent_id", str(new_id())), ("path", "/elsewhere/")):
        request = UpdateUnitRequest(unit=Unit(id=region.id))
        setattr(request.unit, field, value)
        request.update_mask.paths.append(field)
        with refused("FIELD_NOT_WRITABLE", field):
            await company.admin.UpdateUnit(request)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"zone": "Mars/Base"}, "ZONE_UNKNOWN", "zone"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "DATES_REVERSED", "end_date"),
        ({"start_date": "2026-02-31"}, "VALUE_INVALID", "start_date"),
        ({"reporting_currency": "RMB1"}, "REQUEST_INVALID", "unit.reporting_currency"),
        ({"type": Unit.TYPE_UNSPECIFIED}, "REQUEST_INVALID", "unit.type"),
        ({"territories": ["CN-31", "CN-31"]}, "REQUEST_INVALID", "unit.territories"),
    ],
)
async def test_malformed_unit_names_its_field(
    company: Company, values: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field):
        await _unit(company, "wrong", **values)


async def test_code_is_unique_and_list_is_filtered_and_searched(company: Company) -> None:
    await _unit(company, "east")
    await company.admin.CreateUnit(
        CreateUnitRequest(unit=Unit(code="sh", name="上海分公司", type=Unit.STORE, parent_id=company.root_id))
    )
    with refused("RESOURCE_ALREADY_EXISTS", "unit.code"):
        await _unit(company, "east")
    assert [unit.code for unit in (await company.admin.ListUnits(ListUnitsRequest(filter="type = STORE"))).units] == [
        "sh"
    ]
    assert [unit.code for unit in (await company.admin.ListUnits(ListUnitsRequest(q="上海"))).units] == ["sh"]
    with refused("CONDITION_INVALID", "filter"):
        await company.admin.ListUnits(ListUnitsRequest(filter="type ="))


async def test_another_tenant_s_unit_is_not_found(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    region = await _unit(company, "region")
    for call in (
        other.admin.GetUnit(GetUnitRequest(id=region.id)),
        other.admin.UpdateUnit(UpdateUnitRequest(unit=Unit(id=region.id, name="theirs"))),
        other.admin.DeleteUnit(DeleteUnitRequest(id=region.id)),
        other.admin.MoveUnit(MoveUnitRequest(id=region.id, parent_id=other.root_id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call
    with refused("UNIT_PARENT_MISSING"):
        await other.admin.CreateUnit(
            CreateUnitRequest(unit=Unit(code="in", name="in", type=Unit.TEAM, parent_id=region.id))
        )


@pytest.mark.parametrize("verb", ["create", "read", "update", "delete", "move"])
async def test_each_method_needs_its_permission(company: Company, verb: str) -> None:
    others = {
        f"gateway.unit.{other}": "all" for other in ("create", "read", "update", "delete", "move") if other != verb
    }
    caller = company.admin.as_(permissions=others)
    calls: dict[str, Any] = {
        "create": lambda: caller.CreateUnit(
            CreateUnitRequest(unit=Unit(code="x", name="x", type=Unit.TEAM, parent_id=company.root_id))
        ),
        "read": lambda: caller.GetUnit(GetUnitRequest(id=company.root_id)),
        "update": lambda: caller.UpdateUnit(UpdateUnitRequest(unit=Unit(id=company.root_id, name="x"))),
        "delete": lambda: caller.DeleteUnit(DeleteUnitRequest(id=company.root_id)),
        "move": lambda: caller.MoveUnit(MoveUnitRequest(id=company.root_id, parent_id=company.root_id)),
    }
    with refused("PERMISSION_MISSING"):
        await calls[verb]()


async def test_check_finds_a_broken_path(company: Company) -> None:
    region = await _unit(company, "region")
    team = await _unit(company, "team", region.id)
    request = CheckInvariantsRequest(service="gateway")

    async def finding() -> Any:
        answer = await company.admin.CheckInvariants(request)
        return next(found for found in answer.findings if found.invariant == "units.tree_whole")

    whole = await finding()
    assert (whole.holds, whole.checked_count) == (True, 3)
    async with company.admin.transaction() as tx:
        await tx.session.execute(update(Row).where(Row.code == "team").values(path="/astray/"))
    broken = await finding()
    assert (broken.holds, list(broken.examples)) == (False, [team.id])
