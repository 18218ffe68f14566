# ruff: noqa: E501  (tables read better in long lines)
"""Junk: submissions that were never meant, told with the reason."""

from __future__ import annotations

import re

_TEST_WORD = re.compile(
    r"(?:test(?:er|ing|user|123)?\d*|demo\d*|asdf\w{0,4}|qwer\w{0,4}|zxcv\w{0,4}|abc(?:def|123)?|aaa+|xxx+|foo|bar|foobar|null|sample|dummy|fake|测试.{0,6}|.{0,4}测试|试试|随便|哈哈+|呵呵+|啊+|嗯+|你好|路人甲|张三丰?|李四|王五|某某某?|匿名|你猜|不告诉你)",
    re.IGNORECASE,
)
_KEY_WALK = re.compile(r"(?:123456\d*|654321|111111\d*|000000\d*|qwerty\w*|asdfgh\w*|1q2w3e\w*)", re.IGNORECASE)
_REPEATED = re.compile(r"(.)\1{3,}|(..)\2{2,}")
_TEST_DOMAINS = frozenset(
    "test.com test.cn example.com example.org example.net example.cn abc.com aaa.com asdf.com xxx.com mailinator.com".split()
)


def junk_text(text: str) -> bool:
    """Whether a name or a company name is a test word, a walk over the keyboard or one character over and over."""
    return bool(text) and bool(_TEST_WORD.fullmatch(text) or _KEY_WALK.fullmatch(text) or _REPEATED.fullmatch(text))


def junk_email(local: str, domain: str) -> bool:
    """Whether a mailbox is a test's or a throw-away one's."""
    return domain in _TEST_DOMAINS or local in ("test", "asdf", "aaa", "abc", "123", "1", "a", "123456", "qwerty")
