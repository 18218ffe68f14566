"""A tenant is made whole, found by its code, and shut as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway import PASSWORD, Company, found_company
from tercet.gateway.v1.role_service_pb2 import ListRolesRequest
from tercet.gateway.v1.tenant_service_pb2 import (
    CreateTenantRequest,
    GetTenantRequest,
    SetTenantStateRequest,
    Tenant,
    UpdateTenantRequest,
)
from tercet.gateway.v1.unit_service_pb2 import ListUnitsRequest
from tercet.gateway.v1.user_service_pb2 import User
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, refused


def _request(code: str, **values: str) -> CreateTenantRequest:
    tenant: dict[str, Any] = {
        "name": "尚祈",
        "locale": "zh-CN",
        "zone": "Asia/Shanghai",
        "reporting_currency": "CNY",
        "region": "CN",
        **values,
    }
    return CreateTenantRequest(
        tenant=Tenant(code=code, **tenant), admin=User(email="a@b.example", display_name="王", password=PASSWORD)
    )


def _newcomer(gateway: Client) -> Client:
    return Client(gateway.running, Principal.system("test", new_id()))


async def test_tenant_starts_with_root_unit_roles_and_an_administrator(company: Company) -> None:
    units = (await company.admin.ListUnits(ListUnitsRequest())).units
    assert [(unit.code, unit.path, unit.reporting_currency, unit.zone) for unit in units] == [
        (company.code, f"/{company.root_id}/", "CNY", "Asia/Shanghai")
    ]
    roles = (await company.admin.ListRoles(ListRolesRequest(order_by="code"))).roles
    assert [role.code for role in roles] == [
        "admin",
        "auditor",
        "dealer",
        "field_engineer",
        "marketer",
        "sales_manager",
        "seller",
        "service_agent",
        "service_supervisor",
    ]
    assert [role.code for role in roles if role.builtin] == ["admin"]


async def test_other_services_learn_of_tenant_and_root(company: Company) -> None:
    await company.admin.settled()
    from sqlalchemy import select

    from tercet_chassis import tables

    async with company.admin.running.runtime.database.connection() as connection:
        tenant = (
            await connection.execute(select(tables.tenants).where(tables.tenants.c.id == company.tenant_id))
        ).one()
        unit = (
            await connection.execute(select(tables.units).where(tables.units.c.tenant_id == company.tenant_id))
        ).one()
    assert (tenant.code, tenant.zone, tenant.region) == (company.code, "Asia/Shanghai", "CN")
    assert (unit.type, unit.path) == ("GROUP", f"/{company.root_id}/")


async def test_code_is_taken_once_in_the_installation(gateway: Client, company: Company) -> None:
    with refused("TENANT_CODE_TAKEN", "tenant.code"):
        await _newcomer(gateway).CreateTenant(_request(company.code))


async def test_nothing_of_a_refused_tenant_remains(gateway: Client) -> None:
    newcomer, code = _newcomer(gateway), f"w{str(new_id())[-12:]}"
    weak = _request(code)
    weak.admin.password = "short"
    with refused("PASSWORD_TOO_WEAK", "password"):
        await newcomer.CreateTenant(weak)
    made = await newcomer.CreateTenant(_request(code))
    assert made.tenant.id == str(newcomer.tenant_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [("code", "Not A Code"), ("reporting_currency", "yuan"), ("region", "China"), ("locale", "中文"), ("name", "")],
)
async def test_malformed_tenant_names_its_field(gateway: Client, field: str, value: str) -> None:
    request = _request("some-code")
    setattr(request.tenant, field, value)
    with refused("REQUEST_INVALID", f"tenant.{field}"):
        await _newcomer(gateway).CreateTenant(request)


async def test_unknown_zone_is_refused(gateway: Client) -> None:
    with refused("ZONE_UNKNOWN", "zone"):
        await _newcomer(gateway).CreateTenant(_request(f"z{str(new_id())[-12:]}", zone="Asia/Peking"))


async def test_people_cannot_make_tenants(company: Company) -> None:
    with refused("FOR_SERVICES_ONLY"):
        await company.admin.CreateTenant(_request("mine-too"))


async def test_tenant_sees_and_changes_itself_only(gateway: Client, company: Company) -> None:
    other = await found_company(gateway, name="别的公司")
    own = await company.admin.GetTenant(GetTenantRequest())
    assert own.code == company.code
    changed = await company.admin.UpdateTenant(UpdateTenantRequest(tenant=Tenant(name="尚祈集团", etag=own.etag)))
    assert changed.name == "尚祈集团"
    assert (await other.admin.GetTenant(GetTenantRequest())).name == "别的公司"
    with refused("ETAG_MISMATCH", "etag"):
        await company.admin.UpdateTenant(UpdateTenantRequest(tenant=Tenant(name="迟了", etag=own.etag)))


async def test_code_never_changes(company: Company) -> None:
    request = UpdateTenantRequest(tenant=Tenant(code="another"))
    request.update_mask.paths.append("code")
    with refused("FIELD_NOT_WRITABLE", "code"):
        await company.admin.UpdateTenant(request)


async def test_suspended_tenant_lets_nobody_in(company: Company) -> None:
    tokens = await company.sign_in(company.email)
    operator = Client(company.admin.running, Principal.system("test", company.tenant_id))
    await operator.SetTenantState(SetTenantStateRequest(state=Tenant.SUSPENDED))
    for credential in ({"access_token": tokens.access_token}, {"tenant_code": company.code}):
        with refused("TENANT_SUSPENDED"):
            await company.resolve(**credential)
    with pytest.raises(Refusal, match="do not fit together"):
        await company.sign_in(company.email)
    await operator.SetTenantState(SetTenantStateRequest(state=Tenant.ACTIVE))
    assert (await company.resolve(access_token=tokens.access_token)).tenant_id == str(company.tenant_id)
