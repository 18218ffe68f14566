"""What the sample company is made of: units, people, sources, rules, products, prices, pipeline. Every id follows from
its code.
"""

from __future__ import annotations

from typing import Any

from tercet_local.demo.people import step_id

NAME = "星河商贸 Galaxy Trading"
ADMIN = "admin@galaxy.example"


def _unit(
    code: str,
    name: str,
    kind: str,
    parent: str,
    territories: list[str],
    zone: str = "Asia/Shanghai",
    currency: str = "CNY",
) -> dict[str, Any]:
    return {
        "id": step_id("unit", code),
        "code": code,
        "name": name,
        "type": kind,
        "parent": parent,
        "territories": territories,
        "zone": zone,
        "reporting_currency": currency,
    }


UNITS = [
    _unit("east", "华东大区", "REGION", "", ["上海市", "江苏省", "浙江省", "安徽省", "福建省", "江西省", "山东省"]),
    _unit("south", "华南大区", "REGION", "", ["广东省", "广西壮族自治区", "海南省", "湖南省", "湖北省"]),
    _unit(
        "north",
        "华北大区",
        "REGION",
        "",
        ["北京市", "天津市", "河北省", "山西省", "内蒙古自治区", "辽宁省", "吉林省", "黑龙江省", "河南省"],
    ),
    _unit(
        "west",
        "西部大区",
        "REGION",
        "",
        ["重庆市", "四川省", "贵州省", "云南省", "西藏自治区", "陕西省", "甘肃省", "青海省", "宁夏回族自治区"],
    ),
    _unit("overseas", "Overseas", "REGION", "", [], "Europe/Berlin", "EUR"),
]
# Where customers buy without a seller.
SHOPS = [
    _unit("store", "星河生活馆 Galaxy Store", "STORE", "", []),
    _unit("cars", "星河二手车 Galaxy Used Cars", "STORE", "", []),
    _unit("trade", "企业采购 Business supplies", "BUSINESS_UNIT", "", []),
]
# The system that the shops' receipts come from.
TILL = "galaxy-till"
VALUE_POLICY = {
    "period": "YEAR",
    "method": "FIXED",
    "average_threshold": {"currency_code": "CNY", "amount": "1500.00"},
    "count_threshold": 3,
}

_SELLERS = [
    ("wangfang", "王芳", "east"),
    ("lina", "李娜", "east"),
    ("zhangwei", "张伟", "east"),
    ("liuyang", "刘洋", "south"),
    ("chenjie", "陈杰", "south"),
    ("yangmin", "杨敏", "south"),
    ("zhaolei", "赵磊", "north"),
    ("huangying", "黄颖", "north"),
    ("zhoutao", "周涛", "north"),
    ("wujing", "吴静", "west"),
    ("xuqiang", "徐强", "west"),
    ("anna.keller", "Anna Keller", "overseas"),
]
_OTHERS = [
    ("manager", "孙经理", "", "sales_manager"),
    ("marketer", "马丽", "", "marketer"),
    ("supervisor", "罗敏", "", "service_supervisor"),
    ("agent", "何佳", "", "service_agent"),
    ("linyue", "林悦", "", "service_agent"),
    ("gaoxiang", "高翔", "", "service_agent"),
    ("jonas.weber", "Jonas Weber", "overseas", "service_agent"),
    ("auditor", "郭审计", "", "auditor"),
]


def _person(login: str, name: str, unit: str, role: str) -> dict[str, Any]:
    return {"id": step_id("user", login), "email": f"{login}@galaxy.example", "name": name, "unit": unit, "role": role}


SELLERS = [_person(login, name, unit, "seller") for login, name, unit in _SELLERS]
PEOPLE = [*SELLERS, *[_person(*row) for row in _OTHERS]]

