"""Addresses: golden cases and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning.addresses import clean_address
from tercet_leads.cleaning.regions import clean_region


@pytest.mark.parametrize(
    "raw",
    [
        "山东省济南市历下区和平南路160号万达公寓26号楼4单元2714室",
        "济南市历下区和平南路160号万达公寓26号楼4单元2714室",
        "山东济南历下区和平南路160号万达公寓26号楼4单元2714室",
        "山东省济南市历下区和平南路160号万达公寓26栋4单元2714",
        "山东省济南市历下区和平南路160#万达公寓26#4#2714",
        "山东省济南市历下区和平南路160号万达公寓26#4-2714房",
        "山东省济南市历下区和平南路１６０号万达公寓２６幢４单元２７１４室",
        "山東省濟南市歷下區和平南路160號萬達公寓26號樓4單元2714室",
        "山东省济南市历下区和平南路160号万达公寓26座4单元2714室（快递放门卫）",
        "中国山东省济南市历下区和平南路160号万达公寓26号楼4单元2714室对面",
        "山东省 济南市 历下区 和平南路160号 万达公寓26号楼4单元2714室",
    ],
)
def test_parts_are_found_however_the_address_was_written(raw: str) -> None:
    a = clean_address(raw)
    assert (a.province, a.city, a.district) == ("山东", "济南", "历下区")
    assert (a.road, a.number, a.site) == ("和平南路", "160", "万达公寓")
    assert (a.building, a.unit, a.room) == ("26", "4", "2714")


@pytest.mark.parametrize(
    ("raw", "road", "number", "building", "room"),
    [
        ("浙江省温州市瓯海区三环大街419号7栋4单元3013", "三环大街", "419", "7", "3013"),
        ("上海市浦东新区世纪大道100号A座2701室", "世纪大道", "100", "A", "2701"),
        ("北京市朝阳区建国路88号", "建国路", "88", "", ""),
        ("江苏省无锡市南京路1269弄15楼1512室", "南京路", "1269", "", "1512"),
        ("广东省东莞市虎门镇滨江北路283号领秀小区26号楼2115室", "滨江北路", "283", "26", "2115"),
        ("福建省厦门市集美区海滨西路1359号22号楼3单元813室", "海滨西路", "1359", "22", "813"),
    ],
)
def test_road_number_building_and_room(raw: str, road: str, number: str, building: str, room: str) -> None:
    a = clean_address(raw)
    assert (a.road, a.number, a.room) == (road, number, room)
    assert not building or a.building == building


def test_city_and_province_come_from_the_form_when_the_address_leaves_them_out() -> None:
    a = clean_address("历下区和平南路160号", "山东", "济南")
    assert (a.province, a.city, a.district) == ("山东", "济南", "历下区")
    assert a.value == "山东省济南市历下区和平南路160号"


def test_city_that_contradicts_the_form_is_flagged() -> None:
    assert "region_differs" in clean_address("济南市历下区和平南路160号", "江苏省", "南京市").flags


@pytest.mark.parametrize(
    ("raw", "city"),
    [("中山路12号", ""), ("中山市中山路12号", "中山"), ("朝阳区建国路8号", ""), ("吉林市船营区1号", "吉林")],
)
def test_road_or_district_named_after_a_city_is_not_that_city(raw: str, city: str) -> None:
    assert clean_address(raw).city == city


def test_text_without_a_street_is_flagged() -> None:
    assert "no_street" in clean_address("山东省济南市").flags


@pytest.mark.parametrize(
    ("province", "city", "expected"),
    [
        ("山东省", "济南市", ("山东", "济南")),
        ("山东", "济南", ("山东", "济南")),
        ("", "济南", ("山东", "济南")),
        ("北京市", "", ("北京", "北京")),
        ("内蒙古自治区", "呼和浩特市", ("内蒙古", "呼和浩特")),
        ("广西壮族自治区", "南宁", ("广西", "南宁")),
        ("", "", ("", "")),
        ("火星", "新城", ("", "")),
    ],
)
def test_province_and_city_have_short_names(province: str, city: str, expected: tuple[str, str]) -> None:
    assert tuple(clean_region(province, city)) == expected


@given(
    st.one_of(st.text(max_size=30), st.text(alphabet="山东省济南市历下区和平南路160号楼单元室#-（） 北京", max_size=24))
)
def test_cleaning_its_own_result_changes_nothing(text: str) -> None:
    once = clean_address(text).value
    assert clean_address(once).value == once
