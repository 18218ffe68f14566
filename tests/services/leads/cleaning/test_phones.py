"""Phone numbers: golden cases and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning.phones import clean_phone, clean_phones

MOBILES = [
    "13800138000",
    " 13800138000 ",
    "138 0013 8000",
    "138-0013-8000",
    "+86 138 0013 8000",
    "+8613800138000",
    "86-13800138000",
    "86 13800138000",
    "008613800138000",
    "(+86)13800138000",
    "（+86）138 0013 8000",
    "013800138000",
    "１３８００１３８０００",
    "＋８６ １３８－００１３－８０００",
    "13800138000(同微信)",
    "13800138000（微信同号）",
    "13800138000 微信",
    "138-0013-8000 张总",
    "电话:13800138000",
    "\u202a13800138000\u202c",
    "138–0013–8000",
]


@pytest.mark.parametrize("raw", MOBILES)
def test_mobile_comes_to_one_form_however_it_was_typed(raw: str) -> None:
    phone = clean_phone(raw)
    assert (phone.value, phone.kind) == ("+8613800138000", "mobile")


@pytest.mark.parametrize(
    ("raw", "value", "extension"),
    [
        ("0531-88123456", "+8653188123456", ""),
        ("(0531)88123456", "+8653188123456", ""),
        ("0531 8812 3456", "+8653188123456", ""),
        ("+86-531-88123456", "+8653188123456", ""),
        ("+86 0531 88123456", "+8653188123456", ""),
        ("053188123456", "+8653188123456", ""),
        ("0531-88123456-8012", "+8653188123456", "8012"),
        ("0531-88123456转8012", "+8653188123456", "8012"),
        ("0531-88123456 转 8012", "+8653188123456", "8012"),
        ("0531-88123456*8012", "+8653188123456", "8012"),
        ("0531-88123456 ext. 8012", "+8653188123456", "8012"),
        ("0531-88123456#8012", "+8653188123456", "8012"),
        ("0531-88123456分机8012", "+8653188123456", "8012"),
        ("０５３１－８８１２３４５６－８０１２", "+8653188123456", "8012"),
        ("0531 8812 3456-8012", "+8653188123456", "8012"),
        ("010-65123456", "+861065123456", ""),
        ("021 5512 3456", "+862155123456", ""),
        ("0351-4123456", "+863514123456", ""),
    ],
)
def test_landline_is_told_from_its_extension(raw: str, value: str, extension: str) -> None:
    phone = clean_phone(raw)
    assert (phone.value, phone.kind, phone.extension) == (value, "landline", extension)


def test_missing_area_code_comes_from_the_city() -> None:
    phone = clean_phone("88123456", city="济南市")
    assert (phone.value, phone.local) == ("+8653188123456", "88123456")
    assert "area_code_from_city" in phone.flags


def test_missing_area_code_without_a_city_is_flagged_and_the_digits_kept() -> None:
    phone = clean_phone("88123456-801")
    assert (phone.value, phone.local, phone.extension) == ("", "88123456", "801")
    assert "area_code_missing" in phone.flags


def test_area_code_tells_the_city() -> None:
    assert clean_phone("0755-26001234").city == "深圳"


@pytest.mark.parametrize("raw", ["400-820-8820", "4008208820", "400 8208820", "400-8208-820"])
def test_service_number_is_no_landline(raw: str) -> None:
    phone = clean_phone(raw)
    assert (phone.value, phone.kind) == ("+864008208820", "service")


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        ("138****8000", "masked"),
        ("138 **** 8000", "masked"),
        ("138xxxx8000", "masked"),
        ("1380013800", "looks_like_mobile"),
        ("138001380001", "looks_like_mobile"),
        ("12345", "too_short"),
        ("无电话", "no_digits"),
        ("99999999999999999", "not_a_number"),
    ],
)
def test_what_is_no_number_is_flagged_and_has_no_value(raw: str, flag: str) -> None:
    phone = clean_phone(raw)
    assert phone.value == ""
    assert flag in phone.flags


@pytest.mark.parametrize("raw", ["", "  ", "无", "-", "N/A", "暂无", "***", "?"])
def test_placeholder_is_no_phone_and_no_fault(raw: str) -> None:
    assert clean_phone(raw).value == ""
    assert clean_phone(raw).flags == ()


@pytest.mark.parametrize("raw", ["13800000000", "13812345678", "13888888888"])
def test_number_that_looks_made_up_is_kept_but_flagged(raw: str) -> None:
    phone = clean_phone(raw)
    assert phone.value == f"+86{raw}"
    assert "looks_fake" in phone.flags


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        ("+1 415 555 2671", "CN", "+14155552671"),
        ("+65 6123 4567", "CN", "+6561234567"),
        ("00852 2345 6789", "CN", "+85223456789"),
        ("6123 4567", "SG", "+6561234567"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+86 138 0013 8000", "SG", "+8613800138000"),
    ],
)
def test_number_of_another_country_is_read_by_its_own_plan(raw: str, region: str, value: str) -> None:
    assert clean_phone(raw, region=region).value == value


def test_two_numbers_in_one_field_are_two() -> None:
    found = clean_phones("13800138000 / 0531-88123456")
    assert [phone.value for phone in found] == ["+8613800138000", "+8653188123456"]
    assert [phone.value for phone in clean_phones("13800138000、13900139000")] == ["+8613800138000", "+8613900139000"]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_cleaning_its_own_result_changes_nothing_for_any_text(text: str) -> None:
    once = clean_phone(text)
    assert clean_phone(once.value).value == once.value


@given(st.text(alphabet="0123456789+-*() 转#x", max_size=24))
def test_cleaning_its_own_result_changes_nothing_for_anything_like_a_number(text: str) -> None:
    once = clean_phone(text)
    assert clean_phone(once.value).value == once.value
