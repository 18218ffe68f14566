"""What WeChat and WeCom report, and how both sign and encrypt it: SHA-1 over sorted parts, AES-256-CBC under the key of
the account.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tercet_marketing.channels.contract import Account, AddressKind, Arrival, Report, ReportForged

# They pad to 32 bytes, whatever AES's own block is.
_BLOCK = 32
_FIELD = re.compile(r"<(\w+)>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</\1>", re.S)
# Where the words are of what is not text; of the rest its kind alone is said.
_WORDS = {"text": ("Content",), "voice": ("Recognition",), "location": ("Label",), "link": ("Title", "Url")}


def key_of(encoded: str) -> bytes | None:
    """The key from the 43 signs that they show; None of anything else."""
    try:
        key = base64.b64decode(encoded + "=", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == 32 else None


def wrong_keys(account: Account) -> dict[str, str]:
    """What is wrong with the keys by which an account believes reports, by setting."""
    token, key = account.secrets.get("token", ""), account.secrets.get("aes_key", "")
    if bool(token) != bool(key):
        return {"aes_key": "token and aes_key belong together"}
    return {"aes_key": "give the 43 signs that the console shows"} if key and key_of(key) is None else {}


def keys_of(account: Account) -> tuple[str, bytes]:
    """The token that reports are signed with, and the key that they are encrypted under. Refuses to go without: what
    comes in clear, nobody has signed.
    """
    token, key = account.secrets.get("token", ""), key_of(account.secrets.get("aes_key", ""))
    if not token or key is None:
        raise ReportForged("the account has no token and aes_key, so that nobody's report can be believed")
    return token, key


def signature(token: str, *parts: str) -> str:
    """The signature over what is told beside it."""
    told = "".join(sorted((token, *parts)))
    return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()


def check_signature(given: str, token: str, asked: Mapping[str, str], *parts: str) -> None:
    """Refuses what the token did not sign."""
    fitting = signature(token, asked.get("timestamp", ""), asked.get("nonce", ""), *parts)
    if not hmac.compare_digest(fitting.encode(), given.encode()):
        raise ReportForged("its signature does not fit")


def content_of(report: Report, asked: Mapping[str, str], keys: tuple[str, bytes], receiver: str) -> bytes:
    """What a report says. Refuses what was not signed and encrypted for this account."""
    encrypted = asked.get("echostr") or fields(report.body).get("Encrypt", "")
    check_signature(asked.get("msg_signature", ""), keys[0], asked, encrypted)
    return opened(encrypted, keys[1], receiver)


def fields(content: bytes) -> dict[str, str]:
    """The fields of their flat XML, in order and without a parser that outsiders could lead astray: what a person
    wrote is passed over as a whole, so it makes no field.
    """
    found = _FIELD.finditer(content.decode("utf-8", "replace"))
    return {field[1]: field[2] if field[2] is not None else field[3] for field in found}


def written(told: Mapping[str, str], platform: str) -> list[Arrival]:
    """What somebody wrote; nothing where it only tells that something happened. Pictures and the like say their kind,
    so that nobody writes unheard.
    """
    kind = told.get("MsgType", "")
    if kind in ("", "event"):
        return []
    words = " ".join(filter(None, (told.get(name, "").strip() for name in _WORDS.get(kind, ()))))
    return [
        Arrival(
            provider_id=told.get("MsgId", ""),
            kind=AddressKind.ACCOUNT,
            platform=platform,
            sender=told.get("FromUserName", ""),
            text=(words or f"[{kind}]")[:100_000],
            write_time=moment(told.get("CreateTime", "")),
        )
    ]


def moment(seconds: str) -> datetime | None:
    """A time in seconds since 1970; None of anything else."""
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() and len(seconds) <= 10 else None


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
    """The other way round, as they do it; `salt` are 16 random bytes."""
    plain = salt + len(content).to_bytes(4, "big") + content + receiver.encode()
    padding = _BLOCK - len(plain) % _BLOCK
    worker = Cipher(AES(key), CBC(key[:16])).encryptor()
    return base64.b64encode(worker.update(plain + bytes([padding]) * padding) + worker.finalize()).decode()
