"""Keys are not in an archive, only what tells whether they are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# These seal secrets under the keys of the settings; the others derive what they need from their signing key.
SEALING = frozenset({"gateway", "marketing"})


@dataclass(frozen=True, slots=True)
class KeyPrints:
    """Fingerprints, by key id: of each service's signing key, and of each key that seals secrets at rest."""

    salt: str
    signing: dict[str, str]
    encryption: dict[str, str]


def prints_of(keys_dir: Path, encryption_keys: Mapping[str, str], salt: str) -> KeyPrints:
    """The fingerprints of all keys; the signing keys' from their public halves."""
    public = json.loads((keys_dir / "jwks.json").read_text(encoding="utf-8"))["keys"]
    return KeyPrints(
        salt,
        {str(key["kid"]): _print_of_public(key) for key in public},
        {name: _print_of_secret(text, salt) for name, text in encryption_keys.items()},
    )


def missing_keys(recorded: KeyPrints, service: str, keys_dir: Path, encryption_keys: Mapping[str, str]) -> list[str]:
    """Which keys the service would need to read what the backup holds, and has not. Keys that were exchanged since are
    its own as well.
    """
    told = json.loads((keys_dir / f"{service}.private.jwk").read_text(encoding="utf-8"))
    own = told.get("keys", [told])
    found = []
    if not {_print_of_public(key) for key in own} & set(recorded.signing.values()):
        found.append(f"the signing key {own[0]['kid']} is another")
    if service in SEALING:
        for name, print_ in recorded.encryption.items():
            if name not in encryption_keys:
                found.append(f"TERCET_ENCRYPTION_KEYS lacks {name}")
            elif _print_of_secret(encryption_keys[name], recorded.salt) != print_:
                found.append(f"{name} in TERCET_ENCRYPTION_KEYS is another")
    return found


def _print_of_public(key: Mapping[str, str]) -> str:
    return hashlib.sha256(f"{key['kty']}|{key['crv']}|{key['x']}".encode()).hexdigest()[:32]


def _print_of_secret(text: str, salt: str) -> str:
    # Slow on purpose: whoever finds an archive must not find out a weak key by trying.
    return hashlib.scrypt(text.encode(), salt=salt.encode(), n=1 << 14, r=8, p=1, dklen=16).hex()
