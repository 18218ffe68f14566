"""E-mail addresses: golden cases and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning.emails import clean_email


@pytest.mark.parametrize(
    "raw",
    [
        "wang.fang@acme.cn",
        "Wang.Fang@ACME.CN",
        " wang.fang@acme.cn ",
        "wang.fang @acme.cn",
        "wang.fang@acme.cn;",
        "wang.fang@acme.cn.",
        "<wang.fang@acme.cn>",
        "mailto:wang.fang@acme.cn",
        "王芳 <wang.fang@acme.cn>",
        "ｗａｎｇ．ｆａｎｇ＠ａｃｍｅ．ｃｎ",
        "wang.fang＠acme.cn",
        "wang.fang(at)acme.cn",
        "wang.fang@acme。cn",
        "邮箱：wang.fang@acme.cn",
        "wang..fang@acme.cn",
    ],
)
def test_mailbox_comes_to_one_spelling(raw: str) -> None:
    assert clean_email(raw).value == "wang.fang@acme.cn"


@pytest.mark.parametrize(
    ("raw", "suggestion"),
    [
        ("a.li@gmial.com", "a.li@gmail.com"),
        ("a.li@gmail.con", "a.li@gmail.com"),
        ("a.li@163.con", "a.li@163.com"),
        ("a.li@1163.com", "a.li@163.com"),
        ("a.li@hotmai.com", "a.li@hotmail.com"),
        ("a.li@outlok.com", "a.li@outlook.com"),
        ("a.li@qq.cm", "a.li@qq.com"),
        ("a.li@foxmial.com", "a.li@foxmail.com"),
    ],
)
def test_mistyped_provider_is_suggested_and_the_value_left(raw: str, suggestion: str) -> None:
    email = clean_email(raw)
    assert (email.value, email.suggestion) == (raw, suggestion)
    assert email.key == clean_email(suggestion).key
    assert "domain_typo" in email.flags


@pytest.mark.parametrize(
    "raw", ["a.li@qq.com", "a.li@sina.cn", "a.li@vip.163.com", "a.li@168.com", "a.li@gmw.cn", "a.li@mail.com"]
)
def test_domain_that_exists_is_not_taken_for_a_typo(raw: str) -> None:
    assert clean_email(raw).suggestion == ""


@pytest.mark.parametrize(
    "raw", ["info@acme.cn", "Sales@acme.cn", "hr2@acme.cn", "service@acme.com.cn", "contact@acme.cn"]
)
def test_mailbox_of_an_office_is_flagged(raw: str) -> None:
    assert "role_mailbox" in clean_email(raw).flags


def test_dots_and_tags_of_gmail_are_one_mailbox() -> None:
    assert clean_email("wang.fang+crm@gmail.com").key == clean_email("wangfang@gmail.com").key
    assert clean_email("wang.fang@qq.com").key != clean_email("wangfang@qq.com").key


def test_lost_dot_of_a_known_provider_is_put_back() -> None:
    assert clean_email("2771530847@qqcom").value == "2771530847@qq.com"


@pytest.mark.parametrize("raw", ["wang", "wang@", "@acme.cn", "wang@acme", "wang fang", "13800138000"])
def test_what_is_no_address_has_no_value(raw: str) -> None:
    assert clean_email(raw).value == ""
    assert "not_an_address" in clean_email(raw).flags


def test_masked_address_is_flagged() -> None:
    assert clean_email("wa***ng@qq.com").flags == ("masked",)


@given(st.one_of(st.text(max_size=40), st.emails(), st.text(alphabet="abq163.@+ <>;:。＠QC", max_size=24)))
def test_cleaning_its_own_result_changes_nothing(text: str) -> None:
    once = clean_email(text).value
    assert clean_email(once).value == once
