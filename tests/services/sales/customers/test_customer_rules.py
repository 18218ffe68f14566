"""How contact points are cleaned and joined."""

from __future__ import annotations

import pytest

from tercet_sales.customers import rules
from tercet_sales.customers.errors import CustomerNameMissing, PrimaryTwice


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("138 1234 5678", "+8613812345678"),
        ("１３８１２３４５６７８", "+8613812345678"),
        ("+86-138-1234-5678", "+8613812345678"),
        ("+81 3-1234-5678", "+81312345678"),
        ("12345", "12345"),
        ("没有电话", "没有电话"),
    ],
)
def test_a_number_that_could_be_dialled_becomes_e164_and_any_other_stays(given: str, kept: str) -> None:
    assert rules.phone_number(given) == kept
    assert rules.phone_number(kept) == kept


def test_only_the_host_of_an_address_is_put_in_lower_case() -> None:
    assert rules.email_address(" Wang.Fang@EXAMPLE.com ") == "Wang.Fang@example.com"


def test_the_raw_number_is_kept_beside_the_cleaned_one() -> None:
    assert rules.cleaned_phones([{"number": "138 1234 5678"}]) == [{"number": "+8613812345678", "raw": "138 1234 5678"}]


def test_cleaning_again_changes_nothing() -> None:
    once = rules.cleaned_phones([{"number": "138 1234 5678", "primary": True}])
    assert rules.cleaned_phones(once) == once


def test_one_number_written_twice_is_one_number() -> None:
    kept = rules.cleaned_phones([{"number": "13812345678"}, {"number": "138-1234-5678", "primary": True}])
    assert [(point["number"], point.get("primary")) for point in kept] == [("+8613812345678", True)]


def test_two_primary_numbers_are_refused() -> None:
    with pytest.raises(PrimaryTwice):
        rules.cleaned_phones([{"number": "13812345678", "primary": True}, {"number": "13912345678", "primary": True}])


def test_one_primary_account_a_platform_is_fine() -> None:
    accounts = [
        {"platform": "wechat", "account": "a", "primary": True},
        {"platform": "douyin", "account": "b", "primary": True},
    ]
    assert rules.checked_accounts(accounts) == accounts
    with pytest.raises(PrimaryTwice):
        rules.checked_accounts([{**account, "platform": "wechat"} for account in accounts])


def test_joining_adds_what_is_new_and_keeps_the_primary_one() -> None:
    there = [{"number": "+8613812345678", "primary": True}]
    added: list[rules.Point] = [
        {"number": "+8613812345678", "label": "work"},
        {"number": "+8613912345678", "primary": True},
    ]
    assert rules.joined(there, added, "number") == [
        {"number": "+8613812345678", "primary": True},
        {"number": "+8613912345678", "primary": False},
    ]


def test_a_company_is_called_by_its_own_name_and_a_person_by_theirs() -> None:
    assert rules.display_name("COMPANY", "王芳", "上海星河科技有限公司") == "上海星河科技有限公司"
    assert rules.display_name("PERSON", " 王芳 ", None) == "王芳"
    with pytest.raises(CustomerNameMissing):
        rules.display_name("COMPANY", "王芳", " ")
