"""Internal tokens: Ed25519-signed, `aud = tercet`, one minute, made by the gateway for callers and by each service
for itself.
"""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from tercet_chassis.errors import TokenInvalid
from tercet_chassis.principal import Principal

AUDIENCE = "tercet"
LIFETIME = 60
_LEEWAY = 5
_ALGORITHM = "Ed25519"


class Signer:
    """Makes tokens with the service's own key. A token is reused until a third of its life is left."""

    def __init__(self, service: str, keys_dir: Path) -> None:
        self.service = service
        keys = _private_keys(keys_dir / f"{service}.private.jwk")
        self._key, self._first = keys[0], keys[-1]
        self._cache: OrderedDict[Principal, tuple[float, str]] = OrderedDict()

    @property
    def secret(self) -> str:
        """Private material from which other secrets of this service are derived; never shown. Links that customers
        have and pages that callers turn outlive the key that signs, so it is that of the first key there was.
        """
        return str(self._first.as_dict(private=True)["d"])

    def token(self, principal: Principal) -> str:
        """An internal token that says who the principal is."""
        now = time.time()
        cached = self._cache.get(principal)
        if cached and cached[0] > now:
            return cached[1]
        token = self.sign(
            {"iss": self.service, "aud": AUDIENCE, "iat": int(now), "exp": int(now) + LIFETIME, **principal.claims()}
        )
        self._cache[principal] = (now + LIFETIME * 2 / 3, token)
        while len(self._cache) > 5_000:
            self._cache.popitem(last=False)
        return token

    def sign(self, claims: dict[str, object]) -> str:
        """A token with just these claims."""
        return jwt.encode({"alg": _ALGORITHM, "kid": str(self._key.kid)}, claims, self._key, algorithms=[_ALGORITHM])


class Verifier:
    """Checks tokens against the public keys of all services; verified ones are remembered until they expire."""

    def __init__(self, keys_dir: Path) -> None:
        keys = json.loads((keys_dir / "jwks.json").read_text(encoding="utf-8"))
        self._keys = KeySet.import_key_set(keys)
        self._seen: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    def principal(self, token: str) -> Principal:
        """Who the token says is asking; refuses a token that is forged, expired or for somebody else."""
        now = time.time()
        seen = self._seen.get(token)
        if seen is not None:
            if seen[0] > now:
                return seen[1]
            del self._seen[token]
        claims = self.claims(token, AUDIENCE)
        try:
            principal = Principal.from_claims(claims)
        except (KeyError, ValueError, TypeError) as wrong:
            raise TokenInvalid(cause="its claims are not ours") from wrong
        self._seen[token] = (float(str(claims["exp"])) + _LEEWAY, principal)
        while len(self._seen) > 20_000:
            self._seen.popitem(last=False)
        return principal

    def claims(self, token: str, audience: str) -> dict[str, object]:
        """The verified claims of a token for `audience`; refuses as `principal` does."""
        try:
            decoded = jwt.decode(token, self._keys, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, KeyError) as wrong:
            raise TokenInvalid(cause="not signed by us") from wrong
        claims: dict[str, object] = dict(decoded.claims)
        if claims.get("aud") != audience:
            raise TokenInvalid(cause="for another audience")
        if float(str(claims.get("exp", 0))) + _LEEWAY < time.time():
            raise TokenInvalid(cause="expired")
        return claims


def fresh_key(kid: str) -> dict[str, object]:
    """A new private key that signs under this id."""
    return dict(OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig"}, private=True).as_dict(private=True))


def public_half(key: Mapping[str, Any]) -> dict[str, object]:
    """What others may know of a private key."""
    return dict(OKPKey.import_key(dict(key)).as_dict(private=False))


def _private_keys(path: Path) -> list[OKPKey]:
    """A service's one key, or after a rotation the one that signs and the first there was."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return [OKPKey.import_key(key) for key in told.get("keys", [told])]


def make_keys(services: Sequence[str], folder: Path) -> None:
    """Writes the Ed25519 keys that are missing, `<service>.private.jwk` readable by its owner alone with the key id
    `<service>-1`, and all public halves to `jwks.json`; existing keys stay.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = []
    for service in services:
        path = folder / f"{service}.private.jwk"
        if not path.exists():
            _write_private(path, json.dumps(fresh_key(f"{service}-1")))
        public.append(_private_keys(path)[0].as_dict(private=False))
    _write_private(folder / "jwks.json", json.dumps({"keys": public}, indent=2))


def _write_private(path: Path, text: str) -> None:
    # Whole or not at all, and at no moment readable by others.
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
