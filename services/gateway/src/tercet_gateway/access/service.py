"""Signing in and out, API keys, and the one method that tells the edge who is asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any, cast
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.gateway.v1.api_key_service_pb2 import ApiKey as ApiKeyMessage
from tercet.gateway.v1.api_key_service_pb2 import CreateApiKeyRequest, RevokeApiKeyRequest, UpdateApiKeyRequest
from tercet.gateway.v1.principal_service_pb2 import ResolvePrincipalRequest, ResolvePrincipalResponse
from tercet.gateway.v1.session_service_pb2 import (
    CreateSessionRequest,
    DeleteSessionRequest,
    EndSessionRequest,
    ListSessionsRequest,
    ListSessionsResponse,
    RefreshSessionRequest,
    SessionTokens,
)
from tercet.type.v1.reference_pb2 import Actor
from tercet_chassis import Handlers, Tx
from tercet_chassis.errors import ResourceNotFound, TokenInvalid
from tercet_chassis.tokens import AUDIENCE
from tercet_gateway.access import principals, signing, store
from tercet_gateway.access.errors import (
    ExpiryPassed,
    RefreshTokenInvalid,
    RefreshTokenSpent,
    SignInFailed,
    SignInThrottled,
)
from tercet_gateway.access.model import ApiKey, Session
from tercet_gateway.access.rules import new_key, session_end
from tercet_gateway.access.throttle import Throttle
from tercet_gateway.roles import store as roles
from tercet_gateway.roles.errors import RoleUnknown
from tercet_gateway.roles.giving import check_giving
from tercet_gateway.roles.rules import Holding, Relation, narrowed
from tercet_gateway.tenants import store as tenants
from tercet_gateway.tenants.errors import TenantSuspended, TenantUnknown
from tercet_gateway.units import store as units
from tercet_gateway.units.errors import UnitUnknown
from tercet_gateway.units.rules import is_within
from tercet_gateway.users import store as users
from tercet_gateway.users.model import ACTIVE
from tercet_gateway.users.passwords import password_fits
from tercet_gateway.users.rules import email_key

_KINDS = {"user": Actor.USER, "api_key": Actor.API_KEY, "anonymous": Actor.ANONYMOUS, "system": Actor.SYSTEM}


class PrincipalService(Handlers):
    """Serves tercet.gateway.v1.PrincipalService."""

    async def ResolvePrincipal(self, request: ResolvePrincipalRequest, tx: Tx) -> ResolvePrincipalResponse:
        """From a credential to the internal token that all services trust. Refuses what is not, or no more, valid."""
        match request.WhichOneof("credential"):
            case "access_token":
                principal = await principals.by_access_token(tx, request.access_token)
            case "api_key":
                principal = await principals.by_api_key(tx, request.api_key)
            case _:
                principal = await principals.by_tenant_code(tx, request.tenant_code)
        token = tx.runtime.signer.token(principal)
        response = ResolvePrincipalResponse(
            internal_token=token,
            tenant_id=str(principal.tenant_id),
            principal_id="" if principal.kind == "anonymous" else principal.subject,
            principal_kind=_KINDS[principal.kind],
            locale=principal.locale,
        )
        response.expire_time.seconds = int(str(tx.runtime.verifier.claims(token, AUDIENCE)["exp"]))
        return response


class SessionService(Handlers):
    """Serves tercet.gateway.v1.SessionService."""

    def __init__(self) -> None:
        self._throttle = Throttle()

    async def CreateSession(self, request: CreateSessionRequest, tx: Tx) -> SessionTokens:
        """Signs in. Refuses, in the same words, whatever does not fit; and too many attempts at one account."""
        account = f"{request.tenant}|{email_key(request.email)}"
        wait = self._throttle.admit(account)
        if wait:
            raise SignInThrottled(seconds=int(wait) + 1, retry_after=wait)
        try:
            await tenants.enter_by_code(tx, request.tenant)
            user = await users.by_email(tx, request.email)
        except (TenantUnknown, TenantSuspended):
            user = None
        if not await password_fits(tx, user, request.password) or user is None or user.state != ACTIVE:
            raise SignInFailed
        self._throttle.succeeded(account)
        now = signing.machine_now()
        await users.note_sign_in(tx, user)
        session = tx.add(
            Session(
                user_id=user.id,
                begin_time=now,
                refresh_time=now,
                expire_time=session_end(now, now),
                client=request.client,
                generation=1,
                epoch=user.session_epoch,
            )
        )
        await tx.flush()
        return _tokens(tx, session)

    async def RefreshSession(self, request: RefreshSessionRequest, tx: Tx) -> SessionTokens:
        """Exchanges a refresh token, once. Refuses an invalid one; a spent one ends the session."""
        session, claims = await self._session(request.refresh_token, tx)
        user = await users.find(tx, session.user_id)
        now = signing.machine_now()
        if user is None or user.state != ACTIVE or not session.is_open(now, user.session_epoch):
            raise RefreshTokenInvalid(cause="the session has ended")
        if claims.generation != session.generation:
            await self._end_apart(tx, session)
            raise RefreshTokenSpent
        session.renew(now)
        await tx.flush()
        return _tokens(tx, session)

    async def EndSession(self, request: EndSessionRequest, tx: Tx) -> Empty:
        """Signs out. Refuses what is no refresh token of ours."""
        session, _ = await self._session(request.refresh_token, tx)
        session.end("signed out")
        return Empty()

    async def ListSessions(self, request: ListSessionsRequest, tx: Tx) -> ListSessionsResponse:
        """The caller's own sessions."""
        page = await tx.page(
            Session, request, where=store.sessions_of(tx.principal.user_id), response=ListSessionsResponse
        )
        return cast(ListSessionsResponse, page)

    async def DeleteSession(self, request: DeleteSessionRequest, tx: Tx) -> Empty:
        """Ends one of the caller's own sessions. Refuses somebody else's as not found."""
        session = await tx.get(Session, request.id)
        if session.user_id != tx.principal.user_id:
            raise ResourceNotFound(type="Session", id=request.id)
        session.end("ended by the user")
        return Empty()

    async def _session(self, token: str, tx: Tx) -> tuple[Session, signing.TokenClaims]:
        try:
            claims = signing.read(tx, token, signing.REFRESH)
            await tenants.enter_by_id(tx, claims.tenant_id)
        except TokenInvalid as invalid:
            raise RefreshTokenInvalid(cause=invalid.metadata.get("cause", "not ours")) from invalid
        except (TenantUnknown, TenantSuspended) as gone:
            raise RefreshTokenInvalid(cause="its tenant is closed") from gone
        session = await store.session(tx, claims.session_id)
        if session is None:
            raise RefreshTokenInvalid(cause="its session is gone")
        return session, claims

    async def _end_apart(self, tx: Tx, session: Session) -> None:
        # The refusal takes this transaction back; the end of the session must stay.
        async with tx.runtime.transaction(replace(tx.context, request_id="")) as apart:
            found = await store.session(apart, str(session.id))
            if found is not None:
                found.end("a spent refresh token was shown")


