"""How WeCom signs and encrypts what it reports: SHA-1 over sorted parts, AES-256-CBC under the key of the account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tercet_marketing.channels.contract import ReportForged

# WeCom pads to 32 bytes, whatever AES's own block is.
_BLOCK = 32


def key_of(encoded: str) -> bytes | None:
    """The key from the 43 signs that WeCom shows; None of anything else."""
    try:
        key = base64.b64decode(encoded + "=", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == 32 else None


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """The signature of a report, as WeCom defines it."""
    told = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()


def opened(encrypted: str, key: bytes, receiver: str) -> bytes:
    """What was encrypted for us. Refuses what does not open, or was meant for somebody else."""
    try:
        content = base64.b64decode(encrypted, validate=True)
        worker = Cipher(AES(key), CBC(key[:16])).decryptor()
        plain = worker.update(content) + worker.finalize()
    except (binascii.Error, ValueError) as wrong:
        raise ReportForged("it does not open") from wrong
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= _BLOCK or len(plain) < 20 + padding:
        raise ReportForged("it does not open")
    plain = plain[:-padding]
    end = 20 + int.from_bytes(plain[16:20], "big")
    if not hmac.compare_digest(plain[end:], receiver.encode()):
        raise ReportForged("it was meant for somebody else")
    return plain[20:end]


def sealed(content: bytes, key: bytes, receiver: str, salt: bytes) -> str:
    """The other way round, as WeCom does it; `salt` are 16 random bytes."""
    plain = salt + len(content).to_bytes(4, "big") + content + receiver.encode()
    padding = _BLOCK - len(plain) % _BLOCK
    worker = Cipher(AES(key), CBC(key[:16])).encryptor()
    return base64.b64encode(worker.update(plain + bytes([padding]) * padding) + worker.finalize()).decode()
