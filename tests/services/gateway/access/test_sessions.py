"""Signing in, staying in, getting out; and what a thief finds."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import text, update

from support.gateway import PASSWORD, Company, found_company
from tercet.gateway.v1.api_key_service_pb2 import ApiKey, CreateApiKeyRequest
from tercet.gateway.v1.session_service_pb2 import (
    DeleteSessionRequest,
    EndSessionRequest,
    ListSessionsRequest,
    RefreshSessionRequest,
    SessionTokens,
)
from tercet.gateway.v1.tenant_service_pb2 import GetTenantRequest
from tercet.gateway.v1.user_service_pb2 import (
    ChangePasswordRequest,
    DisableUserRequest,
    EnableUserRequest,
    GetMeRequest,
    UpdateUserRequest,
    User,
)
from tercet.gateway.v1.webhook_service_pb2 import CreateWebhookRequest, RotateWebhookSecretRequest, Webhook
from tercet.type.v1.reference_pb2 import Actor
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused
from tercet_chassis.tokens import Signer
from tercet_gateway.access.jobs import forget_sessions
from tercet_gateway.access.model import Session as Row


async def _refresh(company: Company, token: str) -> SessionTokens:
    tokens: SessionTokens = await company.nobody().RefreshSession(RefreshSessionRequest(refresh_token=token))
    return tokens


async def test_sign_in_gives_a_principal_with_the_roles_grants(company: Company) -> None:
    user = await company.user("li@shangqi.example", "seller", locale="zh-TW", zone="Asia/Taipei")
    tokens = await company.sign_in("LI@Shangqi.example ")
    answer = await company.resolve(access_token=tokens.access_token)
    assert (answer.principal_kind, answer.principal_id, answer.locale) == (Actor.USER, user.id, "zh-TW")
    assert 0 < answer.expire_time.seconds - time.time() <= 60
    principal = company.system.running.runtime.verifier.principal(answer.internal_token)
    assert principal.scopes("leads.lead.update") == {"own"}
    assert not principal.scopes("gateway.user.create")
    assert [str(unit) for unit in principal.unit_ids] == [company.root_id]
    assert (principal.zone, principal.name) == ("Asia/Taipei", "li")


async def test_wrong_password_unknown_user_and_unknown_tenant_are_told_alike(company: Company) -> None:
    texts = set()
    for code, email, password in (
        (company.code, company.email, "wrong-password"),
        (company.code, "nobody@shangqi.example", PASSWORD),
        ("no-such-tenant", company.email, PASSWORD),
    ):
        stranger = Company(company.admin, company.system, code, "", "", email)
        with refused("SIGN_IN_FAILED"):
            try:
                await stranger.sign_in(email, password)
            except Exception as refusal:
                texts.add(str(refusal))
                raise
    assert len(texts) == 1


async def test_guessing_at_one_account_is_slowed_down_and_others_are_not(company: Company) -> None:
    await company.user("li@shangqi.example", "seller")
    for _ in range(5):
        with refused("SIGN_IN_FAILED"):
            await company.sign_in(company.email, "wrong-password")
    with refused("SIGN_IN_THROTTLED"):
        await company.sign_in(company.email)
    assert (await company.sign_in("li@shangqi.example")).access_token

    async def waited() -> Any:
        try:
            return await company.sign_in(company.email)
        except Exception as refusal:
            raise AssertionError from refusal

    assert (await eventually(waited)).access_token


async def test_refresh_token_works_once_and_its_reuse_ends_the_session(company: Company) -> None:
    first = await company.sign_in(company.email)
    second = await _refresh(company, first.refresh_token)
    assert second.session.id == first.session.id
    third = await _refresh(company, second.refresh_token)
    with refused("REFRESH_TOKEN_SPENT"):
        await _refresh(company, second.refresh_token)
    with refused("REFRESH_TOKEN_INVALID"):
        await _refresh(company, third.refresh_token)
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=third.access_token)
    [session] = [
        found
        for found in (await company.admin.ListSessions(ListSessionsRequest())).sessions
        if found.id == first.session.id
    ]
    assert session.end_reason == "a spent refresh token was shown"


async def test_one_person_signs_in_at_several_places_at_once(company: Company) -> None:
    tokens = await asyncio.gather(*(company.sign_in(company.email) for _ in range(4)))
    assert len({found.session.id for found in tokens}) == 4


async def test_of_two_refreshes_at_once_one_wins_and_the_session_is_not_stolen(company: Company) -> None:
    first = await company.sign_in(company.email)
    outcomes = await asyncio.gather(*(_refresh(company, first.refresh_token) for _ in range(2)), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, SessionTokens)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].reason in ("CHANGED_MEANWHILE", "REFRESH_TOKEN_SPENT")


async def test_sessions_are_forgotten_a_month_after_their_end(company: Company) -> None:
    old, kept = (await company.sign_in(company.email)).session, (await company.sign_in(company.email)).session
    async with company.admin.transaction() as tx:
        long_ago = datetime.now(UTC) - timedelta(days=31)
        await tx.session.execute(update(Row).where(Row.id == UUID(old.id)).values(expire_time=long_ago))
    async with company.admin.transaction() as tx:
        await forget_sessions(tx)
    found = {session.id for session in (await company.admin.ListSessions(ListSessionsRequest())).sessions}
    assert kept.id in found
    assert old.id not in found


async def test_signing_out_ends_the_session_and_twice_is_no_error(company: Company) -> None:
    tokens = await company.sign_in(company.email)
    for _ in range(2):
        await company.nobody().EndSession(EndSessionRequest(refresh_token=tokens.refresh_token))
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=tokens.access_token)
    with refused("REFRESH_TOKEN_INVALID"):
        await _refresh(company, tokens.refresh_token)


async def test_one_sees_and_ends_only_own_sessions(company: Company) -> None:
    await company.user("li@shangqi.example", "seller")
    li = await company.signed_in("li@shangqi.example")
    lost = (await company.sign_in("li@shangqi.example")).session
    assert {session.user_id for session in (await li.ListSessions(ListSessionsRequest())).sessions} == {lost.user_id}
    with refused("RESOURCE_NOT_FOUND"):
        await company.admin.DeleteSession(DeleteSessionRequest(id=lost.id))
    await li.DeleteSession(DeleteSessionRequest(id=lost.id))
    states = {session.id: session.state for session in (await li.ListSessions(ListSessionsRequest())).sessions}
    assert states[lost.id] == lost.ENDED


async def test_disabled_user_is_out_at_once(company: Company) -> None:
    user = await company.user("li@shangqi.example", "seller")
    tokens = await company.sign_in("li@shangqi.example")
    await company.admin.DisableUser(DisableUserRequest(id=user.id))
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=tokens.access_token)
    with refused("SIGN_IN_FAILED"):
        await company.sign_in("li@shangqi.example")
    await company.admin.EnableUser(EnableUserRequest(id=user.id))
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=tokens.access_token)
    assert (await company.sign_in("li@shangqi.example")).access_token


async def test_new_password_ends_all_sessions(company: Company) -> None:
    user = await company.user("li@shangqi.example", "seller")
    tokens = await company.sign_in("li@shangqi.example")
    li = await company.as_principal(access_token=tokens.access_token)
    with refused("PASSWORD_WRONG", "current_password"):
        await li.ChangePassword(ChangePasswordRequest(current_password="not this one", new_password="another-horse-9"))
    with refused("PASSWORD_TOO_WEAK", "password"):
        await li.ChangePassword(ChangePasswordRequest(current_password=PASSWORD, new_password="password123"))
    await li.ChangePassword(ChangePasswordRequest(current_password=PASSWORD, new_password="another-horse-9"))
    with refused("REFRESH_TOKEN_INVALID"):
        await _refresh(company, tokens.refresh_token)
    tokens = await company.sign_in("li@shangqi.example", "another-horse-9")
    await company.admin.UpdateUser(UpdateUserRequest(user=User(id=user.id, password="given-by-admin-1")))
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=tokens.access_token)
    assert (await company.sign_in("li@shangqi.example", "given-by-admin-1")).access_token


async def test_change_of_roles_shows_without_a_new_sign_in(company: Company) -> None:
    user = await company.user("li@shangqi.example", "seller")
    tokens = await company.sign_in("li@shangqi.example")
    change = User(id=user.id)
    change.roles.add(role_code="auditor")
    await company.admin.UpdateUser(UpdateUserRequest(user=change))
    auditor = await company.as_principal(access_token=tokens.access_token)
    assert auditor.principal.scopes("sales.order.read") == {"all"}
    assert not auditor.principal.scopes("leads.lead.update")
    assert "PHONE" in auditor.principal.masks


def _claims(company: Company, session: Any, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "gateway", "aud": "tercet-api", "iat": now, "exp": now + 900, "tenant": str(company.tenant_id),
        "sub": session.user_id, "sid": session.id, "gen": 1,
    }  # fmt: skip
    return {**claims, **changes}


async def test_forged_expired_and_misused_tokens_are_refused(company: Company) -> None:
    tokens = await company.sign_in(company.email)
    gateway: Signer = company.system.running.runtime.signer
    sales = Signer("sales", company.system.running.together.keys)
    good = _claims(company, tokens.session)
    assert (await company.resolve(access_token=gateway.sign(good))).principal_id == company.admin_id
    thief = OKPKey.generate_key("Ed25519", {"kid": "gateway-1"}, private=True)
    head, body, mark = tokens.access_token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    bad = {
        "signed by a stranger": jwt.encode({"alg": "Ed25519", "kid": "gateway-1"}, good, thief, algorithms=["Ed25519"]),
        "without a signature": f"{none}.{body}.",
        "cut": f"{head}.{body}.{mark[:-8]}",
        "no token": "nonsense",
        "expired": gateway.sign({**good, "exp": int(time.time()) - 60}),
        "for refreshing": tokens.refresh_token,
        "internal": gateway.token(company.admin.principal),
        "not issued by the gateway": sales.sign({**good, "iss": "sales"}),
        "of no session": gateway.sign(_claims(company, tokens.session, sid=str(company.tenant_id))),
        "of no tenant": gateway.sign(_claims(company, tokens.session, tenant=tokens.session.id)),
        "malformed": gateway.sign({**good, "sid": "1 OR 1=1"}),
    }
    for what, token in bad.items():
        with refused("CREDENTIAL_INVALID"):
            await company.resolve(access_token=token)
            pytest.fail(what)


async def test_one_tenant_s_session_means_nothing_in_another(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    tokens = await company.sign_in(company.email)
    signer: Signer = company.system.running.runtime.signer
    with refused("CREDENTIAL_INVALID"):
        await company.resolve(access_token=signer.sign(_claims(company, tokens.session, tenant=str(other.tenant_id))))
    with refused("SIGN_IN_FAILED"):
        await other.sign_in(company.email)


async def test_nobody_is_let_in_with_the_tenant_s_code_alone(company: Company) -> None:
    visitor = await company.as_principal(tenant_code=company.code)
    assert (visitor.principal.kind, visitor.principal.grants) == ("anonymous", ())
    with refused("SIGN_IN_NEEDED"):
        await visitor.GetMe(GetMeRequest())
    with refused("SIGN_IN_NEEDED"):
        await visitor.GetTenant(GetTenantRequest())
    with refused("TENANT_UNKNOWN"):
        await company.resolve(tenant_code="no-such-tenant")


async def test_only_services_resolve_principals(company: Company) -> None:
    from tercet.gateway.v1.principal_service_pb2 import ResolvePrincipalRequest

    with refused("FOR_SERVICES_ONLY"):
        await company.admin.ResolvePrincipal(ResolvePrincipalRequest(tenant_code=company.code))
    with refused("REQUEST_INVALID"):
        await company.resolve()


async def test_no_secret_is_stored_in_clear(company: Company) -> None:
    tokens = await company.sign_in(company.email)
    key = ApiKey(name="import", role_code="seller")
    made = await company.admin.CreateApiKey(CreateApiKeyRequest(api_key=key), request_id=str(new_id()))
    hook = Webhook(name="erp", url="http://127.0.0.1:1/", role_code="admin", event_patterns=["gateway.unit.*"])
    asked = await company.admin.CreateWebhook(CreateWebhookRequest(webhook=hook), request_id=str(new_id()))
    again = RotateWebhookSecretRequest(id=asked.id)
    rotated = await company.admin.RotateWebhookSecret(again, request_id=str(new_id()))
    secrets = [PASSWORD, tokens.refresh_token, made.secret, asked.secret, rotated.secret]
    async with company.admin.running.runtime.database.connection(company.tenant_id) as connection:
        for table in ("credentials", "sessions", "users", "api_keys", "audit", "outbox", "idempotency"):
            query = text(f"SELECT t::text FROM {table} t WHERE tenant_id = :tenant")
            for row in (await connection.execute(query, {"tenant": company.tenant_id})).scalars():
                for secret in secrets:
                    assert secret not in row
                    assert secret.encode().hex() not in row
                assert table == "credentials" or "$argon2id$" not in row
