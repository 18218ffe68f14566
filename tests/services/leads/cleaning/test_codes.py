"""Identifiers with check digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric
from stdnum.cn import uscc as reference

from tercet_leads.cleaning.codes import (
    clean_registration,
    clean_resident_id,
    clean_uscc,
    is_uscc,
    organisation_check,
    resident_check,
    uscc_check,
)

ORGANISATION = "70274537" + organisation_check("70274537")
GOOD = "91110108" + ORGANISATION + uscc_check("91110108" + ORGANISATION)
PERSON = "37010219900307123"
RESIDENT = PERSON + resident_check(PERSON)


@given(st.text(alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=11, max_size=11))
def test_check_character_agrees_with_an_independent_library(tail: str) -> None:
    body = "911101" + tail
    body = body[:6] + "08" + body[8:]
    assert reference.is_valid(body + uscc_check(body))


@pytest.mark.parametrize(
    "raw",
    [GOOD, GOOD.lower(), f" {GOOD} ", f"{GOOD[:6]} {GOOD[6:]}", f"统一社会信用代码：{GOOD}", f"{GOOD[:8]}-{GOOD[8:]}"],
)
def test_credit_code_comes_to_one_spelling(raw: str) -> None:
    code = clean_uscc(raw)
    assert (code.value, code.kind, code.organisation) == (GOOD, "uscc", ORGANISATION)


def test_letters_the_code_never_uses_are_read_as_digits() -> None:
    confused = GOOD.replace("0", "O").replace("1", "I")
    code = clean_uscc(confused)
    assert code.value == GOOD
    assert "repaired" in code.flags


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (GOOD[:-1] + ("A" if GOOD[-1] != "A" else "B"), "check_digit_wrong"),
        (GOOD[:-1], "wrong_length"),
        (GOOD + "1", "wrong_length"),
        (GOOD[:6] + "********" + GOOD[14:], "masked"),
    ],
)
def test_credit_code_that_is_not_whole_has_no_value(raw: str, flag: str) -> None:
    code = clean_uscc(raw)
    assert code.value == ""
    assert flag in code.flags
    assert code.seen


def test_old_tax_number_gives_the_organisation_code_inside_the_credit_code() -> None:
    code = clean_registration("110108" + ORGANISATION)
    assert (code.kind, code.organisation) == ("tax", clean_uscc(GOOD).organisation)


def test_credit_code_in_the_licence_field_is_known_as_one() -> None:
    assert clean_registration(GOOD).kind == "uscc"


def test_old_licence_number_has_fifteen_digits() -> None:
    assert clean_registration("110108000000016").kind == "licence"


@pytest.mark.parametrize(
    "raw",
    [
        RESIDENT,
        f" {RESIDENT} ",
        RESIDENT.lower(),
        f"{RESIDENT[:6]} {RESIDENT[6:14]} {RESIDENT[14:]}",
        f"身份证号：{RESIDENT}",
    ],
)
def test_identity_number_comes_to_one_spelling(raw: str) -> None:
    assert clean_resident_id(raw).value == RESIDENT


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (RESIDENT[:-1] + ("1" if RESIDENT[-1] != "1" else "2"), "check_digit_wrong"),
        ("370102********1234", "masked"),
        ("370102199002301234", "check_digit_wrong"),
        ("12345", "wrong_length"),
        ("37010219900307123Q", "check_digit_wrong"),
    ],
)
def test_identity_number_that_is_not_whole_has_no_value(raw: str, flag: str) -> None:
    code = clean_resident_id(raw)
    assert code.value == ""
    assert flag in code.flags


def test_old_identity_number_gets_its_century_and_check_digit() -> None:
    code = clean_resident_id(PERSON[:6] + PERSON[8:])
    assert code.value == RESIDENT
    assert "old_form" in code.flags


def test_valid_identity_numbers_are_valid_to_an_independent_library_too() -> None:
    assert ric.is_valid(RESIDENT)


@given(st.one_of(st.text(max_size=24), st.text(alphabet="0123456789ABCXOIx* -", min_size=12, max_size=20)))
def test_cleaning_its_own_result_changes_nothing(text: str) -> None:
    for clean in (clean_uscc, clean_registration, clean_resident_id):
        once = clean(text).value
        assert clean(once).value == once
    assert not clean_uscc(text).value or is_uscc(clean_uscc(text).value)
