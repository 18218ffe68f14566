"""Every method of the gateway, for everybody who may not call it; and what the sample roles come to."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway import Company
from tercet_chassis.contract import Access, methods_of
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, refused
from tercet_gateway.roles.model import Role
from tercet_gateway.roles.samples import SAMPLE_ROLES

_METHODS = sorted(methods_of("tercet.gateway.v1"), key=lambda method: method.full_name)
_ROLES = {values["code"]: Role(**values) for values in SAMPLE_ROLES}


@pytest.mark.parametrize("method", _METHODS, ids=lambda method: method.name)
async def test_method_is_closed_to_whoever_may_not_call_it(company: Company, method: Any) -> None:
    call = getattr(_with(company, "user", ("leads.*", "all")), method.name)
    nobody = getattr(_with(company, "anonymous"), method.name)
    match method.rule.access:
        case Access.PERMISSION:
            with refused("PERMISSION_MISSING"):
                await call(method.request())
            with refused("SIGN_IN_NEEDED"):
                await nobody(method.request())
        case Access.SIGNED_IN:
            with refused("SIGN_IN_NEEDED"):
                await nobody(method.request())
        case Access.SYSTEM:
            for caller in (call, nobody, getattr(company.admin, method.name)):
                with refused("FOR_SERVICES_ONLY"):
                    await caller(method.request())
        case _:
            assert method.name in ("CreateSession", "RefreshSession", "EndSession")


def _with(company: Company, kind: str, *grants: tuple[str, str]) -> Client:
    principal = Principal(tenant_id=company.tenant_id, subject=str(new_id()), kind=kind, grants=grants)
    return Client(company.admin.running, principal)


@pytest.mark.parametrize(
    ("role", "permission", "scopes"),
    [
        ("admin", "gateway.tenant.update", {"all"}),
        ("admin", "chassis.custom_field.update", {"all"}),
        ("sales_manager", "sales.opportunity.close", {"unit_below"}),
        ("sales_manager", "gateway.user.create", set()),
        ("seller", "leads.lead.convert", {"own"}),
        ("seller", "leads.lead.claim", {"own", "unit"}),
        ("seller", "leads.lead.read", {"own", "unit"}),
        ("seller", "leads.import.create", set()),
        ("seller", "marketing.do_not_disturb.create", {"own"}),
        ("seller", "marketing.do_not_disturb.delete", set()),
        ("seller", "sales.product.read", {"all"}),
        ("seller", "sales.product.update", set()),
        ("marketer", "marketing.profile.tag", {"all"}),
        ("marketer", "leads.lead.update", set()),
        ("service_agent", "service-desk.ticket.reply", {"unit"}),
        ("service_agent", "sales.order.cancel", set()),
        ("service_agent", "service-desk.agent.set_presence", {"own"}),
        ("service_agent", "service-desk.agent.overload", set()),
        ("service_supervisor", "service-desk.agent.overload", {"unit_below"}),
        ("dealer", "leads.lead.read", {"partner"}),
        ("dealer", "leads.party.read", set()),
        ("auditor", "chassis.audit.read", {"all"}),
        ("auditor", "leads.lead.update", set()),
    ],
)
def test_sample_roles_come_to_this(role: str, permission: str, scopes: set[str]) -> None:
    grants = tuple(_ROLES[role].held_grants())
    assert Principal(tenant_id=new_id(), subject=str(new_id()), grants=grants).scopes(permission) == scopes


def test_auditor_sees_no_personal_data_in_clear() -> None:
    from tercet.options.v1.options_pb2 import PersonalData

    assert set(_ROLES["auditor"].masks) == set(PersonalData.keys()) - {"PERSONAL_DATA_UNSPECIFIED"}
