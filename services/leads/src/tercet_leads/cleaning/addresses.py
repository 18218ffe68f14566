"""Postal addresses as people write them, taken apart: province, city, district, road, number, site, building, unit,
room."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tercet_leads.cleaning.regions import Region, clean_region, full_names, leading_region
from tercet_leads.cleaning.text import has_han, is_placeholder, simplify, squeeze

_NUMERALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NOTES = re.compile(r"[(\[【<「][^)\]】>」]*[)\]】>」]?|(?:对面|旁边|附近|斜对面|隔壁)\Z")
_DISTRICT = re.compile(
    r"([\u4e00-\u9fff]{1,6}?(?:自治县|自治旗|新区|开发区|高新区|区|县|旗)|[\u4e00-\u9fff]{2,3}市)(?![路街道巷])"
)
_BARE_DISTRICT = re.compile(
    r"([\u4e00-\u9fff]{2,3}?)(?=[\u4e00-\u9fff]{2,6}(?:路|街|大道|巷)[东西南北中]?(?:[一二三四五六七八九十]段)?\d)"
)
_TOWN = re.compile(r"([\u4e00-\u9fff]{2,5}?(?:街道办事处|街道|镇|乡|苏木))(?!路|街)")
_ROAD = re.compile(
    r"([\u4e00-\u9fffA-Za-z0-9]{1,12}?(?:大道|大街|公路|国道|省道|胡同|路|街|道|巷|弄|线)(?:[东南西北中](?=\d|[一二三四五六七八九十]))?(?:[一二三四五六七八九十]+(?:路|街|段|巷))?)"
)
_NUMBER = re.compile(
    r"(?:第)?(\d+(?:[-之]\d+)?|[一二三四五六七八九十百]+)\s*(?:号院|号|弄|#|院)?(?!\s*(?:号楼|楼|栋|幢|座|单元|室|层))"
)
_SITE = re.compile(
    r"([\u4e00-\u9fff][\u4e00-\u9fff·A-Za-z]*?)(?=[A-Za-z]?\d|[A-Za-z](?:座|栋|幢|区|楼)|[一二三四五六七八九十]+(?:号楼|栋|幢|座|期|单元)|\Z)"
)
_BUILDING = re.compile(r"([A-Za-z]?\d+|[A-Za-z]|[一二三四五六七八九十]+)\s*(?:号楼|栋|幢|座|#楼|#|号|楼(?=\d))")
_UNIT = re.compile(r"(\d+|[一二三四五六七八九十])\s*(?:单元|门)")
_FLOOR = re.compile(r"(\d+)\s*(?:楼|层)(?:整层)?")
_EDGES = ",，、。.-/ "
_ROOM = re.compile(
    r"([A-Za-z]?\d{2,5}[A-Za-z]?)\s*(?:室|房|户|号房|铺|号)?\Z|([A-Za-z]?\d{2,5}[A-Za-z]?)(?:室|房|户|铺)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address: `value` in one line and one form, its parts, each "" where it was not said or not understood."""

    value: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    town: str = ""
    road: str = ""
    number: str = ""
    site: str = ""
    building: str = ""
    unit: str = ""
    floor: str = ""
    room: str = ""
    flags: tuple[str, ...] = ()


NO_ADDRESS = Address()


@lru_cache(maxsize=8192)
def clean_address(raw: str, province: str = "", city: str = "") -> Address:
    """The address taken apart; `province` and `city` fill what it leaves out. Flagged where no street was found."""
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return NO_ADDRESS
    flags: list[str] = []
    simplified = simplify(text)
    if simplified != text:
        flags.append("simplified")
    if not has_han(simplified):
        return Address(simplified, flags=(*flags, "not_chinese"))
    text = squeeze(re.sub(r"(?:^中国|^中华人民共和国|\s+)", "", simplified))
    text = text.strip(_EDGES)
    without = _NOTES.sub("", text).strip(_EDGES)
    if without and without != text:
        flags.append("note_removed")
        text = without
    given = clean_region(province, city)
    region, rest = leading_region(text)
    if not region.city and given.city:
        region = Region(region.province or given.province, given.city)
    elif not region.province:
        region = given
    if given.city and region.city and given.city != region.city:
        flags.append("region_differs")
    address = _street(rest, region, flags)
    return NO_ADDRESS if is_placeholder(address.value) else address


def _street(rest: str, region: Region, flags: list[str]) -> Address:
    district = town = road = number = site = building = unit = floor = room = ""
    rest = rest.lstrip(_EDGES)
    start = rest
    if match := _DISTRICT.match(rest):
        district, rest = match.group(1), rest[match.end() :]
    elif match := _BARE_DISTRICT.match(rest):
        # «山东济南槐荫光明东路382号»: a district without its 区 cannot be told from the road; kept with the road.
        flags.append("district_unclear")
    if match := _TOWN.match(rest):
        town, rest = match.group(1), rest[match.end() :]
    if match := _ROAD.match(rest):
        road, rest = match.group(1), rest[match.end() :]
        if match := _NUMBER.match(rest):
            number, rest = _arabic(match.group(1)), rest[match.end() :]
    if match := _SITE.match(rest):
        site, rest = match.group(1), rest[match.end() :]
    rest = rest.lstrip("-,、 ")
    if match := _BUILDING.match(rest):
        building, rest = _arabic(match.group(1)).upper(), rest[match.end() :]
    if match := _UNIT.match(rest.lstrip("-,# ")):
        stripped = rest.lstrip("-,# ")
        unit, rest = _arabic(match.group(1)), stripped[match.end() :]
    elif match := re.match(r"(\d{1,2})[#-](?=\d|\Z)", rest):
        if not building and not rest[match.end() :][:1].isdigit():
            building, rest = match.group(1), rest[match.end() :]
        elif building:
            unit, rest = match.group(1), rest[match.end() :]
        else:
            building, rest = match.group(1), rest[match.end() :]
            if again := re.match(r"(\d{1,2})[#-](?=\d)", rest):
                unit, rest = again.group(1), rest[again.end() :]
    rest = rest.lstrip("-,# ")
    if match := _FLOOR.match(rest):
        floor, rest = match.group(1), rest[match.end() :]
    if match := _ROOM.search(rest):
        room = (match.group(1) or match.group(2)).upper()
    if not road and not site:
        flags.append("no_street")
    province, city = full_names(region)
    value = province + ("" if city == province else city) + start if start else province + city
    return Address(
        value,
        region.province,
        region.city,
        district,
        town,
        road,
        number,
        site,
        building,
        unit,
        floor,
        room,
        tuple(flags),
    )


def _arabic(numeral: str) -> str:
    """Small Chinese numerals as digits: 十二 is 12."""
    if numeral[0].isascii():
        return numeral
    total, digit = 0, 0
    for character in numeral:
        if character == "十":
            total, digit = total + (digit or 1) * 10, 0
        elif character == "百":
            total, digit = total + (digit or 1) * 100, 0
        else:
            digit = _NUMERALS.get(character, 0)
    return str(total + digit)
