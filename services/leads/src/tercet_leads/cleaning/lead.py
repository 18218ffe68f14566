"""A whole lead cleaned: every field in one form, values in the wrong field moved to the right one, junk told with its
reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tercet_leads.cleaning.addresses import NO_ADDRESS, Address, clean_address
from tercet_leads.cleaning.codes import NO_CODE, Code, clean_registration, clean_resident_id, clean_uscc
from tercet_leads.cleaning.companies import NO_COMPANY, CompanyName, clean_company
from tercet_leads.cleaning.emails import NO_EMAIL, Email, clean_email
from tercet_leads.cleaning.junk import junk_email, junk_text
from tercet_leads.cleaning.persons import NO_NAME, PersonName, clean_person
from tercet_leads.cleaning.phones import Phone, clean_phones
from tercet_leads.cleaning.regions import Region, clean_region
from tercet_leads.cleaning.text import is_placeholder, squeeze
from tercet_leads.cleaning.websites import NO_HANDLE, Handle, clean_openid, clean_website, clean_wechat

FIELDS = (
    "lead_type name company_name title mobile phone email wechat openid id_no uscc tax_no license_no "
    "province city address website remark"
).split()
_COMPANY_ENDING = re.compile(
    r"(?:公司|集团|合作社|事务所|工作室|商行|经营部|商店|厂|办事处|研究院|研究所)\Z|\b(?:ltd|inc|llc|gmbh|corp)\b\.?\Z",
    re.I,
)
_ADDRESS_LIKE = re.compile(r"[\u4e00-\u9fff]{2,}(?:路|街|大道|巷|弄|镇|村|广场|大厦|花园|小区|园)[\u4e00-\u9fff]*\d+")
_EMBEDDED_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}")
_EMBEDDED_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_DIGITS = re.compile(r"[\d\s+\-()]{7,20}")


_NOWHERE = Region()


@dataclass(frozen=True, slots=True)
class CleanLead:
    """What was understood of a lead. `flags` maps a field of the raw lead to what was found odd there."""

    kind: str  # individual | company
    person: PersonName = NO_NAME
    company: CompanyName = NO_COMPANY
    title: str = ""
    phones: tuple[Phone, ...] = ()
    email: Email = NO_EMAIL
    wechat: Handle = NO_HANDLE
    openid: Handle = NO_HANDLE
    resident_id: Code = NO_CODE
    codes: tuple[Code, ...] = ()  # credit code, tax and licence numbers
    region: Region = _NOWHERE
    address: Address = NO_ADDRESS
    website: Handle = NO_HANDLE
    remark: str = ""
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    junk: tuple[str, ...] = ()

    @property
    def is_junk(self) -> bool:
        """Whether it should be kept out of the sellers' sight."""
        return bool(self.junk)


def clean_lead(raw: Mapping[str, str], *, region: str = "CN") -> CleanLead:
    """The lead with every field cleaned; refuses nothing, flags what it could not read. `region` is the ISO country
    of its phones."""
    values = {name: text for name in FIELDS if (text := raw.get(name) or "")}
    flags: dict[str, list[str]] = {}
    _move(values, flags)

    person = clean_person(values.get("name", ""))
    company = clean_company(values.get("company_name", ""))
    place = clean_region(values.get("province", ""), values.get("city", ""))
    address = clean_address(values.get("address", ""), values.get("province", ""), values.get("city", ""))
    phones = _phones(values, flags, region, place.city or address.city)
    email = clean_email(values.get("email", ""))
    wechat = clean_wechat(values.get("wechat", ""))
    openid = clean_openid(values.get("openid", ""))
    resident_id = clean_resident_id(values.get("id_no", ""))
    codes = _codes(values, flags)
    website = clean_website(values.get("website", ""))
    if not place.city and address.city:
        place = Region(address.province, address.city)
    kind = values.get("lead_type") or ("company" if company.value and not resident_id.value else "individual")
    for name, found in (
        ("name", person.flags),
        ("company_name", company.flags),
        ("email", email.flags),
        ("wechat", wechat.flags),
        ("openid", openid.flags),
        ("id_no", resident_id.flags),
        ("address", address.flags),
        ("website", website.flags),
    ):
        if found:
            flags.setdefault(name, []).extend(found)
    lead = CleanLead(
        kind,
        person,
        company,
        _title(values.get("title", "")),
        phones,
        email,
        wechat,
        openid,
        resident_id,
        codes,
        place,
        address,
        website,
        squeeze(values.get("remark", "")),
        {name: tuple(dict.fromkeys(found)) for name, found in flags.items()},
    )
    reasons = _junk(lead)
    return lead if not reasons else _with_junk(lead, reasons)


def _with_junk(lead: CleanLead, reasons: tuple[str, ...]) -> CleanLead:
    return replace(lead, junk=reasons)


def _title(raw: str) -> str:
    text = squeeze(raw)
    return "" if is_placeholder(text) else text


