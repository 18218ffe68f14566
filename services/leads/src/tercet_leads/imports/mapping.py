"""Which lead field a column fills, by its name in Chinese or English, and what becomes of the cells of a row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tercet_leads.leads.rules import LIMITS, TEXT_FIELDS

OTHER_FIELDS = ("source_code", "kind", "occur_time", "external_id", "longitude", "latitude", "interests")
FIELDS = frozenset(TEXT_FIELDS) | frozenset(OTHER_FIELDS)

_NAMES = {
    "external_id": "record_id id 编号 記錄編號 线索编号 記錄id 记录id 客户编号 外部编号 external_id lead_id 序列号",
    "occur_time": "created_at create_time created 创建时间 提交时间 登记时间 时间 "
    "日期 录入时间 submit_time date time 来访时间 建立時間",
    "source_code": "source source_code channel lead_source 来源 渠道 "
    "线索来源 渠道来源 来源渠道 客户来源 來源 utm_source",
    "kind": "lead_type type kind 类型 线索类型 客户类型 類型 主体类型",
    "full_name": "name full_name contact contact_name 姓名 名字 联系人 "
    "客户姓名 联系人姓名 称呼 姓名/称呼 聯絡人 联络人 客户名",
    "company_name": "company company_name organization organisation account 公司 公司名称 "
    "企业名称 单位 单位名称 企业 公司名 工作单位 公司名稱",
    "job_title": "title job_title position 职位 职务 岗位 头衔 職位",
    "mobile": "mobile mobile_phone cell cellphone 手机 手机号 手机号码 移动电话 联系手机 手機 手機號碼",
    "phone": "phone telephone tel landline office_phone 电话 座机 固定电话 联系电话 办公电话 電話 电话号码 固话",
    "email": "email e-mail mail email_address 邮箱 电子邮箱 邮件 电子邮件 邮箱地址 電郵",
    "wechat": "wechat weixin wechat_id 微信 微信号 微信號",
    "openid": "openid open_id unionid wechat_openid 微信openid",
    "id_number": "id_no id_number id_card identity_card 身份证 身份证号 身份证号码 证件号 证件号码 身份證號",
    "uscc": "uscc credit_code social_credit_code 统一社会信用代码 社会信用代码 信用代码 統一社會信用代碼",
    "tax_number": "tax_no tax_number tax_id vat 税号 纳税人识别号 税务登记号 統一編號 稅號",
    "license_number": "license_no license_number licence_no business_license "
    "营业执照 营业执照号 执照号 注册号 营业执照注册号",
    "country_code": "country country_code 国家 国家代码",
    "province": "province state region 省 省份 省市 所在省份 地区",
    "city": "city 市 城市 所在城市 地市",
    "district": "district county 区 区县 县 县区",
    "address": "address street 地址 详细地址 联系地址 街道 公司地址",
    "longitude": "lng lon long longitude 经度 經度",
    "latitude": "lat latitude 纬度 緯度",
    "website": "website web url homepage 网站 网址 官网 公司网站 網站",
    "interests": "interest interests product products 意向 意向产品 兴趣 产品 意向车型 关注产品",
    "remark": "remark remarks note notes comment comments message description "
    "备注 说明 留言 描述 备注信息 附言 備註 需求",
}
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%d.%m.%Y")
_FORMULA = "=@\t\r"


def _key(name: str) -> str:
    return re.sub(r"[\s_\-*:：()（）]+", "", unicodedata.normalize("NFKC", name).casefold())


_BY_KEY = {_key(name): lead_field for lead_field, names in _NAMES.items() for name in names.split()}


def known_columns(header: Sequence[str]) -> int:
    """How many of the names we know."""
    return sum(_key(name) in _BY_KEY for name in header)


def propose(header: Sequence[str]) -> list[dict[str, str]]:
    """The columns with the lead field each fills; a field is given to the first column that fits it."""
    taken: set[str] = set()
    columns = []
    for name in header:
        lead_field = _BY_KEY.get(_key(name), "")
        if lead_field in taken:
            lead_field = ""
        taken.add(lead_field)
        columns.append({"name": name, "lead_field": lead_field})
    return columns


def wrong_columns(columns: Sequence[dict[str, str]], header: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with a mapping: path and sentence."""
    found: list[tuple[str, str]] = []
    filled: set[str] = set()
    for index, column in enumerate(columns):
        path, target = f"lead_import.columns[{index}]", column.get("lead_field", "")
        if column["name"] not in header:
            found.append((f"{path}.name", f"The file has no column {column['name']}."))
        if target and target not in FIELDS and not target.startswith("custom."):
            found.append((f"{path}.lead_field", f"A lead has no field {target}."))
        if target and target != "interests" and target in filled:
            found.append((f"{path}.lead_field", f"Two columns fill {target}; choose one."))
        filled.add(target)
    return found


