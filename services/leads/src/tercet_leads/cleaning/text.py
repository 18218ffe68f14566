"""Text in one form: width, spaces, script and the ways people write «nothing»."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f]")
_SPACES = re.compile(r"\s+")
_BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])")
_HAN = re.compile(r"[\u3400-\u9fff]")
_ONLY_MARKS = re.compile(r"[\W_]*\Z")

PLACEHOLDERS = frozenset(
    """
    无 没有 暂无 未知 不详 不清楚 不知道 不愿透露 保密 未填 未填写 待补充 待定 空 略 同上 其他 匿名 匿名用户 微信用户
    用户 游客 访客 先生/女士 n/a na n.a. nil none null undefined unknown nan tbd tbc anonymous - -- --- . .. ... / //
    ? ?? ??? * ** *** x xx xxx
    """.split()
)


@cache
def _converter() -> OpenCC:
    from opencc import OpenCC  # loads its dictionaries: paid by the first text that needs it

    return OpenCC("t2s")


def squeeze(raw: str) -> str:
    """Full width to half width, invisible characters out, runs of blanks to one, none at the ends."""
    if raw.isascii() and "  " not in raw and raw.isprintable():
        return raw.strip()
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFKC", _INVISIBLE.sub("", raw)))).strip()


def simplify(text: str) -> str:
    """Traditional characters to simplified ones."""
    if text.isascii():
        return text
    for _ in range(3):  # a phrase that was converted may itself be convertible; the second pass settles it
        simplified: str = _converter().convert(text)
        if simplified == text:
            break
        text = simplified
    return text


def join_han(text: str) -> str:
    """Blanks between Chinese characters out; those between Latin words stay."""
    return _BETWEEN_HAN.sub("", text)


def has_han(text: str) -> bool:
    """Whether there is a Chinese character in the text."""
    return _HAN.search(text) is not None


def is_placeholder(text: str) -> bool:
    """Whether the text says «nothing»: a dash, 无, N/A, or marks without a letter or digit."""
    return text.lower() in PLACEHOLDERS or _ONLY_MARKS.match(text) is not None
