"""Identifiers with check digits: unified social credit code, resident identity number, old registration and tax
numbers.

Check rules: GB 32100 (credit code, with the organisation code of GB 11714 inside), GB 11643 (identity number, ISO
7064 MOD 11-2), and MOD 11-10 for the old 15-digit registration number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tercet_leads.cleaning.text import is_placeholder, squeeze

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {character: value for value, character in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ORG_ALPHABET = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CONFUSED = {"O": "0", "I": "1", "Z": "2", "S": "5", "V": "U"}  # left: letters the credit code never uses
_SEPARATORS = re.compile(r"[\s\-_.·:,]+")
_LABEL = re.compile(r"^(?:统一社会信用代码|信用代码|税号|纳税人识别号|身份证号?码?|注册号|执照号?)[::]?")
_MASKED = re.compile(r"[*•●X?]{3,}|\*+", re.IGNORECASE)
_PROVINCE_CODES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()
)


@dataclass(frozen=True, slots=True)
class Code:
    """An identifier: `value` only where it is whole and its check digit right, `kind`, and the `organisation` code
    inside it.

    `seen` is what was read, also where it is masked or mistyped: weak evidence, never a key of its own.
    Kinds: uscc, tax (15 characters, organisation code inside), licence (old 15 digits), organisation (9), resident_id.
    """

    value: str = ""
    kind: str = ""
    organisation: str = ""
    seen: str = ""
    flags: tuple[str, ...] = ()


NO_CODE = Code()


def uscc_check(body: str) -> str:
    """The 18th character for the first 17 of a credit code."""
    total = sum(weight * _USCC_VALUES[character] for weight, character in zip(_USCC_WEIGHTS, body, strict=True))
    return _USCC_ALPHABET[(31 - total % 31) % 31]


def organisation_check(body: str) -> str:
    """The 9th character for the first 8 of an organisation code."""
    remainder = 11 - sum(w * _ORG_ALPHABET[c] for w, c in zip(_ORG_WEIGHTS, body, strict=True)) % 11
    return "X" if remainder == 10 else "0" if remainder == 11 else str(remainder)


def resident_check(body: str) -> str:
    """The 18th character for the first 17 of an identity number."""
    return "10X98765432"[sum(weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, body, strict=True)) % 11]


def _licence_check(body: str) -> str:
    carry = 10
    for digit in body:
        carry = (carry + int(digit)) % 10 or 10
        carry = carry * 2 % 11
    return str((11 - carry) % 10)


def _bare(raw: str) -> str:
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return ""
    return _SEPARATORS.sub("", _LABEL.sub("", text)).upper()


def is_uscc(text: str) -> bool:
    """Whether 18 characters are a credit code with the right check character."""
    return (
        len(text) == 18
        and all(c in _USCC_VALUES for c in text)
        and text[2:8].isdigit()
        and uscc_check(text[:17]) == text[17]
    )


def clean_uscc(raw: str) -> Code:
    """The credit code, O/0 and I/1 put right where exactly one reading has a right check character; else flagged."""
    text = _bare(raw)
    if not text:
        return NO_CODE
    flags: tuple[str, ...] = () if text == raw else ("reformatted",)
    if is_uscc(text):
        return Code(text, "uscc", text[8:17], text, flags)
    if "*" in text:
        return Code("", "uscc", "", text, (*flags, "masked"))
    if len(text) != 18:
        return Code("", "uscc", "", text, (*flags, "wrong_length"))
    repaired = "".join(_CONFUSED.get(character, character) for character in text)
    if is_uscc(repaired):
        return Code(repaired, "uscc", repaired[8:17], text, (*flags, "repaired"))
    return Code("", "uscc", "", repaired, (*flags, "check_digit_wrong"))


def clean_registration(raw: str) -> Code:
    """A tax or licence number of any age: credit code, 15 characters with the organisation code inside, old licence
    number."""
    text = _bare(raw)
    if not text:
        return NO_CODE
    flags: tuple[str, ...] = () if text == raw else ("reformatted",)
    if len(text) == 18:
        code = clean_uscc(text)
        return Code(code.value, code.kind, code.organisation, code.seen, (*flags, *code.flags))
    if "*" in text:
        return Code("", "", "", text, (*flags, "masked"))
    if len(text) == 15:
        organisation = "".join(_CONFUSED.get(c, c) for c in text[6:14]) + text[14]
        if text[:6].isdigit() and text[:2] in _PROVINCE_CODES:
            if _is_organisation(text[6:]):
                return Code(text, "tax", text[6:], text, flags)
            if text.isdigit() and _licence_check(text[:14]) == text[14]:
                return Code(text, "licence", "", text, flags)
            if _is_organisation(organisation):
                return Code(text[:6] + organisation, "tax", organisation, text, (*flags, "repaired"))
        if text.isdigit():
            return Code(text, "licence", "", text, (*flags, "check_digit_wrong"))
        return Code("", "", "", text, (*flags, "check_digit_wrong"))
    if len(text) == 13 and text.isdigit():
        return Code(text, "licence", "", text, flags)
    if len(text) == 9 and _is_organisation(text):
        return Code(text, "organisation", text, text, flags)
    return Code("", "", "", text, (*flags, "wrong_length"))


def _is_organisation(text: str) -> bool:
    return len(text) == 9 and all(c in _ORG_ALPHABET for c in text) and organisation_check(text[:8]) == text[8]


def clean_resident_id(raw: str) -> Code:
    """The resident identity number with a right check character and a date that exists; else flagged, masked ones
    too."""
    text = _bare(raw)
    if not text:
        return NO_CODE
    flags: tuple[str, ...] = () if text == raw else ("reformatted",)
    if "*" in text or re.search(r"X{3,}", text):
        return Code("", "resident_id", "", re.sub(r"[X*](?=.)|\*", "*", text), (*flags, "masked"))
    if len(text) == 15 and text.isdigit() and _is_date("19" + text[6:12]):
        body = text[:6] + "19" + text[6:]
        return Code(body + resident_check(body), "resident_id", "", text, (*flags, "old_form"))
    if len(text) != 18 or not text[:17].isdigit():
        repaired = text[:17].translate(str.maketrans("OIL", "011")) + text[17:]
        if len(repaired) == 18 and repaired[:17].isdigit() and _is_resident(repaired):
            return Code(repaired, "resident_id", "", text, (*flags, "repaired"))
        return Code("", "resident_id", "", text, (*flags, "wrong_length" if len(text) != 18 else "not_a_number"))
    if not _is_resident(text):
        return Code("", "resident_id", "", text, (*flags, "check_digit_wrong"))
    return Code(text, "resident_id", "", text, flags)


def _is_resident(text: str) -> bool:
    return text[:2] in _PROVINCE_CODES and _is_date(text[6:14]) and resident_check(text[:17]) == text[17]


def _is_date(text: str) -> bool:
    try:
        return 1880 <= date(int(text[:4]), int(text[4:6]), int(text[6:8])).year <= 2100
    except ValueError:
        return False