@dataclass(slots=True)
class Mapped:
    """A row as it will be submitted. `flags` say what was made of odd cells."""

    values: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    kind: str = ""
    occur_time: datetime | None = None
    external_id: str = ""
    longitude: float | None = None
    latitude: float | None = None
    interests: list[str] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


_KINDS = {
    "individual": "PERSON",
    "person": "PERSON",
    "个人": "PERSON",
    "自然人": "PERSON",
    "company": "COMPANY",
    "organization": "COMPANY",
} | {
    "公司": "COMPANY",
    "企业": "COMPANY",
    "单位": "COMPANY",
}


class Mapper:
    """Turns the cells of a row into a submission's values, by the columns of one import."""

    def __init__(self, header: Sequence[str], columns: Sequence[dict[str, str]], zone: ZoneInfo, now: datetime) -> None:
        targets = {column["name"]: column.get("lead_field", "") for column in columns}
        self._header = list(header)
        self._targets = [targets.get(name, "") for name in header]
        self._zone, self._now = zone, now

    def row(self, cells: Sequence[str]) -> Mapped:
        """The values of one row. Refuses nothing: what cannot be understood stays in `raw` and is flagged."""
        mapped = Mapped()
        for name, target, cell in zip(self._header, self._targets, cells, strict=False):
            if not cell:
                continue
            mapped.raw[name] = cell
            if target:
                self._fill(mapped, target, cell)
        return mapped

    def _fill(self, mapped: Mapped, target: str, cell: str) -> None:
        text = cell.strip()
        if text[:1] in _FORMULA:
            text = neutral(text)
            mapped.flags.append(f"{target}:formula_neutralised")
        if target in LIMITS:
            mapped.values[target] = text.upper() if target == "country_code" else text
        elif target == "source_code":
            mapped.source = text[:100]
        elif target == "kind":
            mapped.kind = _KINDS.get(text.casefold(), "")
        elif target == "external_id":
            mapped.external_id = text[:200]
        elif target == "interests":
            mapped.interests += [part.strip()[:100] for part in re.split(r"[,,;;、|/]", text) if part.strip()]
        elif target.startswith("custom."):
            mapped.custom[target.removeprefix("custom.")] = text
        elif target == "occur_time":
            mapped.occur_time = self._time(mapped, text)
        else:
            setattr(mapped, target, self._degrees(mapped, target, text))

    def _time(self, mapped: Mapped, text: str) -> datetime | None:
        moment = parse_time(text, self._zone)
        if moment is None or moment > self._now:
            mapped.flags.append("occur_time:not_a_time" if moment is None else "occur_time:in_future")
            return None
        return moment

    def _degrees(self, mapped: Mapped, target: str, text: str) -> float | None:
        try:
            degrees = float(text)
        except ValueError:
            degrees = 1000.0
        if abs(degrees) > (180 if target == "longitude" else 90):
            mapped.flags.append(f"{target}:not_degrees")
            return None
        return degrees


def parse_time(text: str, zone: ZoneInfo) -> datetime | None:
    """An instant in the ways people write it; one without a zone is meant in `zone`. None when it is none."""
    text = text.replace("/", "-").replace("年", "-").replace("月", "-").replace("日", " ").strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        for pattern in _TIMES:
            try:
                moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is put on below
                break
            except ValueError:
                continue
        else:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def neutral(text: str) -> str:
    """A cell that a spreadsheet would run as a formula, as harmless text: `="138"` is 138, anything else loses its
    mark.
    """
    wrapped = _EXCEL_TEXT.fullmatch(text)
    return wrapped.group(1) if wrapped else text.lstrip(_FORMULA + " ")


def harmless(text: str) -> str:
    """A cell for a file that people open in a spreadsheet: what would run as a formula gets an apostrophe before it."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
