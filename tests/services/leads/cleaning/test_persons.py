"""Names of persons: golden cases and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning.persons import clean_person


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("王芳", "王芳"),
        ("王 芳", "王芳"),
        ("王　芳", "王芳"),
        ("王芳女士", "王芳"),
        ("王芳(经理)", "王芳"),
        ("王芳（采购）", "王芳"),
        ("王芳-财务", "王芳"),
        ("王芳 总经理", "王芳"),
        ("王芳总监", "王芳"),
        ("李明老师", "李明"),
        ("張偉", "张伟"),
        ("劉曉東", "刘晓东"),
        ("欧阳修", "欧阳修"),
        ("歐陽娜娜", "欧阳娜娜"),
        ("诸葛亮先生", "诸葛亮"),
        ("司马 光", "司马光"),
        ("单雄信", "单雄信"),
        ("艾力·买买提", "艾力·买买提"),
    ],
)
def test_full_name_stands_without_honorific_and_blanks(raw: str, value: str) -> None:
    name = clean_person(raw)
    assert (name.value, name.form) == (value, "full")


@pytest.mark.parametrize(
    ("raw", "family"),
    [
        ("张总", "张"),
        ("小胡", "胡"),
        ("老周", "周"),
        ("王女士", "王"),
        ("冯小姐", "冯"),
        ("李老板", "李"),
        ("欧阳经理", "欧阳"),
        ("許姐", "许"),
    ],
)
def test_family_name_with_honorific_is_a_partial_name(raw: str, family: str) -> None:
    name = clean_person(raw)
    assert (name.family, name.form) == (family, "partial")
    assert "partial_name" in name.flags


@pytest.mark.parametrize("raw", ["阿海", "快乐的马", "小帆同学", "A远", "星星点灯向前走"])
def test_nickname_is_no_full_name(raw: str) -> None:
    assert clean_person(raw).form == "nickname"


@pytest.mark.parametrize(
    ("raw", "spelling"),
    [
        ("曾玲", "zengling"),
        ("单雄信", "shanxiongxin"),
        ("仇英", "qiuying"),
        ("解晓东", "xiexiaodong"),
        ("查良镛", "zhaliangyong"),
        ("区志明", "ouzhiming"),
        ("尉迟恭", "yuchigong"),
        ("任达华", "rendahua"),
        ("盖叫天", "gejiaotian"),
    ],
)
def test_family_name_is_read_as_a_family_name(raw: str, spelling: str) -> None:
    assert clean_person(raw).spelling == spelling


@pytest.mark.parametrize(
    ("raw", "spelling"),
    [
        ("Wang Xiaoming", "wangxiaoming"),
        ("Xiaoming Wang", "wangxiaoming"),
        ("WANG XIAOMING", "wangxiaoming"),
        ("wang, xiao-ming", "wangxiaoming"),
        ("Mr. Wang Xiaoming", "wangxiaoming"),
        ("Ouyang Xiu", "ouyangxiu"),
        ("John Smith", "smithjohn"),
    ],
)
def test_name_in_letters_is_spelled_family_name_first(raw: str, spelling: str) -> None:
    name = clean_person(raw)
    assert (name.spelling, name.form) == (spelling, "latin")


@pytest.mark.parametrize(
    ("raw", "gender"), [("王女士", "female"), ("王先生", "male"), ("李明", ""), ("许姐", "female")]
)
def test_gender_is_known_only_from_what_was_said(raw: str, gender: str) -> None:
    assert clean_person(raw).gender == gender


@pytest.mark.parametrize("raw", ["", "-", "无", "匿名", "N/A", "微信用户"])
def test_placeholder_is_no_name(raw: str) -> None:
    assert clean_person(raw).value == ""


@given(
    st.one_of(
        st.text(max_size=20),
        st.text(alphabet="张王李欧阳小老阿總总经理女士先生(经理)（） -·明華A远的", max_size=10),
        st.text(alphabet="Wang LiXxmr., -", max_size=16),
    )
)
def test_cleaning_its_own_result_changes_nothing(text: str) -> None:
    once = clean_person(text).value
    assert clean_person(once).value == once