def _tokens(tx: Tx, session: Session) -> SessionTokens:
    now = signing.machine_now()
    access, end = signing.access_token(tx, session, now)
    tokens = SessionTokens(access_token=access, refresh_token=signing.refresh_token(tx, session, now))
    tokens.access_expire_time.FromDatetime(end)
    tokens.refresh_expire_time.FromDatetime(session.expire_time)
    tokens.session.CopyFrom(cast(Any, tx.render(session)))
    return tokens


class ApiKeyService(Handlers):
    """Serves tercet.gateway.v1.ApiKeyService."""

    async def CreateApiKey(self, request: CreateApiKeyRequest, tx: Tx) -> ApiKeyMessage:
        """Makes a key and shows it once. Refuses an unknown role or unit, a past expiry, and power beyond one's own."""
        key = await tx.create(ApiKey, request.api_key)
        _check_expiry(key)
        tenant = await tenants.own(tx)
        if tenant is None:
            raise ResourceNotFound(type="Tenant", id=tx.tenant_id)
        text = new_key(tenant.code, key.id)
        key.prefix, key.digest = text.prefix, text.digest
        await tx.flush()
        await _check_power(tx, key)
        message = cast(ApiKeyMessage, tx.render(key))
        message.secret = text.text
        return message

    async def UpdateApiKey(self, request: UpdateApiKeyRequest, tx: Tx) -> ApiKey:
        """Changes name, scopes or expiry. Refuses as CreateApiKey does."""
        key = await tx.get(ApiKey, request.api_key.id, etag=request.api_key.etag)
        await tx.patch(key, request.api_key, request.update_mask)
        _check_expiry(key)
        await tx.flush()
        await _check_power(tx, key)
        return key

    async def RevokeApiKey(self, request: RevokeApiKeyRequest, tx: Tx) -> ApiKey:
        """Ends a key for good."""
        key = await tx.get(ApiKey, request.id, etag=request.etag)
        key.revoke()
        return key


def _check_expiry(key: ApiKey) -> None:
    if key.expire_time is not None and key.expire_time <= signing.machine_now():
        raise ExpiryPassed(expire_time=key.expire_time.astimezone(UTC).isoformat())


async def _check_power(tx: Tx, key: ApiKey) -> None:
    role = (await roles.by_codes(tx, [key.role_code])).get(key.role_code)
    if role is None:
        raise RoleUnknown(role_code=key.role_code)
    root = await units.root(tx)
    unit = await units.find(tx, key.unit_id) if key.unit_id else root
    if key.unit_id and unit is None:
        raise UnitUnknown(unit_id=key.unit_id)
    own = await units.existing(tx, list(tx.principal.unit_ids))

    def holding(own_units: tuple[UUID, ...]) -> Holding:
        relation: Relation = "outside"
        if unit is not None and unit.id in own_units:
            relation = "same"
        elif unit is not None and any(is_within(unit.path, own[mine]) for mine in own_units if mine in own):
            relation = "below"
        return Holding(relation, same_partner=False)

    check_giving(tx.principal, narrowed(role.held_grants(), key.scopes), role.masks, holding)
