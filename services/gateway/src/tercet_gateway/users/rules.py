"""Rules of users without a database: e-mail keys and which passwords are too easy."""

from __future__ import annotations

import unicodedata

SHORTEST_PASSWORD = 10
_DISTINCT = 5
_COMMON = frozenset(
    {
        "password",
        "passw0rd",
        "password1",
        "password12",
        "password123",
        "password1234",
        "12345678",
        "123456789",
        "1234567890",
        "0123456789",
        "qwertyuiop",
        "qwerty1234",
        "qwerty12345",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "abcd123456",
        "a123456789",
        "aa12345678",
        "abc1234567",
        "iloveyou123",
        "welcome123",
        "administrator",
        "admin12345",
        "admin123456",
        "letmein1234",
        "woaini1314520",
        "woaini520",
        "5201314520",
        "zxcvbnm123",
        "asdfghjkl1",
        "changeme123",
        "p@ssw0rd123",
    }
)


def email_key(email: str) -> str:
    """What makes two addresses the same at sign-in: case and Unicode form do not count."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def password_weakness(password: str, email: str) -> str | None:
    """Why the password is too easy to guess, as something to do about it; None when it is not."""
    folded = password.casefold()
    if len(password) < SHORTEST_PASSWORD:
        return f"use at least {SHORTEST_PASSWORD} characters"
    if len(set(folded)) < _DISTINCT:
        return f"use at least {_DISTINCT} different characters"
    if folded in _COMMON:
        return "it is among those that are tried first; use another one"
    local = email_key(email).split("@")[0]
    if folded == email_key(email) or (len(local) >= 5 and folded.startswith(local) and len(folded) - len(local) < 5):
        return "it is close to the e-mail address; use another one"
    return None
