"""Tokens for the outside: access and refresh tokens are signed claims; nothing secret about them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.errors import TokenInvalid
from tercet_gateway.access.model import Session
from tercet_gateway.access.rules import ACCESS_SECONDS

ACCESS, REFRESH = "tercet-api", "tercet-refresh"
_ISSUER = "gateway"


def machine_now() -> datetime:
    """Tokens and sessions live by the machine's clock, never by the virtual one."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a verified access or refresh token says."""

    tenant_id: UUID
    session_id: str
    user_id: str
    generation: int


def access_token(tx: Tx, session: Session, now: datetime) -> tuple[str, datetime]:
    """A token that opens the API for a quarter of an hour, and when it ends."""
    end = min(now.timestamp() + ACCESS_SECONDS, session.expire_time.timestamp())
    return _sign(tx, ACCESS, session, now, end), datetime.fromtimestamp(int(end), UTC)


def refresh_token(tx: Tx, session: Session, now: datetime) -> str:
    """A token that is exchanged once for the next ones."""
    return _sign(tx, REFRESH, session, now, session.expire_time.timestamp())


def _sign(tx: Tx, audience: str, session: Session, now: datetime, end: float) -> str:
    return tx.runtime.signer.sign({
        "iss": _ISSUER, "aud": audience, "iat": int(now.timestamp()), "exp": int(end), "tenant": str(tx.tenant_id),
        "sub": str(session.user_id), "sid": str(session.id), "gen": session.generation,
    })  # fmt: skip


def read(tx: Tx, token: str, audience: str) -> TokenClaims:
    """What the token says. Refuses one that is forged, expired, or for another purpose."""
    claims = tx.runtime.verifier.claims(token, audience)
    if claims.get("iss") != _ISSUER:
        raise TokenInvalid(cause="not issued by the gateway")
    try:
        return TokenClaims(
            UUID(str(claims["tenant"])), str(UUID(str(claims["sid"]))), str(claims["sub"]), int(str(claims["gen"]))
        )
    except (KeyError, ValueError) as wrong:
        raise TokenInvalid(cause="its claims are not ours") from wrong
