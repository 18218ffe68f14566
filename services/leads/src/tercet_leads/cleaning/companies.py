"""Company names: region, core, trade, legal form and branch, told apart by rules of registration.

A registered name reads region + core + trade + legal form, the region also in brackets anywhere behind the core, and
a branch adds its own region and a marker: 福州腾康包装印刷有限公司杭州分公司.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tercet_leads.cleaning.company_words import FORM_CLASSES, FORMS, TRADES
from tercet_leads.cleaning.regions import CITY_PROVINCE, PROVINCES, leading_region
from tercet_leads.cleaning.text import has_han, is_placeholder, join_han, simplify, squeeze

_FORM_TAIL = re.compile("(?:" + "|".join(sorted(FORMS, key=len, reverse=True)) + r")\Z")
_TRADE_TAIL = re.compile("(?:" + "|".join(sorted(TRADES, key=len, reverse=True)) + r")\Z")
_BRANCH = re.compile(
    r"(?P<head>.+?(?:公司|集团|厂|店|行|部|中心|社|会|院|所))?(?P<place>[^\s公司]{0,12}?)(?P<marker>分公司|子公司|办事处|联络处|代表处|分部|分店|分行|分厂|营业部|经营处|服务处|门市部|分支机构|事业部|分中心)\Z"
)
_HEAD_REGION = re.compile(
    r"^(?:(?:"
    + "|".join(PROVINCES)
    + r")(?:省|市|自治区|壮族自治区)?)?(?:(?:"
    + "|".join(sorted(CITY_PROVINCE, key=len, reverse=True))
    + r")市?)?"
)
_DISTRICT = re.compile(r"^[\u4e00-\u9fff]{2,3}?(?:新区|开发区|高新区|区|县|镇)(?=[\u4e00-\u9fffA-Za-z0-9]{3,})")
_BRACKETS = re.compile(r"[(\[【「<]\s*([^()\[\]【】「」<>]*?)\s*[)\]】」>]")
_LATIN_FORM = re.compile(
    r"[\s,.]*\b(?:co\.?\s*,?\s*ltd|company\s+limited|limited|ltd|inc|llc|corp|corporation|gmbh|plc|pte|pvt|s\.?a|b\.?v|ag|company|co)\b\.?\s*$",
    re.IGNORECASE,
)
_DROP = re.compile(r"[\s\"'“”‘’·,.,。、;:!?_\-—]+")


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A company's name in one spelling (`value`) and its parts; `key` is core and trade, what short forms begin
    with."""

    value: str = ""
    core: str = ""
    trade: str = ""
    form: str = ""  # limited | stock | group | shop | partnership | farm | institution | foreign | ""
    province: str = ""
    city: str = ""
    branch: str = ""  # what makes it a branch: «杭州分公司»
    key: str = ""
    flags: tuple[str, ...] = ()


NO_COMPANY = CompanyName()


@lru_cache(maxsize=16384)
def clean_company(raw: str) -> CompanyName:
    """The name in simplified characters and half width with its parts; "" where the field says nothing."""
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return NO_COMPANY
    flags: list[str] = []
    simplified = simplify(text)
    if simplified != text:
        flags.append("simplified")
    text = squeeze(join_han(simplified).replace(" ", "") if has_han(simplified) else simplified).strip(" -_,.、。;:/")
    if not text:
        return NO_COMPANY
    if not has_han(text):
        return _foreign(text, flags)
    return _chinese(text, flags)


def _foreign(text: str, flags: list[str]) -> CompanyName:
    bare = text
    for _ in range(3):
        bare = _LATIN_FORM.sub("", bare).strip(" ,.") or bare
    core = _DROP.sub(" ", bare).strip().lower()
    return CompanyName(text, core, "", "foreign" if bare != text else "", key=core, flags=tuple(flags))


def _chinese(text: str, flags: list[str]) -> CompanyName:
    province = city = ""
    branch = ""
    bracket_branch = ""

    def unbracket(match: re.Match[str]) -> str:
        nonlocal province, city, bracket_branch
        inside = match.group(1)
        region, rest = leading_region(inside)
        if region.province and rest in ("", "市", "省", "中国"):
            own, _ = leading_region(text)
            known = own.city or city
            if match.end() == len(text) and region.city and known and known != region.city:
                bracket_branch = inside  # 济南中正文化传媒有限公司(厦门): the head office's region stands in front
            else:
                province, city = region.province, region.city or city
            return ""
        if inside.endswith(("分公司", "办事处", "分部", "分店", "店", "营业部")):
            bracket_branch = inside
            return ""
        return "" if inside in ("中国", "集团", "") else inside

    bare = _BRACKETS.sub(unbracket, text)
    bare = _DROP.sub("", bare).strip("()[]【】<>")
    if bracket_branch:
        branch = bracket_branch
    elif bare.endswith(BRANCH_ENDS):
        bare, branch = _split_branch(bare)
    if branch:
        flags.append("branch")
    core_text = bare
    region, rest = leading_region(core_text)
    if len(rest) >= 2 and region.province:
        province, city = province or region.province, city or region.city
        core_text = rest
        district = _DISTRICT.match(core_text)
        if district and len(core_text) - district.end() >= 3:
            core_text = core_text[district.end() :]
    form = ""
    match = _FORM_TAIL.search(core_text)
    if match and match.start() >= 1:
        form, core_text = FORM_CLASSES[match.group(0)], core_text[: match.start()]
        if core_text.endswith("集团") and len(core_text) >= 4:
            form, core_text = "group", core_text[:-2]
    else:
        flags.append("no_legal_form")
    trade = ""
    match = _TRADE_TAIL.search(core_text)
    if match and match.start() >= 2:
        trade, core_text = match.group(0), core_text[: match.start()]
    elif match and match.start() == 0 and not form:
        flags.append("trade_only")
    core = core_text.lower()
    if len(core) < 2:
        flags.append("core_too_short")
    return CompanyName(text, core, trade, form, province, city, branch, core + trade, tuple(flags))


# How the name of a part of a company ends.
BRANCH_ENDS = (
    "分公司",
    "子公司",
    "办事处",
    "联络处",
    "代表处",
    "分部",
    "分店",
    "分行",
    "分厂",
    "营业部",
    "服务处",
    "门市部",
    "分支机构",
    "事业部",
    "分中心",
)
_FORM_ANYWHERE = re.compile(r".+(?:有限责任公司|股份有限公司|有限公司|公司|集团|合作社|经营部|商行|厂|店|中心)(?=.)")


def _split_branch(text: str) -> tuple[str, str]:
    marker = next(end for end in BRANCH_ENDS if text.endswith(end))
    before = text[: -len(marker)]
    head = _FORM_ANYWHERE.match(before + "#")
    if head and len(head.group(0)) >= 4:
        return head.group(0), before[len(head.group(0)) :] + marker
    # Short form without a legal form: the region stands right before the marker (腾康杭州分公司).
    for start in range(max(2, len(before) - 8), len(before)):
        region, rest = leading_region(before[start:])
        if region.province and not rest.strip("市区县"):
            return before[:start], before[start:] + marker
    return (before, marker) if len(before) >= 2 else (text, "")
