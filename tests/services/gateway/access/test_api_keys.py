"""API keys: shown once, narrowed by scopes, ended for good."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import update

from support.gateway import Company, found_company
from tercet.gateway.v1.api_key_service_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    GetApiKeyRequest,
    ListApiKeysRequest,
    RevokeApiKeyRequest,
    UpdateApiKeyRequest,
)
from tercet.gateway.v1.unit_service_pb2 import CreateUnitRequest, ListUnitsRequest, Unit
from tercet.gateway.v1.user_service_pb2 import GetMeRequest, GetUserRequest, ListUsersRequest
from tercet.type.v1.reference_pb2 import Actor
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_gateway.access.model import ApiKey as Row


async def _key(company: Company, *scopes: str, **values: Any) -> ApiKey:
    key = ApiKey(**{"name": "import", "role_code": "admin", "scopes": scopes, **values})
    made: ApiKey = await company.admin.CreateApiKey(CreateApiKeyRequest(api_key=key))
    return made


async def test_key_is_shown_once_and_opens_what_its_scopes_leave(company: Company) -> None:
    made = await _key(company, "gateway.unit.*")
    assert made.secret.startswith(f"{made.prefix}_")
    assert made.prefix.startswith(f"tk_{company.code}-")
    assert (await company.admin.GetApiKey(GetApiKeyRequest(id=made.id))).secret == ""
    assert [key.secret for key in (await company.admin.ListApiKeys(ListApiKeysRequest())).api_keys] == [""]
    answer = await company.resolve(api_key=made.secret)
    assert (answer.principal_kind, answer.principal_id) == (Actor.API_KEY, made.id)
    program = await company.as_principal(api_key=made.secret)
    assert len((await program.ListUnits(ListUnitsRequest())).units) == 1
    with refused("PERMISSION_MISSING"):
        await program.ListUsers(ListUsersRequest())
    with refused("NOT_SIGNED_IN_AS_USER"):
        await program.GetMe(GetMeRequest())


async def test_scopes_never_widen_the_role(company: Company) -> None:
    made = await _key(company, "*", role_code="seller")
    program = await company.as_principal(api_key=made.secret)
    assert program.principal.scopes("leads.lead.update") == {"own"}
    assert not program.principal.scopes("gateway.user.read")


async def test_masks_of_the_role_hold_for_keys(company: Company) -> None:
    made = await _key(company, role_code="auditor")
    program = await company.as_principal(api_key=made.secret)
    shown = await program.GetUser(GetUserRequest(id=company.admin_id))
    assert shown.email == f"a***@{company.code}.example"
    assert shown.display_name == "王**"
    with refused("CONDITION_INVALID", "filter"):
        await program.ListUsers(ListUsersRequest(filter=f'email = "{company.email}"'))
    with refused("CONDITION_INVALID", "order_by"):
        await program.ListUsers(ListUsersRequest(order_by="email"))


async def test_revoked_expired_and_mistyped_keys_are_refused(company: Company) -> None:
    made = await _key(company)
    for text in (made.secret[:-1], made.secret + "0", made.secret.swapcase(), made.prefix, "tk_x"):
        with refused("CREDENTIAL_INVALID"):
            await company.resolve(api_key=text)
    assert (await company.resolve(api_key=made.secret)).principal_id == made.id
    for _ in range(2):
        assert (await company.admin.RevokeApiKey(RevokeApiKeyRequest(id=made.id))).state == ApiKey.REVOKED
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(api_key=made.secret)
    other = await _key(company, name="other")
    async with company.admin.transaction() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await tx.session.execute(update(Row).where(Row.name == "other").values(expire_time=past))
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(api_key=other.secret)


async def test_expiry_lies_ahead(company: Company) -> None:
    past, ahead = Timestamp(seconds=int(time.time()) - 10), Timestamp(seconds=int(time.time()) + 3600)
    with refused("EXPIRY_PASSED", "api_key.expire_time"):
        await _key(company, expire_time=past)
    made = await _key(company, expire_time=ahead)
    with refused("EXPIRY_PASSED", "api_key.expire_time"):
        await company.admin.UpdateApiKey(UpdateApiKeyRequest(api_key=ApiKey(id=made.id, expire_time=past)))
    assert (await company.resolve(api_key=made.secret)).principal_id == made.id


async def test_use_is_noted_without_a_new_version(company: Company) -> None:
    made = await _key(company)
    await company.resolve(api_key=made.secret)
    found = await company.admin.GetApiKey(GetApiKeyRequest(id=made.id))
    assert found.HasField("last_use_time")
    assert found.etag == made.etag


async def test_nobody_makes_a_key_beyond_their_own(company: Company) -> None:
    clerk = company.admin.as_(permissions={"gateway.api_key.*": "all", "leads.*": "all"}, unit_id=None)
    with refused("ROLE_BEYOND_OWN"):
        await clerk.CreateApiKey(CreateApiKeyRequest(api_key=ApiKey(name="x", role_code="admin")))
    key = ApiKey(name="x", role_code="admin", scopes=["leads.lead.create"])
    made = await clerk.CreateApiKey(CreateApiKeyRequest(api_key=key))
    wider = UpdateApiKeyRequest(api_key=ApiKey(id=made.id, scopes=["sales.*"]))
    with refused("ROLE_BEYOND_OWN"):
        await clerk.UpdateApiKey(wider)


async def test_key_holds_for_its_unit(company: Company) -> None:
    unit = Unit(code="east", name="east", type=Unit.REGION, parent_id=company.root_id)
    east = await company.admin.CreateUnit(CreateUnitRequest(unit=unit))
    made = await _key(company, role_code="sales_manager", unit_id=east.id)
    program = await company.as_principal(api_key=made.secret)
    assert [str(unit_id) for unit_id in program.principal.unit_ids] == [east.id]
    with refused("UNIT_UNKNOWN", "unit_id"):
        await _key(company, name="lost", unit_id=str(new_id()))
    with refused("ROLE_UNKNOWN", "role_code"):
        await _key(company, name="lost", role_code="nobody")


async def test_another_tenant_s_key_is_not_found(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    made = await _key(company)
    for call in (
        other.admin.GetApiKey(GetApiKeyRequest(id=made.id)),
        other.admin.UpdateApiKey(UpdateApiKeyRequest(api_key=ApiKey(id=made.id, name="theirs"))),
        other.admin.RevokeApiKey(RevokeApiKeyRequest(id=made.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call
