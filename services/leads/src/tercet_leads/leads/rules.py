"""From a raw submission to a lead's values: what cleaning understood, what it found, and what rules may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_leads.cleaning import CleanLead, clean_lead
from tercet_leads.cleaning.regions import full_names
from tercet_leads.identity.evidence import Seen, seen_of

# Lead field -> field of the cleaner.
CLEANED = {
    "full_name": "name",
    "company_name": "company_name",
    "job_title": "title",
    "mobile": "mobile",
    "phone": "phone",
    "email": "email",
    "wechat": "wechat",
    "openid": "openid",
    "id_number": "id_no",
    "uscc": "uscc",
    "tax_number": "tax_no",
    "license_number": "license_no",
    "province": "province",
    "city": "city",
    "address": "address",
    "website": "website",
    "remark": "remark",
}
_BACK = {theirs: ours for ours, theirs in CLEANED.items()}
LIMITS = {
    "full_name": 200,
    "company_name": 300,
    "job_title": 200,
    "mobile": 200,
    "phone": 200,
    "email": 320,
    "wechat": 100,
    "openid": 100,
    "id_number": 60,
    "uscc": 60,
    "tax_number": 60,
    "license_number": 60,
    "website": 500,
    "country_code": 2,
    "province": 100,
    "city": 100,
    "district": 100,
    "address": 500,
    "remark": 4000,
}
TEXT_FIELDS = tuple(LIMITS)
KINDS = {"individual": "PERSON", "company": "COMPANY"}
_LEAD_TYPES = {"PERSON": "individual", "COMPANY": "company"}
IDENTIFYING = tuple(name for name in CLEANED if name not in ("job_title", "remark"))


@dataclass(slots=True)
class Submission:
    """One raw submission on its way in. `values` are texts by lead field, `raw` everything exactly as it came, which
    may be JSON already.
    """

    values: dict[str, str]
    raw: dict[str, Any] | bytes
    entry: str = "API"
    kind: str = ""
    id: UUID | None = None
    external: tuple[str, str] | None = None
    owner_id: UUID | None = None
    unit_id: UUID | None = None
    partner_party_id: UUID | None = None
    source_given: str = ""
    placement_id: UUID | None = None
    campaign_id: UUID | None = None
    occur_time: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None
    interests: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    next_contact_time: datetime | None = None
    # What a repeated delivery is recognised by.
    key: str | None = None
    # What was odd about it before cleaning.
    flags: list[str] = field(default_factory=list)
    # What cleaning made of it, where that was done and found sound beforehand; `values` are then left out.
    understood: Understood | None = None


@dataclass(slots=True)
class Understood:
    """What cleaning made of a submission. `values` are a lead's texts, None where there is nothing."""

    seen: Seen
    kind: str
    values: dict[str, str | None]
    findings: list[dict[str, Any]]
    flags: list[str]
    junk: tuple[str, ...]
    email_valid: bool
    identified: bool
    # The words to search each text by, joined, where they were worked out beforehand.
    words: dict[str, str] | None = None


def too_long(values: Mapping[str, str]) -> tuple[str, int, int] | None:
    """The first value that its field does not take: name, length, limit."""
    for name, text in values.items():
        limit = LIMITS.get(name)
        if limit is not None and len(text) > limit:
            return name, len(text), limit
    return None


def is_empty(values: Mapping[str, str]) -> bool:
    """Whether nothing could identify or reach anybody."""
    return not any((values.get(name) or "").strip() for name in IDENTIFYING)