# The sample file names its sources in Chinese; the tree groups them.
SOURCES = [
    ("online", "线上 Online", "WEBSITE", ""),
    ("offline", "线下 Offline", "OFFLINE_EVENT", ""),
    ("paid", "付费 Paid", "ADVERTISING", ""),
    ("partners", "伙伴 Partners", "PARTNER", ""),
    ("own", "自有 Own", "MANUAL", ""),
]
SOURCE_GROUPS = {
    "活动报名": ("offline", "OFFLINE_EVENT"),
    "展会名片": ("offline", "OFFLINE_EVENT"),
    "广告投放": ("paid", "ADVERTISING"),
    "客服来电": ("own", "INBOUND_CALL"),
    "Excel导入": ("own", "IMPORT"),
    "合作伙伴": ("partners", "PARTNER"),
    "官网表单": ("online", "WEBSITE"),
    "微信小程序": ("online", "MINI_PROGRAM"),
    "电商平台": ("online", "APP"),
    "销售录入": ("own", "MANUAL"),
}

SCORING = [
    ("has-mobile", "有手机号 Has a mobile", "mobile:*", 20),
    ("has-email", "有邮箱 Has an e-mail", "email:*", 10),
    ("is-company", "公司客户 Is a company", "kind = COMPANY", 15),
    ("has-address", "有地址 Has an address", "address:*", 10),
    ("came-again", "多次来访 Came again", "touch_count >= 2", 25),
    ("licensed", "有证照 Has a licence number", "identified = true", 15),
]

PRODUCTS = [
    ("T-100", "智能终端 T-100 Smart terminal", "台", "terminal", "1280.00"),
    ("T-300", "智能终端 T-300 Pro", "台", "terminal", "3680.00"),
    ("S-10", "门店软件 年费 Store software, yearly", "年", "software", "2400.00"),
    ("S-50", "连锁软件 年费 Chain software, yearly", "年", "software", "18000.00"),
    ("V-1", "上门安装 On-site installation", "次", "service", "300.00"),
    ("V-2", "培训 Training day", "天", "service", "2000.00"),
]
EUR_RATE = "7.8125"

STAGES = [
    ("contact", "接触 Contact", "OPEN", 10),
    ("need", "需求 Need", "OPEN", 30),
    ("offer", "报价 Offer", "OPEN", 60),
    ("contract", "签约 Contract", "OPEN", 80),
    ("won", "赢单 Won", "WON", 100),
    ("lost", "输单 Lost", "LOST", 0),
]
PIPELINE = "standard"

# Visitors of a fair abroad: Latin names, other phone formats, another currency.
VISITORS = [
    ("Marie Dubois", "Dubois Distribution SARL", "FR", "Lyon", "+33 4 72 00 11 22"),
    ("Jürgen Müller", "Müller Handels GmbH", "DE", "Köln", "+49 221 123456"),
    ("Giulia Rossi", "Rossi & Figli S.r.l.", "IT", "Torino", "+39 011 555 0142"),
    ("Søren Østergaard", "Østergaard ApS", "DK", "Aarhus", "+45 86 12 34 56"),
    ("Katarzyna Wójcik", "Wójcik sp. z o.o.", "PL", "Kraków", "+48 12 345 67 89"),
    ("José Álvarez", "Álvarez Hermanos S.L.", "ES", "Sevilla", "+34 954 12 34 56"),
    ("Anna Lindqvist", "Lindqvist AB", "SE", "Göteborg", "+46 31 123 45 67"),
    ("Pieter de Vries", "De Vries B.V.", "NL", "Utrecht", "+31 30 123 4567"),
    ("Chloé Moreau", "Moreau Conseil", "FR", "Nantes", "+33 2 40 11 22 33"),
    ("Lukas Gruber", "Gruber OG", "AT", "Graz", "+43 316 123456"),
    ("Sophie Peeters", "Peeters NV", "BE", "Gent", "+32 9 123 45 67"),
    ("Matti Virtanen", "Virtanen Oy", "FI", "Tampere", "+358 3 123 4567"),
]
