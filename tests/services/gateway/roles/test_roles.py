"""Roles: written by those who hold what they give, and not deleted under anybody's feet."""

from __future__ import annotations

import pytest

from support.gateway import Company, found_company
from tercet.gateway.v1.role_service_pb2 import (
    CreateRoleRequest,
    DeleteRoleRequest,
    GetRoleRequest,
    ListRolesRequest,
    Role,
    UpdateRoleRequest,
)
from tercet.options.v1.options_pb2 import PHONE, PersonalData
from tercet_chassis.testing import Client, refused


def _role(code: str, *grants: tuple[str, Role.Scope], masks: tuple[PersonalData, ...] = ()) -> CreateRoleRequest:
    role = Role(code=code, name=code, masks=masks)
    for permission, scope in grants:
        role.grants.add(permission=permission, scope=scope)
    return CreateRoleRequest(role=role)


async def test_role_keeps_grants_and_masks(company: Company) -> None:
    made = await company.admin.CreateRole(_role("checker", ("leads.*.read", Role.UNIT_BELOW), masks=(PHONE,)))
    found = await company.admin.GetRole(GetRoleRequest(id=made.id))
    assert [(grant.permission, grant.scope) for grant in found.grants] == [("leads.*.read", Role.UNIT_BELOW)]
    assert list(found.masks) == [PHONE]


async def test_nobody_writes_a_role_beyond_their_own(company: Company) -> None:
    clerk = company.admin.as_(permissions={"gateway.role.*": "all", "leads.lead.*": "own"})
    await clerk.CreateRole(_role("mine", ("leads.lead.read", Role.OWN)))
    with refused("ROLE_BEYOND_OWN"):
        await clerk.CreateRole(_role("more", ("leads.lead.read", Role.ALL)))
    with refused("ROLE_BEYOND_OWN"):
        await clerk.CreateRole(_role("other", ("sales.*", Role.OWN)))
    seller = next(role for role in (await company.admin.ListRoles(ListRolesRequest())).roles if role.code == "seller")
    with refused("ROLE_BEYOND_OWN"):
        await clerk.UpdateRole(UpdateRoleRequest(role=Role(id=seller.id, name="Mine now")))


async def test_nobody_shows_what_they_see_shortened(company: Company) -> None:
    masked = company.admin.as_(masks=["PHONE"])
    with refused("MASKS_BEYOND_OWN"):
        await masked.CreateRole(_role("open", ("leads.*", Role.ALL)))
    await masked.CreateRole(_role("closed", ("leads.*", Role.ALL), masks=(PHONE,)))


async def test_admin_role_stays_as_it_is(company: Company) -> None:
    admin = next(role for role in (await company.admin.ListRoles(ListRolesRequest(filter='code = "admin"'))).roles)
    with refused("ROLE_IS_BUILTIN", "id"):
        await company.admin.UpdateRole(UpdateRoleRequest(role=Role(id=admin.id, name="Root")))
    with refused("ROLE_IS_BUILTIN", "id"):
        await company.admin.DeleteRole(DeleteRoleRequest(id=admin.id))


async def test_role_in_use_is_not_deleted(company: Company) -> None:
    made = await company.admin.CreateRole(_role("temporary", ("leads.*.read", Role.ALL)))
    user = await company.user("li@shangqi.example", "temporary")
    with refused("ROLE_IN_USE", "id"):
        await company.admin.DeleteRole(DeleteRoleRequest(id=made.id))
    assert user.roles[0].role_code == "temporary"
    other = await company.admin.CreateRole(_role("unused", ("leads.*.read", Role.ALL)))
    await company.admin.DeleteRole(DeleteRoleRequest(id=other.id))
    with refused("RESOURCE_NOT_FOUND"):
        await company.admin.GetRole(GetRoleRequest(id=other.id))


async def test_another_tenant_s_role_is_not_found(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    made = await company.admin.CreateRole(_role("ours", ("leads.*.read", Role.ALL)))
    for call in (
        other.admin.GetRole(GetRoleRequest(id=made.id)),
        other.admin.UpdateRole(UpdateRoleRequest(role=Role(id=made.id, name="theirs"))),
        other.admin.DeleteRole(DeleteRoleRequest(id=made.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call


@pytest.mark.parametrize("permission", ["leads.**", "Leads.lead.read", "leads.lead.read.more", "", "leads lead"])
async def test_malformed_permission_is_refused(company: Company, permission: str) -> None:
    with refused("REQUEST_INVALID", "role.grants[0].permission"):
        await company.admin.CreateRole(_role("wrong", (permission, Role.ALL)))


async def test_code_is_unique_in_the_tenant(company: Company) -> None:
    with refused("RESOURCE_ALREADY_EXISTS", "role.code"):
        await company.admin.CreateRole(_role("seller", ("leads.*.read", Role.ALL)))
