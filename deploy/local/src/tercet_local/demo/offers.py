"""What the sample company offers its customers: channels, words, numbers, segments, and the six strategies that bring
them together.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
CNY, ZONE = "CNY", "Asia/Shanghai"

# Every account is of the console: it says what the channel would, costs what the channel would, and reaches nobody.
ACCOUNTS: list[Json] = [
    {
        "code": "sms-main",
        "channel_code": "sms",
        "display_name": "短信 Text messages",
        "sender_label": "星河商贸",
        "message_cost": {"currency_code": CNY, "amount": "0.05"},
    },
    {
        "code": "mail-main",
        "channel_code": "email",
        "display_name": "电子邮件 E-mail",
        "sender": "club@galaxy.example",
        "sender_label": "星河会员 Galaxy Club",
        "message_cost": {"currency_code": "EUR", "amount": "0.002"},
    },
    {
        "code": "wechat-main",
        "channel_code": "wechat_official",
        "display_name": "微信公众号 WeChat official account",
    },
]
QUIET_HOURS: Json = {"code": "night", "purpose": "MARKETING", "start": "21:30", "end": "08:30"}
FREQUENCY_CAP: Json = {"code": "twice-a-week", "purpose": "MARKETING", "most": 2, "period_hours": 168}

PROGRAMME: Json = {
    "code": "galaxy-club",
    "display_name": "星河会员 Galaxy Club",
    "time_zone": ZONE,
    "currency_code": CNY,
    "enrolment": "AUTOMATIC",
    "earn_rules": [
        {"code": "every-10", "points": "1", "per_amount": "10"},
        {"code": "first-purchase", "points": "50", "condition": "first_purchase = true"},
    ],
    "expiry": {"kind": "END_OF_YEAR", "count": 1},
    "tier_rule": {
        "basis": "SPEND",
        "period": "YEAR",
        "tiers": [
            {"code": "member", "display_name": "会员 Member", "threshold": "0"},
            {"code": "silver", "display_name": "银卡 Silver", "threshold": "2000", "multiplier": "1.2"},
            {"code": "gold", "display_name": "金卡 Gold", "threshold": "8000", "multiplier": "1.5"},
        ],
    },
}

BUDGETS: list[Json] = [
    {
        "code": "new-customers",
        "display_name": "新客 New customers",
        "opening_amount": {"currency_code": CNY, "amount": "20000.00"},
    },
    {
        "code": "birthdays",
        "display_name": "生日红包 Birthday red packets",
        "opening_amount": {"currency_code": CNY, "amount": "88.00"},
    },
]


def _version(numbers: Json, tools: list[str], **more: Any) -> Json:
    return {"numbers": numbers, "tool_codes": tools, "issue_limits": {"per_party": 1}, **more}


# Code, name, and the version that is published.
POLICIES: list[tuple[str, str, Json]] = [
    (
        "welcome-100",
        "新客100积分 100 points to begin with",
        _version({"programme_code": PROGRAMME["code"], "points": 100}, ["points"]),
    ),
    (
        "first-30",
        "首单满300减30 30 off the first 300",
        _version(
            {"threshold": "300", "off": "30"},
            ["coupon"],
            currency_code=CNY,
            validity={"days": 30},
            budget_code="new-customers",
            funded_by="seller",
        ),
    ),
    (
        "ninth-10",
        "第九单九折 A tenth off after nine orders",
        _version(
            {"percent": "10", "most": "200"},
            ["coupon"],
            currency_code=CNY,
            validity={"days": 60},
            rows=[
                {"tier_code": "gold", "numbers": {"percent": "15"}},
                {"tier_code": "silver", "numbers": {"percent": "12"}},
            ],
        ),
    ),
    (
        "back-40",
        "回归满200减40 40 off 200 for coming back",
        _version({"threshold": "200", "off": "40"}, ["coupon"], currency_code=CNY, validity={"days": 14}),
    ),
    (
        "birthday-8-to-28",
        "生日红包8到28元 A red packet of 8 to 28",
        _version(
            {"amount_min": "8.00", "amount_max": "28.00"},
            ["red_packet"],
            currency_code=CNY,
            budget_code="birthdays",
            validity={"days": 7},
        ),
    ),
]


def _words(code: str, name: str, zh: tuple[str, str], en: tuple[str, str], **more: Any) -> Json:
    bodies = [
        {"language": "zh-CN", "subject": zh[0], "text": zh[1], "short_text": f"【星河】{zh[1]}"},
        {"language": "en", "subject": en[0], "text": en[1], "short_text": f"[Galaxy] {en[1]}"},
    ]
    return {
        "code": code,
        "display_name": name,
        "default_language": "zh-CN",
        "missing": "BLANK",
        "bodies": bodies,
        **more,
    }


TEMPLATES: list[Json] = [
    _words(
        "welcome",
        "欢迎 Welcome",
        ("欢迎加入星河", "{{ customer.name }},欢迎您!{{ benefit.numbers.points }} 积分已到账。"),
        ("Welcome to Galaxy", "Welcome, {{ customer.name }}! {{ benefit.numbers.points }} points are yours."),
    ),
    _words(
        "first-order",
        "首单券 First-order coupon",
        (
            "首单礼券",
            "{{ customer.name }},首单满{{ benefit.numbers.threshold }}减{{ benefit.numbers.off }},"
            "{{ benefit.end_date }} 前有效。",
        ),
        (
            "Off your first order",
            "{{ customer.name }}: {{ benefit.numbers.off }} {{ benefit.currency }} off your first order of "
            "{{ benefit.numbers.threshold }}, until {{ benefit.end_date }}.",
        ),
    ),
    _words(
        "ninth-order",
        "第九单 Ninth order",
        (
            "感谢九次光临",
            "{{ customer.name }},感谢您第 {{ customer.order_count }} 次购买,下次立减 {{ benefit.numbers.percent }}%。",
        ),
        (
            "Thank you, nine times",
            "{{ customer.name }}, after {{ customer.order_count }} orders the next is "
            "{{ benefit.numbers.percent }} % off.",
        ),
    ),
    _words(
        "win-back",
        "好久不见 Win-back",
        (
            "好久不见",
            "{{ customer.name }},上次见面是 {{ customer.last_order_date }}。"
            "送您一张满{{ benefit.numbers.threshold }}减{{ benefit.numbers.off }}券。",
        ),
        (
            "We have missed you",
            "{{ customer.name }}, we last met on {{ customer.last_order_date }}. "
            "{{ benefit.numbers.off }} {{ benefit.currency }} off for you.",
        ),
    ),
    _words(
        "care-call",
        "回访 Care call",
        (
            "回访高价值客户 {{ customer.name }}",
            "{{ customer.name }} 近期订单多、金额高。请致电:设备是否好用?下季度需求?",
        ),
        (
            "Call {{ customer.name }}, a core customer",
            "{{ customer.name }} buys much and often. Please call: does all run well? What is needed next quarter?",
        ),
    ),
    _words(
        "birthday",
        "生日 Birthday",
        ("生日快乐", "{{ customer.name }},生日快乐!送您 {{ benefit.amount }} 元红包,7 天内有效。"),
        (
            "Happy birthday",
            "Happy birthday, {{ customer.name }}! A red packet of "
            "{{ benefit.amount }} {{ benefit.currency }} is yours for 7 days.",
        ),
    ),
]

SEGMENTS: list[Json] = [
    {
        "code": "prospects",
        "display_name": "未下单客户 Customers without an order",
        "condition_text": "lifecycle = PROSPECT",
    },
    {"code": "nine-orders", "display_name": "满九单 Nine orders", "condition_text": "order_count = 9"},
    {
        "code": "sleeping",
        "display_name": "沉睡90天 Asleep for 90 days",
        "condition_text": "last_order_time < now() - 90d",
        "time_zone": ZONE,
    },
    {
        "code": "core",
        "display_name": "核心客户 Core customers",
        "condition": {"some": {"of": "values", "where": {"path": "quadrant", "op": "=", "value": "CORE"}}},
    },
    {
        "code": "birthdays",
        "display_name": "今天生日 Birthday today",
        "condition": {"anniversary": {"of": "birth_date"}},
        "time_zone": ZONE,
    },
]

REACH = ["wechat_official", "sms", "email"]
# Code, name, and what is done how.
ACTIONS: list[Json] = [
    {
        "code": "welcome-points",
        "tool_code": "points",
        "policy_code": "welcome-100",
        "template_code": "welcome",
        "channel_codes": REACH,
    },
    {
        "code": "first-coupon",
        "tool_code": "coupon",
        "policy_code": "first-30",
        "template_code": "first-order",
        "channel_codes": REACH,
    },
    {
        "code": "ninth-coupon",
        "tool_code": "coupon",
        "policy_code": "ninth-10",
        "template_code": "ninth-order",
        "channel_codes": REACH,
    },
    {
        "code": "back-coupon",
        "tool_code": "coupon",
        "policy_code": "back-40",
        "template_code": "win-back",
        "channel_codes": ["sms", "email"],
    },
    {"code": "care-call", "template_code": "care-call", "channel_codes": ["phone_task"]},
    {
        "code": "birthday-packet",
        "tool_code": "red_packet",
        "policy_code": "birthday-8-to-28",
        "template_code": "birthday",
        "channel_codes": REACH,
    },
]

_NIGHT = {"begin": "22:00", "end": "08:00"}
_GIFTS = {"exclusion_group": "gifts", "exclusion_days": 7}
STRATEGIES: list[Json] = [
    {
        "code": "welcome",
        "display_name": "欢迎新客 Welcome",
        "trigger": "EVENT",
        "event_name": "sales.customer.created",
        "action_code": "welcome-points",
        "purpose": "SERVICE",
        "priority": 50,
        "quiet_hours": _NIGHT,
    },
    {
        "code": "first-order-coupon",
        "display_name": "首单券 First-order coupon",
        "trigger": "SEGMENT_ENTERED",
        "segment_code": "prospects",
        "action_code": "first-coupon",
        "priority": 40,
        "caps": [{"days": 7, "most": 2, "of": "PURPOSE"}],
        "quiet_hours": _NIGHT,
    },
    {
        "code": "ninth-order",
        "display_name": "第九单留存 Ninth-order retention",
        "trigger": "SEGMENT_ENTERED",
        "segment_code": "nine-orders",
        "action_code": "ninth-coupon",
        "priority": 30,
        **_GIFTS,
    },
    {
        "code": "win-back",
        "display_name": "沉睡唤醒 Win-back of the sleeping",
        "trigger": "SEGMENT_ENTERED",
        "segment_code": "sleeping",
        "action_code": "back-coupon",
        "priority": 10,
        "holdout_percent": "20",
        "reentry_days": 180,
        "quiet_hours": _NIGHT,
        **_GIFTS,
    },
    {
        "code": "high-value-care",
        "display_name": "高价值关怀 High-value care",
        "trigger": "SEGMENT_ENTERED",
        "segment_code": "core",
        "action_code": "care-call",
        "purpose": "SERVICE",
        "priority": 60,
        "reentry_days": 90,
    },
    {
        "code": "birthday",
        "display_name": "生日 Birthday",
        "trigger": "DAILY",
        "segment_code": "birthdays",
        "daily_time": "09:00",
        "zone": ZONE,
        "action_code": "birthday-packet",
        "priority": 70,
        "reentry_days": 300,
        **_GIFTS,
    },
]
