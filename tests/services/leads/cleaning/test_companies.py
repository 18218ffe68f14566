"""Company names: golden cases and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning.companies import clean_company


@pytest.mark.parametrize(
    "raw",
    [
        "杭州云杉网络科技有限公司",
        "杭州市云杉网络科技有限公司",
        "浙江省杭州市云杉网络科技有限公司",
        "云杉（杭州）网络科技有限公司",
        "云杉(杭州)网络科技有限公司",
        "云杉网络科技（杭州）有限公司",
        "云杉网络科技有限公司（杭州）",
        "杭州云杉网络科技有限责任公司",
        "杭州云杉网络科技股份有限公司",
        "杭州云杉网络科技公司",
        "杭州云杉网络科技",
        "杭州 云杉 网络科技 有限公司",
        "杭州雲杉網絡科技有限公司",
        "杭州云杉网络科技集团有限公司",
    ],
)
def test_every_way_to_write_a_name_has_one_core_trade_and_city(raw: str) -> None:
    company = clean_company(raw)
    assert (company.core, company.trade, company.city, company.branch) == ("云杉", "网络科技", "杭州", "")


@pytest.mark.parametrize(
    ("raw", "core", "trade", "form"),
    [
        ("济南恒展建筑工程有限责任公司", "恒展", "建筑工程", "limited"),
        ("深圳荣昌光电股份有限公司", "荣昌", "光电", "stock"),
        ("西安市未央区隆万成智能装备商行", "隆万成", "智能装备", "shop"),
        ("无锡华光家具厂", "华光", "家具", "factory"),
        ("成都锦里餐饮管理集团有限公司", "锦里", "餐饮管理", "group"),
        ("北京德恒律师事务所", "德恒", "", "partnership"),
        ("宁波三江农业专业合作社", "三江", "农业", "farm"),
        ("上海海思国际货运代理有限公司", "海思", "国际货运代理", "limited"),
        ("广州K景明家投资管理有限公司", "k景明家", "投资管理", "limited"),
    ],
)
def test_core_trade_and_legal_form_are_told_apart(raw: str, core: str, trade: str, form: str) -> None:
    company = clean_company(raw)
    assert (company.core, company.trade, company.form) == (core, trade, form)


@pytest.mark.parametrize(
    ("raw", "branch"),
    [
        ("福州腾康包装印刷有限公司杭州分公司", "杭州分公司"),
        ("乐智纺织品有限公司温州办事处", "温州办事处"),
        ("乐智纺织品有限公司（温州分公司）", "温州分公司"),
        ("金桥物流公司济南分部", "济南分部"),
        ("金桥济南分公司", "济南分公司"),
        ("济南中正文化传媒有限公司（厦门）", "厦门"),
    ],
)
def test_branch_is_an_entity_of_its_own(raw: str, branch: str) -> None:
    company = clean_company(raw)
    assert company.branch == branch
    assert "branch" in company.flags


def test_region_in_brackets_of_the_same_city_is_no_branch() -> None:
    assert clean_company("杭州云杉网络科技有限公司（杭州）").branch == ""


@pytest.mark.parametrize(
    ("raw", "core"),
    [
        ("Acme Trading Co., Ltd.", "acme trading"),
        ("ACME Inc", "acme"),
        ("Siemens AG", "siemens"),
        ("Blue Sky LLC", "blue sky"),
    ],
)
def test_foreign_name_loses_its_legal_form(raw: str, core: str) -> None:
    assert clean_company(raw).core == core


def test_short_name_without_legal_form_is_flagged() -> None:
    company = clean_company("佛山喜盛")
    assert (company.core, company.city) == ("喜盛", "佛山")
    assert "no_legal_form" in company.flags


@pytest.mark.parametrize("raw", ["", "无", "-", "个人", "N/A"])
def test_placeholder_is_no_company(raw: str) -> None:
    assert clean_company(raw).value in ("", "个人")


@given(
    st.one_of(st.text(max_size=30), st.text(alphabet="杭州市云杉網络科技有限公司分（）() 厂集团北京AB", max_size=16))
)
def test_cleaning_its_own_result_changes_nothing(text: str) -> None:
    once = clean_company(text)
    again = clean_company(once.value)
    assert (again.value, again.core, again.trade) == (once.value, once.core, once.trade)
