"""Codes: drawn, written, checked. Pure.

The alphabet has 31 characters, none of which looks like another: a prime number, so the weighted sum of the check
character tells every single wrong character and every two that changed places.
"""

from __future__ import annotations

import secrets
import unicodedata

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
BASE = len(ALPHABET)
LENGTH = 12
_VALUE = {sign: value for value, sign in enumerate(ALPHABET)}
# A byte gives a character by its remainder; the few bytes that would favour the first characters are thrown away.
_SIGN_OF = bytes(ord(ALPHABET[byte % BASE]) for byte in range(256))
_TOO_LARGE = bytes(range(256 - 256 % BASE, 256))
_BLANK = frozenset(" -_\u3000\u2010\u2011\u2012\u2013\u2014")


def check_character(body: str) -> str:
    """The character that is put behind a code's body."""
    return ALPHABET[sum((at + 2) * _VALUE[sign] for at, sign in enumerate(reversed(body))) % BASE]


def drawn(prefix: str = "", length: int = LENGTH) -> str:
    """A new code: prefix, drawn characters, check character. Each character is as likely as any other."""
    signs = ""
    while len(signs) < length:
        signs += secrets.token_bytes(2 * length).translate(_SIGN_OF, _TOO_LARGE).decode("ascii")
    body = prefix + signs[:length]
    return body + check_character(body)


def normal(typed: str) -> str:
    """A code as it is kept: full-width, small letters, blanks and hyphens do not matter."""
    text = unicodedata.normalize("NFKC", typed).upper()
    return "".join(sign for sign in text if sign not in _BLANK)


def well_formed(code: str) -> bool:
    """Whether the check character of a code as it is kept is right."""
    if len(code) < 2 or any(sign not in _VALUE for sign in code):
        return False
    return check_character(code[:-1]) == code[-1]
