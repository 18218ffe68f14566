"""Phone numbers: whatever was typed, to E.164 where that is certain.

Mainland numbers are read by their numbering plan, which is fast and knows how people write them here; every other
region goes to the `phonenumbers` tables, loaded when the first such number comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tercet_leads.cleaning.regions import AREA_CODES, CITY_BY_AREA, clean_region
from tercet_leads.cleaning.text import is_placeholder, squeeze

_EXTENSION = re.compile(r"(?:\s*(?:转接|转|分机号?|ext\.?|extension|x|#|,|;)\s*[::]?\s*)(\d{1,6})\D*\Z", re.IGNORECASE)
_DASH_EXTENSION = re.compile(r"(.*\d)\s*-\s*(\d{2,6})\s*\Z")
_STAR_EXTENSION = re.compile(r"(?<=\d)\*(?=\d{2,6}\Z)")
_WHOLE_LANDLINE = re.compile(r"(?:(?:00)?86)?(?:0(?:10|2\d|[3-9]\d{2})|(?<=86)(?:10|2\d|[3-9]\d{2}))?[2-9]\d{6,7}")
_DASHES = re.compile(r"[\u2010-\u2015\u2212\u30fc\uff0d~]")
_NOTE = re.compile(r"[(\[【<「][^)\]】>」]*[^\d\s+()\-)\]】>」][^)\]】>」]*[)\]】>」]?")
_BLOCK = re.compile(r"[+(]*\d[\d\s().\-]*\d")
_SEVERAL = re.compile(r"\s*(?:[/;、|\n]|,(?=\s*\+?\d{7})|或者?|和)\s*")
_MASK = re.compile(r"\d[\s\-]*[*•●xX]{2,}|[*•●]{3,}|\d[*•●]+\d")
_NOT_DIGIT = re.compile(r"\D")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_SERVICE = re.compile(r"(?:400|800)\d{7}")
_AREA = re.compile(r"0(?:10|2\d|[3-9]\d{2})")
_TRIVIAL = re.compile(r"(\d)\1{6,}|0?123456789?|(?:12345678|87654321)")


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone number: `value` in E.164 or "", `local` the subscriber's digits where the area code is missing."""

    value: str = ""
    kind: str = ""  # mobile | landline | service | other
    extension: str = ""
    local: str = ""
    city: str = ""  # of a landline, by its area code
    flags: tuple[str, ...] = ()


NO_PHONE = Phone()


def clean_phones(raw: str, *, region: str = "CN", city: str = "") -> list[Phone]:
    """Every number in a field: «13800138000 / 0531-88881234» are two."""
    text = squeeze(raw)
    if not text:
        return []
    parts = _SEVERAL.split(text) if len(text) > 14 else [text]
    parts = [part for part in parts if sum(c.isdigit() for c in part) >= 7] or [text]
    return [clean_phone(part, region=region, city=city) for part in parts]


def clean_phone(raw: str, *, region: str = "CN", city: str = "") -> Phone:
    """The number in E.164 with its kind; flagged, and without a value, where it cannot be one.

    `region` is the ISO country whose national numbers are meant, `city` lends its area code to a landline without one.
    """
    text = _DASHES.sub("-", squeeze(raw))
    if not text or is_placeholder(text):
        return NO_PHONE
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) == 11 and _MOBILE.fullmatch(digits) and region == "CN" and "+" not in text:
        return _mobile(digits, ()) if len(digits) == len(text) else _mobile(digits, ("reformatted",))
    starred = _STAR_EXTENSION.sub("-", text)  # 0531-53496715*2704: an extension, not a mask
    if starred != text and _WHOLE_LANDLINE.fullmatch(_NOT_DIGIT.sub("", starred.rpartition("-")[0])):
        text = starred
    if _MASK.search(text):
        return Phone(flags=("masked",))
    flags: list[str] = []
    without_note = _NOTE.sub(" ", text)
    if without_note != text:
        flags.append("note_removed")
        text = without_note
    extension = ""
    match = _EXTENSION.search(text)
    if match and len(_NOT_DIGIT.sub("", text[: match.start()])) >= 7:
        extension, text = match.group(1), text[: match.start()]
    block = _BLOCK.search(text)
    if block is None:
        return Phone(flags=("no_digits",) if not digits else ("too_short",))
    if block.group(0) != text.strip():
        text = block.group(0)
        if "note_removed" not in flags:
            flags.append("note_removed")
    if region == "CN" or text.lstrip("(").startswith("+86"):
        return _mainland(text, extension, city, flags)
    return _elsewhere(text, extension, region, flags)


