"""From a credential to who is asking: roles become grants; tenant, user, session and key must still stand."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.errors import TokenInvalid
from tercet_chassis.principal import Principal
from tercet_gateway.access import signing, store
from tercet_gateway.access.errors import CredentialInvalid
from tercet_gateway.access.rules import read_key
from tercet_gateway.roles import store as roles
from tercet_gateway.roles.model import Role
from tercet_gateway.roles.rules import Grant, narrowed
from tercet_gateway.tenants import store as tenants
from tercet_gateway.tenants.errors import TenantUnknown
from tercet_gateway.tenants.model import Tenant
from tercet_gateway.units import store as units
from tercet_gateway.users import store as users
from tercet_gateway.users.model import ACTIVE, User

_SIGN_IN, _NEW_KEY = "sign in again", "use a valid one; an administrator can make it"


def _placed(user: User, known: Mapping[str, Role]) -> dict[Grant, tuple[UUID, ...]]:
    """Each grant with the units that some role gives it for."""
    found: dict[Grant, dict[UUID, None]] = {}
    for code, unit_id in user.assignments():
        for grant in known[code].held_grants() if code in known else ():
            found.setdefault(grant, {}).update({unit_id: None} if unit_id is not None else {})
    return {grant: tuple(units) for grant, units in found.items()}


def _masks(held: Iterable[Role]) -> frozenset[str]:
    return frozenset(mask for role in held for mask in role.masks)


async def of_user(tx: Tx, tenant: Tenant, user: User) -> Principal:
    """A user with what all roles give; a mask of any role holds."""
    known = await roles.by_codes(tx, user.role_codes())
    held = [known[code] for code in user.role_codes() if code in known]
    unit_ids = tuple(user.assigned_units() or ([user.unit_id] if user.unit_id else []))
    placed = _placed(user, known)
    # The token says it for each grant only where it makes a difference, and stays short for everybody else.
    everywhere = all(set(units) == set(unit_ids) for units in placed.values())
    return Principal(
        tenant_id=tx.tenant_id,
        subject=str(user.id),
        kind="user",
        grants=tuple(placed),
        grant_units=() if everywhere else tuple(placed.values()),
        masks=_masks(held),
        unit_id=user.unit_id or next(iter(unit_ids), None),
        unit_ids=unit_ids,
        partner_party_id=user.partner_party_id,
        name=user.display_name,
        locale=user.locale or tenant.locale,
        zone=user.zone or tenant.zone,
    )


async def by_access_token(tx: Tx, token: str) -> Principal:
    """Who signed in. Refuses forged and expired tokens, ended sessions, disabled users and suspended tenants."""
    try:
        claims = signing.read(tx, token, signing.ACCESS)
    except TokenInvalid as invalid:
        raise _bad_token(invalid.metadata.get("cause", "not ours")) from invalid
    try:
        tenant = await tenants.enter_by_id(tx, claims.tenant_id)
    except TenantUnknown as unknown:
        raise _bad_token("its tenant is gone") from unknown
    session = await store.session(tx, claims.session_id)
    user = await users.find(tx, session.user_id) if session is not None else None
    if session is None or user is None:
        raise _bad_token("its session is gone")
    if user.state != ACTIVE:
        raise _bad_token("the user is disabled")
    if not session.is_open(signing.machine_now(), user.session_epoch):
        raise _bad_token("the session has ended")
    return await of_user(tx, tenant, user)


async def by_api_key(tx: Tx, text: str) -> Principal:
    """Which program asks. Refuses unknown, revoked and expired keys, and suspended tenants."""
    key_text = read_key(text)
    if key_text is None:
        raise _bad_key("it was cut or mistyped")
    try:
        tenant = await tenants.enter_by_code(tx, key_text.tenant_code)
    except TenantUnknown as unknown:
        raise _bad_key("unknown") from unknown
    key = await store.api_key(tx, key_text.id)
    if key is None or not hmac.compare_digest(key.digest, key_text.digest):
        raise _bad_key("unknown")
    now = signing.machine_now()
    if cause := key.refusal(now):
        raise _bad_key(cause)
    role = (await roles.by_codes(tx, [key.role_code])).get(key.role_code)
    if role is None:
        raise _bad_key("its role is gone")
    await store.note_use(tx, key, now)
    unit_id = key.unit_id or await _root_id(tx)
    return Principal(
        tenant_id=tx.tenant_id,
        subject=str(key.id),
        kind="api_key",
        grants=tuple(narrowed(role.held_grants(), key.scopes)),
        masks=frozenset(role.masks),
        unit_id=unit_id,
        unit_ids=(unit_id,) if unit_id else (),
        name=key.name,
        locale=tenant.locale,
        zone=tenant.zone,
    )


async def by_tenant_code(tx: Tx, code: str) -> Principal:
    """Somebody who has not signed in. Refuses unknown and suspended tenants."""
    tenant = await tenants.enter_by_code(tx, code)
    return Principal(
        tenant_id=tx.tenant_id, subject="anonymous", kind="anonymous", locale=tenant.locale, zone=tenant.zone
    )


async def _root_id(tx: Tx) -> UUID | None:
    root = await units.root(tx)
    return root.id if root is not None else None


def _bad_token(cause: str) -> CredentialInvalid:
    return CredentialInvalid(kind="access token", cause=cause, remedy=_SIGN_IN)


def _bad_key(cause: str) -> CredentialInvalid:
    return CredentialInvalid(kind="API key", cause=cause, remedy=_NEW_KEY)