def _phones(values: Mapping[str, str], flags: dict[str, list[str]], region: str, city: str) -> tuple[Phone, ...]:
    found: dict[tuple[str, str], Phone] = {}
    for name in ("mobile", "phone"):
        for phone in clean_phones(values.get(name, ""), region=region, city=city):
            if phone.flags:
                flags.setdefault(name, []).extend(phone.flags)
            if phone.value and (phone.kind == "mobile") != (name == "mobile"):
                flags.setdefault(name, []).append(f"is_{phone.kind}")
            if phone.value or phone.local:
                found.setdefault((phone.value, phone.local), phone)
    return tuple(found.values())


def _codes(values: Mapping[str, str], flags: dict[str, list[str]]) -> tuple[Code, ...]:
    found: dict[str, Code] = {}
    for name in ("uscc", "tax_no", "license_no"):
        if raw := values.get(name):
            code = clean_uscc(raw) if name == "uscc" and len(squeeze(raw)) >= 17 else clean_registration(raw)
            if code.flags:
                flags.setdefault(name, []).extend(code.flags)
            if name == "license_no" and code.kind == "uscc":
                flags.setdefault(name, []).append("is_uscc")
            if code.seen:
                found.setdefault(code.value or code.seen, code)
    return tuple(found.values())


def _move(values: dict[str, str], flags: dict[str, list[str]]) -> None:
    """Values into the fields they belong to. A field that is filled is never written over."""

    def note(name: str, text: str) -> None:
        flags.setdefault(name, []).append(text)

    name, company = values.get("name", ""), values.get("company_name", "")
    if (
        name
        and _COMPANY_ENDING.search(squeeze(name))
        and not _COMPANY_ENDING.search(squeeze(company))
        and len(squeeze(name)) >= 4
    ):
        if company:
            values["name"], values["company_name"] = company, name
            note("name", "swapped_with_company_name")
        else:
            values["company_name"] = values.pop("name")
            note("name", "moved_to_company_name")
    for source in ("wechat", "mobile", "phone", "website", "name", "remark"):
        text = values.get(source, "")
        if ("@" in text or "＠" in text) and (match := _EMBEDDED_EMAIL.search(squeeze(text))):
            if not values.get("email"):
                values["email"] = match.group(0)
                note(source, "moved_to_email")
            if source != "remark":
                rest = squeeze(text).replace(match.group(0), "").strip(" ,;/|")
                values[source] = rest
                if "moved_to_email" not in flags.get(source, ()):
                    note(source, "email_removed")
    if (email := values.get("email", "")) and "@" not in email and "＠" not in email and "(at)" not in email.lower():
        target = "mobile" if _DIGITS.fullmatch(squeeze(email)) else "wechat"
        if not values.get(target) and not is_placeholder(squeeze(email)):
            values[target] = values.pop("email")
            note("email", f"moved_to_{target}")
    remark = squeeze(values.get("remark", "")) if "remark" in values else ""
    if remark:
        if not values.get("address") and _ADDRESS_LIKE.search(remark) and len(remark) <= 80:
            values["address"] = remark
            note("remark", "moved_to_address")
        if not values.get("mobile") and (match := _EMBEDDED_MOBILE.search(remark)):
            values["mobile"] = match.group(0)
            note("remark", "moved_to_mobile")
    wechat = squeeze(values.get("wechat", "")).replace("-", "").replace(" ", "")
    if wechat and not values.get("mobile") and re.fullmatch(r"(?:\+?86)?1[3-9]\d{9}", wechat):
        values["mobile"] = wechat
        note("wechat", "copied_to_mobile")
    _move_codes(values, note)


def _move_codes(values: dict[str, str], note: Callable[[str, str], None]) -> None:
    if (
        (number := values.get("id_no"))
        and (clean_uscc(number).value or clean_registration(number).value)
        and not clean_resident_id(number).value
    ):
        for target in ("uscc", "tax_no", "license_no"):
            if not values.get(target):
                values[target] = values.pop("id_no")
                note("id_no", f"moved_to_{target}")
                break
    for source in ("uscc", "tax_no", "license_no"):
        number = values.get(source, "")
        if len(number) < 18 or values.get("id_no") or number[:2] in ("91", "92", "93"):
            continue
        if clean_resident_id(number).value and not clean_uscc(number).value:
            values["id_no"] = values.pop(source)
            note(source, "moved_to_id_no")


def _junk(lead: CleanLead) -> tuple[str, ...]:
    reasons: list[str] = []
    certain = lead.resident_id.value or any(code.value for code in lead.codes)
    real_phone = [phone for phone in lead.phones if (phone.value or phone.local) and "looks_fake" not in phone.flags]
    if lead.person.value and junk_text(lead.person.value) and not certain:
        reasons.append("name_is_a_test")
    if lead.company.value and junk_text(lead.company.value) and not certain:
        reasons.append("company_is_a_test")
    if lead.phones and not real_phone and not lead.email.value:
        reasons.append("phone_looks_fake")
    if lead.email.value and junk_email(lead.email.local, lead.email.domain) and not real_phone:
        reasons.append("mailbox_is_a_test")
    reachable = lead.phones or lead.email.value or lead.wechat.value or lead.openid.value or lead.address.value
    if (
        not reachable
        and not certain
        and not (lead.company.value and len(lead.company.core) >= 2)
        and not lead.website.value
    ):
        reasons.append("no_contact_and_no_company")
    return tuple(reasons)
