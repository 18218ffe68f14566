"""Websites, WeChat ids and openids."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tercet_leads.cleaning.text import is_placeholder, squeeze

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?\.)+[a-z]{2,24}")
_SECOND_LEVEL = frozenset("com net org gov edu ac co".split())
_SHARED_HOSTS = frozenset(
    "taobao.com tmall.com jd.com 1688.com alibaba.com weidian.com youzan.com facebook.com linkedin.com weixin.qq.com "
    "qq.com baidu.com douyin.com xiaohongshu.com weibo.com made-in-china.com github.io wordpress.com wix.com".split()
)
_WECHAT = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{5,19}")
_MOBILE = re.compile(r"(?:\+?86)?(1[3-9]\d{9})")
_OPENID = re.compile(r"[A-Za-z0-9_\-]{28}")
_LABEL = re.compile(r"^(?:(?:微信号?|v信|薇信)\s*[::]?|(?:wechat|vx|wx|weixin)\s*[::])\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Handle:
    """A name on some network: `value` in one spelling, `domain` the registrable part of a website."""

    value: str = ""
    domain: str = ""
    flags: tuple[str, ...] = ()


NO_HANDLE = Handle()


def registrable(host: str) -> str:
    """The part of a host that is registered: shop.acme.com.cn is acme.com.cn."""
    parts = host.split(".")
    if len(parts) > 2 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2:
        return ".".join(parts[-3:])
    return ".".join(parts[-2:])


def clean_website(raw: str) -> Handle:
    """The host in lower case without scheme, www. and path; flagged where it is none or belongs to a platform."""
    text = squeeze(raw).lower().replace(" ", "").replace("。", ".").replace("\\", "/")
    if not text or is_placeholder(text):
        return NO_HANDLE
    host = re.sub(r"^(?:网址[::])?(?:[a-z]*:?//)?", "", text)
    host = re.split(r"[/?#:]", host, maxsplit=1)[0].rpartition("@")[2].removeprefix("www.").strip(".")
    if not _HOST.fullmatch(host):
        return Handle(flags=("not_a_website",))
    domain = registrable(host)
    shared = host in _SHARED_HOSTS or domain in _SHARED_HOSTS
    flags = ("shared_host",) if shared else ()
    return Handle(host, "" if shared else domain, flags if host == text else ("reformatted", *flags))


def clean_wechat(raw: str) -> Handle:
    """The WeChat id in lower case (they are case-blind); a mobile number used as one comes as its eleven digits."""
    text = _LABEL.sub("", squeeze(raw)).replace(" ", "")
    if not text or is_placeholder(text):
        return NO_HANDLE
    digits = text.replace("-", "")
    if match := _MOBILE.fullmatch(digits):
        return Handle(match.group(1), flags=("mobile_number",))
    if re.fullmatch(r"[1-9]\d{4,10}", text):
        return Handle(text, flags=("qq_number",))
    if _WECHAT.fullmatch(text):
        return Handle(text.lower())
    return Handle(flags=("email_address",) if "@" in text else ("not_a_wechat_id",))


def clean_openid(raw: str) -> Handle:
    """The openid as it is (its case counts); flagged where it has not the 28 characters of one."""
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return NO_HANDLE
    return Handle(text) if _OPENID.fullmatch(text) else Handle(flags=("not_an_openid",))
