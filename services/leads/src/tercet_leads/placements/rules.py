"""Short codes, tracked links and QR codes."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import segno

# Without letters and digits that look alike in print: 0 O, 1 l I.
_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
SHORT_CODE_LENGTH = 8
MEDIA_TYPES = {"SVG": "image/svg+xml", "PNG": "image/png"}


def new_short_code() -> str:
    """Eight characters that nobody guesses: 56 ** 8 is about 10 ** 14."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SHORT_CODE_LENGTH))


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The address with the parameters in its query; those already there by the same name are replaced."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*kept, *sorted(parameters.items())])))


def tracked_link(base_url: str, short_code: str) -> str:
    """The address that is printed: the base with the short code as its last part."""
    return f"{base_url.rstrip('/')}/{quote(short_code)}"


def qr_code(link: str, media: str, scale: int) -> bytes:
    """A QR code of the link with a quiet zone of four modules, as SVG or PNG. Error correction M survives print and
    folds.
    """
    code = segno.make(link, error="m", micro=False)
    target = io.BytesIO()
    if media == "PNG":
        code.save(target, kind="png", scale=scale, border=4)
    else:
        code.save(target, kind="svg", scale=scale, border=4, xmldecl=True, svgns=True)
    return target.getvalue()


def visitor_digest(tenant: str, visitor: str) -> str:
    """A visitor as something that can be counted and not read back."""
    return hashlib.blake2b(visitor.encode(), key=tenant.encode()[:64], digest_size=12).hexdigest() if visitor else ""
