"""What a trace says about who is behind it, in the form in which traces are compared and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tercet_leads.cleaning import CleanLead
from tercet_leads.cleaning.companies import BRANCH_ENDS
from tercet_leads.cleaning.pinyin import spelled
from tercet_leads.cleaning.regions import leading_region

# What a profile keeps of each feature; the oldest values beyond are forgotten by the comparison, not by the trace.
_LIMIT = 16

FEATURES = (
    "mobiles",  # eleven digits, or E.164 outside the mainland
    "broken",  # digits of a number that is none: too long or too short by one
    "landlines",  # E.164
    "locals",  # subscriber's digits of landlines, for those that come without an area code
    "emails",  # the mailbox key, domain typos put right
    "roles",  # mailboxes of an office
    "wechats",
    "openids",
    "residents",  # resident identity numbers
    "resident_hints",  # masked or mistyped ones
    "usccs",
    "organisations",  # the nine characters inside credit codes and old tax numbers
    "licences",
    "code_hints",  # codes with a wrong check digit
    "names",  # full names of persons
    "spellings",  # their pinyin
    "families",  # family names, of full and partial names
    "nicknames",
    "cores",  # company names without region, trade and form
    "core_spellings",
    "trades",
    "forms",
    "branches",
    "company_cities",
    "cities",
    "provinces",
    "places",  # addresses as «road|number|site|building|room»
    "domains",  # own domains, of websites and of mailboxes
)
_KNOWN = frozenset(FEATURES)


@dataclass(slots=True)
class Evidence:
    """The comparable values of one trace, or of all traces of a party together (its profile)."""

    kind: str
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    traces: int = 1
    # Keys under which it is found and their digests, worked out once; what it absorbs changes them.
    keys: tuple[list[str], list[str]] | None = field(default=None, compare=False, repr=False)
    digests: list[int] | None = field(default=None, compare=False, repr=False)

    def get(self, feature: str) -> tuple[str, ...]:
        """The values of a feature, the newest last; () where there is none."""
        return self.values.get(feature, ())

    def absorb(self, other: Evidence) -> None:
        """Takes another trace's values into this profile."""
        mine = self.values
        for feature, values in other.values.items():
            have = mine.get(feature)
            if have is None:
                mine[feature] = values
            elif values[0] not in have or len(values) > 1:
                new = [value for value in values if value not in have]
                if new:
                    mine[feature] = (*have, *new)[-_LIMIT:]
        self.traces += other.traces
        self.keys = self.digests = None

    def copy(self) -> Evidence:
        """A profile of its own with the same values."""
        return Evidence(self.kind, dict(self.values), self.traces)

    def to_json(self) -> dict[str, Any]:
        """The form in which it is stored; JSON has lists for its tuples."""
        return {"kind": self.kind, "traces": self.traces, **self.values}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Evidence:
        """The evidence as it was stored."""
        values = {name: tuple(found) for name, found in stored.items() if found and name in _KNOWN}
        return cls(stored["kind"], values, int(stored.get("traces", 1)))


@dataclass(slots=True)
class Seen:
    """What recognising somebody takes of a cleaned lead: its evidence, and what person and company are called."""

    evidence: Evidence
    person: str = ""
    company: str = ""


def seen_of(lead: CleanLead | Seen) -> Seen:
    """A cleaned lead as recognition sees it."""
    if isinstance(lead, Seen):
        return lead
    return Seen(evidence_of(lead), lead.person.value, lead.company.value)


def profile_of(traces: Iterable[Evidence]) -> Evidence:
    """The profile of a party from its traces in the order in which they came; refuses none at all."""
    ordered = iter(traces)
    profile = next(ordered).copy()
    for trace in ordered:
        profile.absorb(trace)
    return profile


def evidence_of(lead: CleanLead) -> Evidence:
    """The comparable values of a cleaned lead."""
    found: dict[str, list[str]] = {}

    def add(feature: str, value: str) -> None:
        if value:
            values = found.setdefault(feature, [])
            if value not in values:
                values.append(value)

    for phone in lead.phones:
        if phone.kind == "mobile":
            add("mobiles", phone.value.removeprefix("+86"))
        elif phone.value:
            add("landlines", phone.value)
            add("locals", phone.local)
        elif phone.kind == "landline":
            add("locals", phone.local)
        else:
            add("broken", phone.local)
    _handles(lead, add)
    if lead.resident_id.value:
        add("residents", lead.resident_id.value)
    elif len(lead.resident_id.seen) >= 14:
        add("resident_hints", lead.resident_id.seen)
    for code in lead.codes:
        if code.kind == "uscc" and code.value:
            add("usccs", code.value)
        if code.organisation:
            add("organisations", code.organisation)
        elif code.kind == "licence":
            add("licences", code.value)
        elif not code.value and len(code.seen) >= 9:
            add("code_hints", code.seen)
    _names(lead, add)
    add("cities", lead.region.city)
    add("provinces", lead.region.province)
    address = lead.address
    if address.road or address.site:
        add("places", "|".join((address.road, address.number, address.site, address.building, address.room)))
    return Evidence(lead.kind, {name: tuple(values) for name, values in found.items()})


def _handles(lead: CleanLead, add: Any) -> None:
    email = lead.email
    if email.key:
        if "role_mailbox" in email.flags:
            add("roles", email.key)
        else:
            add("emails", email.key)
        if "free_provider" not in email.flags:
            add("domains", email.domain)
    wechat = lead.wechat
    if wechat.value:
        if "mobile_number" in wechat.flags:
            add("mobiles", wechat.value)
        else:
            add("wechats", wechat.value)
    if lead.openid.value:
        add("openids", lead.openid.value)
    add("domains", lead.website.domain)


def _names(lead: CleanLead, add: Any) -> None:
    person = lead.person
    if person.form == "full":
        add("names", person.value)
        add("spellings", person.spelling)
        add("families", person.family)
    elif person.form == "latin":
        add("spellings", person.spelling)
    elif person.form == "partial":
        add("families", person.family)
    elif person.form == "nickname":
        add("nicknames", person.value)
    company = lead.company
    if len(company.core) >= 2:
        add("cores", company.core)
        add("core_spellings", spelled(company.core))
        add("trades", company.trade)
        add("forms", company.form)
        branch_city = leading_region(company.branch)[0].city if company.branch else ""
        add("company_cities", branch_city or company.city)
    if lead.kind == "company" and company.core:
        add("branches", _branch(company.branch) or "head")


def _branch(branch: str) -> str:
    """The place of a branch: «杭州分公司» and «杭州办事处» are one, and so are 杭州 and 杭州市."""
    for marker in BRANCH_ENDS:
        if branch.endswith(marker):
            return branch.removesuffix(marker).removesuffix("市") or marker
    return branch
