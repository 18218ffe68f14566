"""What the sample company's desk is made of: hours, promises, kinds of tickets, who serves them, what is known, and
what customers ask.
"""

from __future__ import annotations

from typing import Any

from tercet_local.demo.people import step_id

Json = dict[str, Any]
_WORKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]


def _hours(*intervals: tuple[str, str]) -> list[Json]:
    return [{"weekday": day, "opens": opens, "closes": closes} for day in _WORKDAYS for opens, closes in intervals]


def _off(title: str, begin: str, end: str = "") -> Json:
    return {"kind": "HOLIDAY", "title": title, "begin_date": begin, "end_date": end}


def _made_up(title: str, *days: str) -> list[Json]:
    return [{"kind": "WORKDAY", "title": f"{title}调休", "begin_date": day} for day in days]


CALENDARS: list[Json] = [
    {
        "code": "china",
        "display_name": "中国工作日 China, make-up workdays included",
        "zone": "Asia/Shanghai",
        "weekly_hours": _hours(("09:00", "12:00"), ("13:30", "18:00")),
        "special_days": [
            _off("元旦", "2026-01-01", "2026-01-03"),
            _off("春节", "2026-02-15", "2026-02-23"),
            _off("清明节", "2026-04-04", "2026-04-06"),
            _off("劳动节", "2026-05-01", "2026-05-05"),
            _off("端午节", "2026-06-19", "2026-06-21"),
            _off("中秋节", "2026-09-25", "2026-09-27"),
            _off("国庆节", "2026-10-01", "2026-10-07"),
            *_made_up("元旦", "2026-01-04"),
            *_made_up("春节", "2026-02-14", "2026-02-28"),
            *_made_up("劳动节", "2026-05-09"),
            *_made_up("国庆节", "2026-09-20", "2026-10-10"),
        ],
    },
    {
        "code": "berlin",
        "display_name": "Europe/Berlin",
        "zone": "Europe/Berlin",
        "weekly_hours": _hours(("09:00", "17:00")),
        "special_days": [
            _off("Karfreitag", "2026-04-03"),
            _off("Ostermontag", "2026-04-06"),
            _off("Tag der Arbeit", "2026-05-01"),
            _off("Weihnachten", "2026-12-25", "2026-12-26"),
        ],
    },
]


def _target(clock: str, minutes: int, priority: str = "") -> Json:
    return {"clock": clock, "minutes": minutes, **({"priority": priority} if priority else {})}


LEVELS: list[Json] = [
    {
        "code": "complaint",
        "display_name": "投诉 24小时 Complaints, around the clock",
        "condition": 'type_code = "complaint"',
        "precedence": 10,
        "targets": [_target("FIRST_REPLY", 60), _target("SOLVE", 2880)],
        "steps": [
            {"clock": "FIRST_REPLY", "minutes": -15, "action": "NOTIFY_OWNER"},
            {"clock": "FIRST_REPLY", "minutes": 0, "action": "RAISE_PRIORITY"},
            {"clock": "FIRST_REPLY", "minutes": 0, "action": "NOTIFY_ROLE", "role_codes": ["service_supervisor"]},
        ],
    },
    {
        "code": "overseas",
        "display_name": "Overseas",
        "condition": f'unit_id = "{step_id("unit", "overseas")}"',
        "precedence": 20,
        "calendar_code": "berlin",
        "targets": [_target("FIRST_REPLY", 480), _target("SOLVE", 2400)],
    },
    {
        "code": "standard",
        "display_name": "标准 Standard",
        "precedence": 100,
        "calendar_code": "china",
        "targets": [
            _target("FIRST_REPLY", 60, "URGENT"),
            _target("FIRST_REPLY", 360),
            _target("NEXT_REPLY", 450),
            _target("SOLVE", 1350),
        ],
        "steps": [{"clock": "SOLVE", "minutes": -120, "action": "NOTIFY_OWNER"}],
    },
]


def _type(code: str, name: str, waiting: str) -> Json:
    return {
        "code": code,
        "display_name": name,
        "stages": [
            {"code": "new", "display_name": "新建 New", "state": "NEW"},
            {"code": "working", "display_name": "处理中 In work", "state": "OPEN"},
            {"code": "waiting", "display_name": waiting, "state": "PENDING"},
            {"code": "solved", "display_name": "已解决 Solved", "state": "SOLVED"},
            {"code": "closed", "display_name": "已关闭 Closed", "state": "CLOSED"},
        ],
    }


TYPES = [
    _type("question", "咨询 Question", "等客户回复 Waits for the customer"),
    _type("repair", "维修 Repair", "等配件 Waits for parts"),
    _type("complaint", "投诉 Complaint", "等客户确认 Waits for the customer"),
]

WEIGHTS: list[Json] = [
    {"type_code": "repair", "weight": 2},
    {"type_code": "complaint", "weight": 3},
]

