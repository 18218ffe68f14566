"""E-mail addresses: one spelling for one mailbox, and what is odd about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from tercet_leads.cleaning.text import is_placeholder, squeeze

FREE_PROVIDERS = frozenset(
    """
    qq.com vip.qq.com foxmail.com 163.com 126.com yeah.net vip.163.com 188.com sina.com sina.cn vip.sina.com sohu.com
    139.com 189.cn wo.cn aliyun.com 21cn.com tom.com gmail.com googlemail.com hotmail.com outlook.com live.com live.cn
    msn.com yahoo.com yahoo.com.cn yahoo.cn icloud.com me.com mac.com proton.me protonmail.com gmx.com mail.com
    yandex.com hotmail.co.uk yahoo.co.jp naver.com
    """.split()
)
_CLOSE_TO = tuple(
    """qq.com foxmail.com 163.com 126.com yeah.net sina.com sohu.com 139.com 189.cn aliyun.com gmail.com hotmail.com
    outlook.com
    yahoo.com icloud.com live.com""".split()
)
_DOTLESS = {provider.replace(".", ""): provider for provider in _CLOSE_TO}
ROLE_MAILBOXES = frozenset(
    """
    info sales sale service services support admin administrator office contact contactus hr job jobs career marketing
    market business biz webmaster postmaster noreply no-reply help helpdesk finance account accounting purchase
    purchasing export import trade mail email enquiry inquiry hello team pr media legal order orders shop store kefu
    xiaoshou zhaopin bangong caiwu shichang
    """.split()
)
_AT = re.compile(r"\s*(?:\(at\)|\[at\]|@)\s*", re.IGNORECASE)
_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\-]+)*@(?:[a-z0-9\-]+\.)+[a-z]{2,24}"
)
_WRAP = re.compile(r"^(?:mailto:|e-?mail[::]|邮箱[::])+|[<>\[\]()\"',;。,;.]+$|^[<\[(\"']+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Email:
    """One mailbox: `value` lower-case, `suggestion` the address probably meant, `key` what two spellings share."""

    value: str = ""
    suggestion: str = ""
    key: str = ""
    local: str = ""
    domain: str = ""
    flags: tuple[str, ...] = ()


NO_EMAIL = Email()


def clean_email(raw: str) -> Email:
    """The address in lower case without blanks and wrapping; flagged and without a value where it is none."""
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return NO_EMAIL
    before = text
    text = _AT.sub("@", text.lower()).replace("。", ".").replace(" ", "")
    for _ in range(3):
        text = _WRAP.sub("", text)
    if "<" in text:
        text = text.rpartition("<")[2]
    text = re.sub(r"\.{2,}", ".", text).replace("@.", "@").replace(".@", "@")
    if "*" in text:
        return Email(flags=("masked",))
    flags: list[str] = []
    local, _, domain = text.rpartition("@")
    if domain in _DOTLESS:  # qqcom
        text = f"{local}@{_DOTLESS[domain]}"
        flags.append("repaired")
    if not _ADDRESS.fullmatch(text):
        return Email(flags=("not_an_address",))
    if text != before:
        flags.append("reformatted")
    local, _, domain = text.rpartition("@")
    meant = suggested_domain(domain)
    suggestion = ""
    if meant:
        flags.append("domain_typo")
        suggestion = f"{local}@{meant}"
    keyed = meant or domain
    base = local.partition("+")[0] or local
    if keyed in ("gmail.com", "googlemail.com"):
        base, keyed = base.replace(".", ""), "gmail.com"
    if is_role(local):
        flags.append("role_mailbox")
    if keyed in FREE_PROVIDERS:
        flags.append("free_provider")
    return Email(text, suggestion, f"{base}@{keyed}", local, keyed, tuple(flags))


def is_role(local: str) -> bool:
    """Whether a mailbox belongs to an office, not to a person: info, sales, hr2."""
    return local.rstrip("0123456789") in ROLE_MAILBOXES


@lru_cache(maxsize=8192)
def suggested_domain(domain: str) -> str:
    """The well-known provider a mistyped domain stands for (gmial.com); "" where it is itself known or far from all."""
    if domain in FREE_PROVIDERS:
        return ""
    for known in _CLOSE_TO:
        limit = 1 if len(known) < 9 else 2
        if abs(len(known) - len(domain)) > limit:
            continue
        stem, _, ending = domain.partition(".")
        known_stem, _, known_ending = known.partition(".")
        if stem == known_stem and ending in ("con", "cm", "om", "comm", "cmo", "vom", "co", "ocm", "coom"):
            return known
        if ending == known_ending and any(
            stem[:i] + stem[i + 1 :] == known_stem for i in range(1, len(stem)) if stem[i] == stem[i - 1]
        ):
            return known  # a key struck twice: 1163.com
        if known_stem.isdigit() or len(known_stem) < 4:  # 168.com and qz.com are firms of their own
            continue
        if ending == known_ending and OSA.distance(stem, known_stem) <= 1 and len(known_stem) >= 5:
            return known
    return ""
