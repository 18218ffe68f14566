"""Secrets at rest: AES-256-GCM, each under a key that it names and bound to the row that it stands in."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tercet_chassis.errors import FailedPrecondition, Unavailable

if TYPE_CHECKING:
    from tercet_chassis.host import Host

# The key of services that are given none, derived from what only they know: lost with their signing key.
OWN_KEY = "own"
_SHORTEST = 32
_NONCE = 12


class SecretSealedOtherwise(Unavailable):
    """A secret cannot be opened with the keys that are set."""

    text = (
        "A secret is sealed under the key {key}, which does not open it. Name that key in TERCET_ENCRYPTION_KEYS again,"
        " or set the secret anew."
    )


class EncryptionKeyTooShort(FailedPrecondition):
    """A key of the settings is too easily found out."""

    text = "The key {key} in TERCET_ENCRYPTION_KEYS is too short; give {least} characters or more."


class Sealer:
    """Seals under the first key and opens under all; without keys of the settings, under one of the service's own.
    What is sealed for one purpose opens for no other.
    """

    def __init__(self, keys: Mapping[str, str], own: bytes, purpose: str) -> None:
        self._purpose = purpose.encode()
        self._materials = {name: text.encode() for name, text in keys.items()} | {OWN_KEY: own}
        for name, text in keys.items():
            if len(text) < _SHORTEST:
                raise EncryptionKeyTooShort(key=name, least=_SHORTEST)
        self.newest = next(iter(self._materials))

    def seal(self, text: str, bound_to: str) -> str:
        """`<key id>.<nonce and ciphertext>`, which opens only for the same `bound_to`."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher(self.newest).encrypt(nonce, text.encode(), bound_to.encode())
        return f"{self.newest}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, bound_to: str) -> str:
        """The text. Refuses one that was sealed under a key that is not there any more, for another row, or changed."""
        name, _, body = sealed.partition(".")
        if name not in self._materials:
            raise SecretSealedOtherwise(key=name)
        content = base64.urlsafe_b64decode(body)
        try:
            return self._cipher(name).decrypt(content[:_NONCE], content[_NONCE:], bound_to.encode()).decode()
        except InvalidTag as changed:
            raise SecretSealedOtherwise(key=name) from changed

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed under the key that seals now."""
        return sealed.partition(".")[0] == self.newest

    def _cipher(self, name: str) -> AESGCM:
        return _cipher_of(self._materials[name], self._purpose)


@lru_cache(maxsize=64)
def _cipher_of(material: bytes, purpose: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=purpose).derive(material))


def sealer_of(runtime: Host, purpose: str) -> Sealer:
    """The sealer that the settings ask for. Refuses keys that are too short."""
    return Sealer(runtime.settings.encryption_keys, runtime.secret, purpose)