# Login, languages, groups, skills with levels, capacity.
AGENTS: list[tuple[str, list[str], list[str], dict[str, int], int]] = [
    ("agent", ["zh"], ["first"], {"coffee": 3, "terminal": 2}, 30),
    ("linyue", ["zh", "en"], ["first", "senior"], {"coffee": 2, "terminal": 5}, 24),
    ("gaoxiang", ["zh"], ["first", "senior"], {"car": 5, "terminal": 3}, 24),
    ("jonas.weber", ["de", "en"], ["abroad"], {"terminal": 3}, 20),
]

RULES: list[Json] = [
    {
        "code": "complaints",
        "display_name": "投诉给资深 Complaints to senior agents",
        "priority": 10,
        "condition": 'type_code = "complaint"',
        "group_code": "senior",
        "strategy": "LEAST_LOADED",
    },
    {
        "code": "abroad",
        "display_name": "Abroad",
        "priority": 20,
        "condition": f'unit_id = "{step_id("unit", "overseas")}"',
        "language_code": "en",
        "group_code": "abroad",
        "strategy": "LEAST_LOADED",
    },
    {
        "code": "repairs",
        "display_name": "维修按技能 Repairs by skill",
        "priority": 30,
        "condition": 'type_code = "repair"',
        "skills": [{"code": "terminal", "level": 2}],
        "strategy": "MOST_SKILLED",
        "exhausted": "NEXT_RULE",
    },
    {
        "code": "all-others",
        "display_name": "其余 All others",
        "priority": 100,
        "group_code": "first",
        "strategy": "ROUND_ROBIN",
        "sticky": True,
    },
]

CATEGORIES = [
    ("devices", "设备 Devices", ""),
    ("orders", "订单 Orders", ""),
    ("terminals", "终端 Terminals", "devices"),
]
# Code, category, audience, and the text in each language.
ARTICLES: list[tuple[str, str, str, dict[str, tuple[str, str]]]] = [
    (
        "terminal-does-not-print",
        "terminals",
        "PUBLIC",
        {
            "zh": (
                "终端不打印小票",
                "1. 检查纸仓方向。\n2. 长按电源键十秒重启。\n3. 仍不打印请联系客服,并提供机身编号。",
            ),
            "en": (
                "The terminal does not print",
                "1. See that the paper faces up.\n2. Hold the power key for ten seconds.\n"
                "3. Still nothing? Tell us the serial number.",
            ),
        },
    ),
    (
        "coupon-cannot-be-used",
        "orders",
        "PUBLIC",
        {
            "zh": ("优惠券无法使用", "优惠券有使用门槛和有效期,同类优惠一单只用一张。"),
            "en": ("A coupon cannot be used", "A coupon has a threshold and a time; of one kind an order takes one."),
        },
    ),
    (
        "return-within-seven-days",
        "orders",
        "CUSTOMERS",
        {
            "zh": ("七天无理由退货", "签收后七天内,商品完好即可退货,优惠按比例扣回。"),
            "en": (
                "Return within seven days",
                "Seven days from delivery, unused; what was taken off is reckoned in proportion.",
            ),
        },
    ),
    (
        "calm-a-complaint",
        "orders",
        "AGENTS",
        {
            "zh": ("投诉处理话术", "先致歉,再复述问题,给出时间承诺,最后确认联系方式。"),
            "en": ("How to answer a complaint", "Apologise, say it back, name a time, confirm how to reach them."),
        },
    ),
]

# Type, priority, subject, description, how it came in.
ASKED: list[tuple[str, str, str, str, str]] = [
    ("question", "NORMAL", "优惠券用不了", "下单时提示优惠券不可用,请帮忙看看。", "CHAT"),
    ("question", "LOW", "积分什么时候过期", "我想知道会员积分的有效期。", "FORM"),
    ("repair", "HIGH", "终端不打印小票", "T-100 从今天早上开始不出纸。", "PHONE"),
    ("question", "NORMAL", "发票抬头修改", "需要把发票抬头改成公司名称。", "EMAIL"),
    ("repair", "URGENT", "收银机无法开机", "门店正在排队,请尽快处理。", "PHONE"),
    ("question", "NORMAL", "咖啡豆什么时候到货", "上周订的豆子还没发。", "CHAT"),
]
COMPLAINT = ("complaint", "HIGH", "磨豆机三次维修仍有异响", "已经修过三次,要求换新。", "PHONE")
ABROAD = ("question", "NORMAL", "Invoice for the terminals", "Could you send the invoice with our VAT number?", "EMAIL")
ANSWERS = ["您好,已为您查明,马上处理。", "您好,已安排,稍后给您回复结果。", "感谢您的耐心,方案如下。"]
ANSWER_ABROAD = "Thank you for writing. You will find what you asked for attached."
COMMENTS = {5: "非常满意,回复很快。", 4: "不错。", 3: "一般。", 2: "等太久了。", 1: "问题没有解决。"}
