"""Contact points: how they are written, which goes first, and how those of a new source join those that are there."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import phonenumbers

from tercet_sales.customers.errors import CustomerNameMissing, PrimaryTwice

Point = dict[str, Any]
DEFAULT_REGION = "CN"


def phone_number(given: str, region: str = DEFAULT_REGION) -> str:
    """The number as E.164 when it could be dialled, otherwise as it was given, without surrounding space."""
    plain = unicodedata.normalize("NFKC", given).strip()
    try:
        parsed = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return plain
    if not phonenumbers.is_valid_number(parsed):
        return plain
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def email_address(given: str) -> str:
    """The address without space and in half-width, its host in lower case.

    Upper case before the @ may matter to that host.
    """
    plain = unicodedata.normalize("NFKC", given).strip()
    name, at, host = plain.rpartition("@")
    return f"{name}{at}{host.lower()}"


def cleaned_phones(phones: Iterable[Point], region: str = DEFAULT_REGION) -> list[Point]:
    """Phone numbers as they are kept: cleaned, with what was given beside. Refuses two primary ones.

    Numbers without a prefix are read as those of `region`, an ISO 3166-1 code.
    """
    return _cleaned("phones", phones, "number", lambda given: phone_number(given, region))


def cleaned_emails(emails: Iterable[Point]) -> list[Point]:
    """E-mail addresses as they are kept: cleaned, with what was given beside. Refuses two primary ones."""
    return _cleaned("emails", emails, "address", email_address)


def checked_accounts(accounts: Iterable[Point]) -> list[Point]:
    """Messenger accounts as they are kept. Refuses two primary ones of one platform."""
    kept = [dict(account) for account in accounts]
    primary = [account["platform"] for account in kept if account.get("primary")]
    if len(primary) != len(set(primary)):
        raise PrimaryTwice(kind="accounts")
    return kept


def _cleaned(kind: str, points: Iterable[Point], key: str, clean: Any) -> list[Point]:
    kept: dict[str, Point] = {}
    for point in points:
        given = str(point.get("raw") or point[key])
        value = clean(str(point[key]))
        first = kept.setdefault(value, {**point, key: value, "raw": given})
        if point.get("primary"):
            first["primary"] = True
    if sum(bool(point.get("primary")) for point in kept.values()) > 1:
        raise PrimaryTwice(kind=kind)
    return list(kept.values())


def joined(existing: Sequence[Point], added: Iterable[Point], *keys: str) -> list[Point]:
    """What is there, and after it what is new by `keys`; what is there keeps its primary mark."""
    result = [dict(point) for point in existing]
    known = {tuple(point.get(key) for key in keys) for point in result}
    has_primary = any(point.get("primary") for point in result)
    for point in added:
        identity = tuple(point.get(key) for key in keys)
        if identity in known:
            continue
        known.add(identity)
        result.append({**point, "primary": False} if has_primary and point.get("primary") else dict(point))
    return result


def display_name(kind: str, full_name: str | None, company_name: str | None) -> str:
    """How the customer is called in lists. Refuses a person or company without a name."""
    name = (company_name if kind == "COMPANY" else full_name) or ""
    if not name.strip():
        missing = "company_name" if kind == "COMPANY" else "full_name"
        raise CustomerNameMissing(kind=kind.lower(), missing=missing, violations=[CustomerNameMissing.at(missing)])
    return name.strip()