def understand(values: Mapping[str, str], kind: str) -> Understood:
    """Cleans the texts of a lead. Refuses nothing: what cannot be read is kept as given and flagged."""
    given = {theirs: text for ours, theirs in CLEANED.items() if (text := values.get(ours))}
    if kind in _LEAD_TYPES:
        given["lead_type"] = _LEAD_TYPES[kind]
    clean = clean_lead(given, region=values.get("country_code") or "CN")
    found = _values(clean)
    for name in ("country_code", "district"):
        found.setdefault(name, values.get(name) or None)
    flags = [f"{_BACK.get(name, name)}:{flag}" for name, flags in clean.flags.items() for flag in flags]
    findings = []
    for ours, theirs in CLEANED.items():
        raw, value = values.get(ours) or "", found.get(ours) or ""
        its_flags = clean.flags.get(theirs, ())
        if raw == value and not its_flags:
            continue
        if not value and raw.strip() and not any(flag.startswith("moved_to_") for flag in its_flags):
            # Nothing certain was read: what was given is better than nothing, and the flag says so.
            found[ours] = value = raw.strip()
        if raw != value or its_flags:
            findings.append({"field": ours, "raw": raw, "value": value, "flags": list(its_flags)})
    return Understood(
        seen=seen_of(clean),
        kind=KINDS.get(clean.kind, "PERSON"),
        values=found,
        findings=findings,
        flags=flags,
        junk=clean.junk,
        email_valid=bool(clean.email.value),
        identified=bool(clean.resident_id.value or any(code.value for code in clean.codes)),
    )


def _values(clean: CleanLead) -> dict[str, str | None]:
    mobile = next((phone.value for phone in clean.phones if phone.kind == "mobile" and phone.value), None)
    others = [phone for phone in clean.phones if phone.value and phone.value != mobile]
    phone = next((p.value + (f" ext. {p.extension}" if p.extension else "") for p in others), None)
    province, city = full_names(clean.region)
    codes: dict[str, str] = {}
    for code in clean.codes:
        codes.setdefault(code.kind, code.value)
    return {
        "full_name": clean.person.value or None,
        "company_name": clean.company.value or None,
        "job_title": clean.title or None,
        "mobile": mobile,
        "phone": phone,
        "email": clean.email.value or None,
        "wechat": clean.wechat.value or None,
        "openid": clean.openid.value or None,
        "id_number": clean.resident_id.value or None,
        "uscc": codes.get("uscc") or None,
        "tax_number": codes.get("tax") or None,
        "license_number": codes.get("licence") or None,
        "province": province or None,
        "city": city or None,
        "district": clean.address.district or None,
        "address": clean.address.value or None,
        "website": clean.website.value or None,
        "remark": clean.remark or None,
    }


def facts_of(
    lead: Any, understood: Understood | None, *, entry: str, source_kind: str, source_path: str
) -> dict[str, Any]:
    """What rules may ask of a lead; `lead` has the attributes of the entity."""
    flagged = {finding["field"]: finding["flags"] for finding in lead.findings}
    return {
        **{name: getattr(lead, name) for name in TEXT_FIELDS if name in _ASKED},
        "kind": lead.kind,
        "entry": entry,
        "link_state": lead.link_state,
        "source_code": lead.source_code,
        "source_kind": source_kind,
        "source_path": source_path,
        "last_source_code": lead.last_source_code,
        "external_system": lead.external_system,
        "score": lead.score,
        "grade": lead.grade,
        "touch_count": lead.touch_count,
        "mobile_valid": (lead.mobile or "").startswith("+") and "looks_fake" not in flagged.get("mobile", ()),
        "email_valid": understood.email_valid
        if understood
        else "@" in (lead.email or "") and "not_an_address" not in flagged.get("email", ()),
        "identified": understood.identified if understood else _identified(lead),
        "existing_customer": lead.existing_customer,
        "occur_time": lead.occur_time,
        "last_touch_time": lead.last_touch_time,
        "campaign_id": lead.campaign_id,
        "placement_id": lead.placement_id,
        "unit_id": lead.unit_id,
        "interests": lead.interests,
        "flags": [f"{name}:{flag}" for name, flags in flagged.items() for flag in flags],
        "custom": lead.custom,
    }


_ASKED = frozenset(
    "full_name company_name job_title mobile phone email wechat website remark "
    "country_code province city district address".split()
)


def _identified(lead: Any) -> bool:
    broken = {finding["field"] for finding in lead.findings if finding["flags"]}
    return any(
        getattr(lead, name) and name not in broken for name in ("id_number", "uscc", "tax_number", "license_number")
    )
