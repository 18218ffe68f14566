"""A whole lead: values in the wrong field, junk, handles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning import clean_lead
from tercet_leads.cleaning.codes import uscc_check
from tercet_leads.cleaning.junk import junk_text
from tercet_leads.cleaning.lead import FIELDS
from tercet_leads.cleaning.text import simplify, squeeze
from tercet_leads.cleaning.websites import clean_openid, clean_website, clean_wechat


def test_mobile_in_the_phone_field_is_a_mobile_all_the_same() -> None:
    lead = clean_lead({"name": "王芳", "phone": "13800138000"})
    assert [phone.kind for phone in lead.phones] == ["mobile"]
    assert "is_mobile" in lead.flags["phone"]


def test_company_in_the_name_field_changes_places_with_the_name() -> None:
    lead = clean_lead({"name": "济南万义模具有限公司", "company_name": "田伟鹤女士"})
    assert (lead.person.value, lead.company.core) == ("田伟鹤", "万义")
    assert "swapped_with_company_name" in lead.flags["name"]


def test_company_in_the_name_field_moves_when_there_is_no_company() -> None:
    lead = clean_lead({"name": "济南万义模具有限公司", "mobile": "13800138000"})
    assert (lead.person.value, lead.company.core) == ("", "万义")


def test_mailbox_in_the_wechat_field_moves() -> None:
    lead = clean_lead({"wechat": "wang.fang@163.com"})
    assert (lead.email.value, lead.wechat.value) == ("wang.fang@163.com", "")
    assert "moved_to_email" in lead.flags["wechat"]


def test_field_that_is_filled_is_never_written_over() -> None:
    lead = clean_lead({"wechat": "wang.fang@163.com", "email": "fang@acme.cn"})
    assert lead.email.value == "fang@acme.cn"


def test_wechat_in_the_mailbox_field_moves() -> None:
    assert clean_lead({"email": "wangfang_88"}).wechat.value == "wangfang_88"


def test_number_in_the_mailbox_field_moves() -> None:
    assert [phone.value for phone in clean_lead({"email": "13800138000"}).phones] == ["+8613800138000"]


def test_wechat_that_is_a_mobile_serves_as_the_mobile() -> None:
    lead = clean_lead({"wechat": "13800138000"})
    assert [phone.value for phone in lead.phones] == ["+8613800138000"]


def test_address_in_the_remark_moves() -> None:
    lead = clean_lead({"name": "王芳", "remark": "山东省济南市历下区和平南路160号"})
    assert (lead.address.road, lead.region.city) == ("和平南路", "济南")


def test_mobile_in_the_remark_is_found() -> None:
    assert [phone.value for phone in clean_lead({"remark": "请打13800138000联系"}).phones] == ["+8613800138000"]


def test_credit_code_in_the_identity_number_field_moves() -> None:
    body = "91110108MA01ABC12"
    code = body + uscc_check(body)
    lead = clean_lead({"company_name": "云杉科技有限公司", "id_no": code})
    assert [found.value for found in lead.codes] == [code]
    assert "moved_to_uscc" in lead.flags["id_no"]


def test_kind_is_worked_out_when_it_was_not_given() -> None:
    assert clean_lead({"company_name": "云杉科技有限公司", "name": "王芳"}).kind == "company"
    assert clean_lead({"name": "王芳"}).kind == "individual"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"name": "test", "mobile": "13800138001"}, "name_is_a_test"),
        ({"name": "测试", "mobile": "13800138001"}, "name_is_a_test"),
        ({"name": "asdf", "email": "x@acme.cn"}, "name_is_a_test"),
        ({"name": "aaaa", "mobile": "13800138001"}, "name_is_a_test"),
        ({"company_name": "测试公司", "mobile": "13800138001"}, "company_is_a_test"),
        ({"name": "王芳", "mobile": "11111111111"}, "phone_looks_fake"),
        ({"name": "王芳", "mobile": "13800000000"}, "phone_looks_fake"),
        ({"name": "王芳", "email": "test@test.com"}, "mailbox_is_a_test"),
        ({"name": "王芳"}, "no_contact_and_no_company"),
        ({}, "no_contact_and_no_company"),
        ({"name": "王芳", "mobile": "无", "email": "-"}, "no_contact_and_no_company"),
    ],
)
def test_junk_is_told_with_its_reason(raw: dict[str, str], reason: str) -> None:
    assert reason in clean_lead(raw).junk


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "王芳", "mobile": "13812341234"},
        {"mobile": "13812341235"},
        {"openid": "oWx4y8Z0abcdefghijklmnopqrst"},
        {"company_name": "杭州云杉网络科技有限公司"},
        {"name": "小胡", "wechat": "wxid_abc123"},
        {"name": "Bo Li", "email": "bo@acme.cn"},
    ],
)
def test_thin_lead_is_not_junk(raw: dict[str, str]) -> None:
    assert clean_lead(raw).junk == ()


@pytest.mark.parametrize("text", ["王芳", "云杉", "特斯拉", "Testa Rossa", "李三思", "阿里巴巴"])
def test_real_words_are_no_junk(text: str) -> None:
    assert not junk_text(text)


@pytest.mark.parametrize(
    ("raw", "value", "domain"),
    [
        ("http://www.acme.com.cn/", "acme.com.cn", "acme.com.cn"),
        ("https://shop.acme.com.cn/a?b=c", "shop.acme.com.cn", "acme.com.cn"),
        ("WWW.ACME.CN", "acme.cn", "acme.cn"),
        ("acme.cn:8080", "acme.cn", "acme.cn"),
        ("acme。cn", "acme.cn", "acme.cn"),
        ("https://acme.tmall.com", "acme.tmall.com", ""),
        ("没有网站", "", ""),
    ],
)
def test_website_is_its_host(raw: str, value: str, domain: str) -> None:
    site = clean_website(raw)
    assert (site.value, site.domain) == (value, domain)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("WangFang88", "wangfang88"),
        ("微信：wangfang88", "wangfang88"),
        ("wx: wangfang88", "wangfang88"),
        ("138 0013 8000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("wxid_303be1c8128e", "wxid_303be1c8128e"),
        ("不告诉你", ""),
    ],
)
def test_wechat_id_comes_to_one_spelling(raw: str, value: str) -> None:
    assert clean_wechat(raw).value == value


def test_openid_keeps_its_case_and_needs_its_length() -> None:
    assert clean_openid("oWx4y8Z0abcdefghijklmnopqrst").value == "oWx4y8Z0abcdefghijklmnopqrst"
    assert clean_openid("oWx4").flags == ("not_an_openid",)


@given(st.text(max_size=40))
def test_text_forms_are_settled_after_one_pass(text: str) -> None:
    assert squeeze(squeeze(text)) == squeeze(text)
    assert simplify(simplify(text)) == simplify(text)
    for clean in (clean_website, clean_wechat, clean_openid):
        once = clean(text).value
        assert clean(once).value == once


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=24), max_size=8))
def test_no_lead_is_refused(raw: dict[str, str]) -> None:
    raw.pop("lead_type", None)
    lead = clean_lead(raw)
    assert lead.kind in ("individual", "company")