def _mainland(text: str, extension: str, city: str, flags: list[str]) -> Phone:
    international = text.lstrip("(").startswith("+") or text.startswith("00")
    if not extension and not _SERVICE.fullmatch(_NOT_DIGIT.sub("", text)):
        match = _DASH_EXTENSION.search(text)
        if match and _WHOLE_LANDLINE.fullmatch(_NOT_DIGIT.sub("", match.group(1))):
            extension, text = match.group(2), text[: match.end(1)]
    digits = _NOT_DIGIT.sub("", text)
    national = digits
    if digits.startswith("0086"):
        national = digits[4:]
    elif digits.startswith("86") and len(digits) > 10:
        national = digits[2:]
    elif international:
        return _elsewhere("+" + digits.removeprefix("00"), extension, "CN", flags)
    bare = national.removeprefix("0")
    if _MOBILE.fullmatch(bare):
        return _mobile(bare, tuple(flags), extension)
    if _SERVICE.fullmatch(national):
        return Phone("+86" + national, "service", extension, flags=_fake(national, flags))
    if national.startswith("00"):
        return _elsewhere("+" + national[2:], extension, "CN", flags)
    area = _AREA.match("0" + bare)
    if area and 7 <= len(bare) - len(area.group(0)) + 1 <= 8 and (national != bare or international or len(bare) >= 10):
        return _landline(area.group(0), bare[len(area.group(0)) - 1 :], extension, flags)
    if len(national) in (7, 8) and national[0] not in "01":
        code = AREA_CODES.get(clean_region("", city).city) if city else None
        if code:
            return _landline(code, national, extension, [*flags, "area_code_from_city"])
        return Phone("", "landline", extension, national, flags=_fake(national, [*flags, "area_code_missing"]))
    reason = "too_short" if len(national) < 7 else "looks_like_mobile" if national.startswith("1") else "not_a_number"
    return Phone("", "", extension, national, flags=_fake(national, [*flags, reason]))


def _mobile(digits: str, flags: tuple[str, ...], extension: str = "") -> Phone:
    return Phone("+86" + digits, "mobile", extension, flags=_fake(digits[3:], list(flags)))


def _landline(area: str, subscriber: str, extension: str, flags: list[str]) -> Phone:
    if area not in CITY_BY_AREA:
        flags = [*flags, "area_code_unknown"]
    value = "+86" + area[1:] + subscriber
    return Phone(value, "landline", extension, subscriber, CITY_BY_AREA.get(area, ""), _fake(subscriber, flags))


def _fake(digits: str, flags: list[str]) -> tuple[str, ...]:
    return (*flags, "looks_fake") if _TRIVIAL.search(digits) else tuple(flags)


def _elsewhere(text: str, extension: str, region: str, flags: list[str]) -> Phone:
    import phonenumbers  # half a second of tables: only for numbers outside the mainland plan

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return Phone(extension=extension, flags=(*flags, "not_a_number"))
    if not phonenumbers.is_possible_number(number):
        return Phone(extension=extension, flags=(*flags, "not_a_number"))
    kinds = {phonenumbers.PhoneNumberType.MOBILE: "mobile", phonenumbers.PhoneNumberType.FIXED_LINE: "landline"}
    kind = kinds.get(phonenumbers.number_type(number), "other")
    if not phonenumbers.is_valid_number(number):
        flags = [*flags, "unassigned_range"]
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Phone(value, kind, extension or number.extension or "", flags=tuple(flags))
