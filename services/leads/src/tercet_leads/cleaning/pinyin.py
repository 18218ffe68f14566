# ruff: noqa: E501  (tables read better in long lines)
"""Pinyin without tones, with the readings that family names have of their own."""

from __future__ import annotations

from functools import lru_cache

from tercet_chassis import pinyin

# As family names these are not read as the same characters in common words.
SURNAME_READINGS = {
    "单": "shan", "曾": "zeng", "仇": "qiu", "解": "xie", "查": "zha", "区": "ou", "任": "ren", "华": "hua", "朴": "piao", "盖": "ge",
    "翟": "zhai", "尉": "wei", "乐": "yue", "覃": "qin", "冼": "xian", "折": "she", "缪": "miao", "臧": "zang", "种": "chong", "繁": "po",
    "逄": "pang", "员": "yun", "宓": "mi", "纪": "ji", "葛": "ge", "燕": "yan", "洗": "xian", "黑": "he", "秘": "bi", "牟": "mu", "晟": "cheng",
    "隗": "wei", "应": "ying", "那": "na", "过": "guo", "令狐": "linghu", "尉迟": "yuchi", "万俟": "moqi", "长孙": "zhangsun",
    "宁": "ning", "阚": "kan", "訾": "zi", "相": "xiang", "哈": "ha", "召": "shao", "么": "yao", "句": "gou", "戚": "qi", "薄": "bo", "贾": "jia",
    "柏": "bai", "车": "che", "都": "du", "干": "gan", "桂": "gui", "行": "xing", "郝": "hao", "冯": "feng", "沈": "shen", "佘": "she", "翁": "weng",
    "褚": "chu", "祭": "zhai", "谌": "chen", "郇": "xun", "撒": "sa", "石": "shi", "盛": "sheng", "少": "shao", "谭": "tan", "洪": "hong", "吕": "lv",
}  # fmt: skip


@lru_cache(maxsize=8_192)
def syllable(character: str) -> str:
    """The commonest reading of one character («lv» for 吕); what is not Chinese comes back in lower case."""
    if character < "\u3400":
        return character.lower()
    return pinyin.syllable(character) or character


def spelled(text: str) -> str:
    """A text's syllables run together."""
    return "".join([syllable(character) for character in text])


def spelled_name(family: str, given: str) -> str:
    """A person's name run together, the family name in its own reading: 曾玲 is «zengling»."""
    return (SURNAME_READINGS.get(family) or spelled(family)) + spelled(given)
