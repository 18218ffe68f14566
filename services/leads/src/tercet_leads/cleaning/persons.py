"""Names of persons: the name alone, and what kind of name it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from tercet_leads.cleaning.pinyin import spelled, spelled_name
from tercet_leads.cleaning.surnames import COMPOUND, SINGLE, is_surname_pinyin, split_name
from tercet_leads.cleaning.text import has_han, is_placeholder, simplify, squeeze

# Longest first, so that 总经理 goes before 经理.
_TITLES = tuple(
    sorted(
        """
        董事长 副董事长 总经理 副总经理 副总 总监 销售总监 市场总监 经理 采购经理 销售经理 项目经理 客户经理
        大客户经理 主任 副主任 主管 老板 老板娘 店长 厂长 处长 科长 部长 局长 院长 校长 所长 站长 队长 组长 会长
        秘书长 秘书 助理 会计 出纳 财务 采购 法人 负责人 联系人 工程师 设计师 教授 博士 医生 大夫 律师 老师 师傅 教练
        书记 先生 女士 小姐 太太 夫人 同学 同志 总 董 工 姐 哥 叔 姨 嫂 婶 伯 爷 妹 弟 阿姨 大姐 大哥 叔叔
        """.split(),
        key=len,
        reverse=True,
    )
)
_LONG_TITLES = tuple(title for title in _TITLES if len(title) > 1)
_SHORT_TITLES = frozenset(title for title in _TITLES if len(title) == 1)
_LATIN_TITLES = re.compile(
    r"^(?:mr|mrs|ms|miss|dr|prof|sir|madam)\b\.?\s*|\s*,?\s*\b(?:mr|mrs|ms|jr|sr|phd|md|mba)\b\.?$", re.IGNORECASE
)
_BRACKETED = re.compile(r"\s*[(\[【<「(].*?(?:[)\]】>」)]|$)\s*")
_TAIL = re.compile(r"[\s\-—_/·:,.。、,]+$|^[\s\-—_/:,.。、,]+")
_NOT_NAME = re.compile(r"[^\u3400-\u9fff·]")
_GENDER = {
    "先生": "male",
    "女士": "female",
    "小姐": "female",
    "太太": "female",
    "夫人": "female",
    "姐": "female",
    "哥": "male",
}
_PREFIXES = ("小", "老", "阿")


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name: `value` as shown, `form` how much of it there is, `spelling` its pinyin in letters only.

    Forms: full (family and given name), partial (family name and honorific: 张总), latin (written in letters),
    nickname.
    """

    value: str = ""
    form: str = ""
    family: str = ""
    given: str = ""
    honorific: str = ""
    gender: str = ""
    spelling: str = ""
    flags: tuple[str, ...] = ()


NO_NAME = PersonName()


@lru_cache(maxsize=16384)
def clean_person(raw: str) -> PersonName:
    """The name without honorifics, notes and blanks, in simplified characters; flagged where it is no full name."""
    found = _read(raw)
    for _ in range(4):
        if not found.value or found.value == raw:
            break
        # What stood under one honorific or note may stand under another: 王芳(经理)女士.
        again = _read(found.value)
        if again.value == found.value:
            break
        found = replace(
            again,
            honorific=again.honorific or found.honorific,
            gender=again.gender or found.gender,
            flags=tuple(dict.fromkeys((*found.flags, *again.flags))),
        )
    return found


def _read(raw: str) -> PersonName:
    text = squeeze(raw)
    if not text or is_placeholder(text):
        return NO_NAME
    flags: list[str] = []
    simplified = simplify(text)
    if simplified != text:
        flags.append("simplified")
    text = simplified
    found = _chinese(text, flags) if has_han(text) else _latin(text, flags)
    return PersonName(flags=(*found.flags, "not_a_name")) if found.value and not _is_name(found.value) else found


def _is_name(value: str) -> bool:
    return any(character.isalpha() for character in value) and not is_placeholder(value)


def _chinese(text: str, flags: list[str]) -> PersonName:
    honorific = ""
    bare = _BRACKETED.sub("", text) or text.strip("()[]【】<>「」")
    if bare != text:
        flags.append("note_removed")
        honorific = next((title for title in _LONG_TITLES if title in text[len(bare) :]), "")
    words = re.split(r"\s*[\s\-—_/]\s*", bare)
    if len(words) > 1 and words[-1] in _TITLES and len("".join(words[:-1])) >= 2:
        honorific, bare = words[-1], "".join(words[:-1])
    bare = _TAIL.sub("", bare.replace(" ", "")).replace("•", "·").replace("・", "·")
    stripped = _strip_title(bare)
    if stripped != bare:
        honorific, bare = bare[len(stripped) :], stripped
    gender = _GENDER.get(honorific, "")
    if honorific:
        flags.append("honorific_removed")
    family, given = split_name(bare)
    if honorific and (bare in SINGLE or bare in COMPOUND):
        return PersonName(
            bare + honorific, "partial", bare, "", honorific, gender, spelled_name(bare, ""), (*flags, "partial_name")
        )
    if bare[:1] in _PREFIXES and len(bare) == 2:
        if bare[1] in SINGLE and bare[0] != "阿":
            spelling = spelled_name(bare[1], "")
            return PersonName(
                bare, "partial", bare[1], "", honorific or bare[0], gender, spelling, (*flags, "partial_name")
            )
        return PersonName(bare, "nickname", "", bare[1], honorific, gender, spelled(bare[1]), (*flags, "nickname"))
    if "·" in bare and not _NOT_NAME.search(bare):
        return PersonName(bare, "full", "", bare, honorific, gender, spelled(bare.replace("·", "")), tuple(flags))
    if family and given and len(given) <= 2 and not _NOT_NAME.search(bare):
        return PersonName(bare, "full", family, given, honorific, gender, spelled_name(family, given), tuple(flags))
    if (
        not family
        and 2 <= len(bare) <= 4
        and not _NOT_NAME.search(bare)
        and "的" not in bare
        and bare[0] not in _PREFIXES
    ):
        flags.append("family_name_unusual")
        return PersonName(bare, "full", bare[0], bare[1:], honorific, gender, spelled(bare), tuple(flags))
    return PersonName(bare, "nickname", "", bare, honorific, gender, spelled(bare), (*flags, "nickname"))


def _strip_title(name: str) -> str:
    for title in _LONG_TITLES:
        if name.endswith(title) and len(name) > len(title):
            rest = name[: -len(title)]
            if rest in SINGLE or rest in COMPOUND or (len(rest) >= 2 and split_name(rest)[0]):
                return rest
    # One character may end a real name (王工, 李哥 but also 张伟董): taken off only after a bare family name.
    if len(name) > 1 and name[-1] in _SHORT_TITLES and (name[:-1] in SINGLE or name[:-1] in COMPOUND):
        return name[:-1]
    if len(name) >= 4 and name[-1] == "总" and split_name(name)[0]:
        return name[:-1]
    return name


def _latin(text: str, flags: list[str]) -> PersonName:
    bare = _BRACKETED.sub(" ", text).strip() or text
    untitled = _LATIN_TITLES.sub("", bare).strip()
    honorific = ""
    if untitled and untitled != bare:
        honorific, bare = bare.replace(untitled, "").strip(" ,."), untitled
        flags.append("honorific_removed")
    family_first = "," in bare
    words = [word for word in re.split(r"[\s,._]+", bare) if word]
    words = [re.sub(r"[^A-Za-z0-9\u00c0-\u024f'\-]", "", word) for word in words]
    words = [word for word in words if word.strip("-'")]
    if not words:
        return PersonName(flags=(*flags, "not_a_name"))
    lower = [word.lower().replace("-", "").replace("'", "").replace("ü", "v") for word in words]
    if len(words) == 1:
        return PersonName(
            _titled(words[0]), "latin", "", _titled(words[0]), honorific, "", lower[0], (*flags, "single_word")
        )
    both = is_surname_pinyin(lower[0]) and is_surname_pinyin(lower[-1])
    leads = is_surname_pinyin(lower[0]) and not (both and words[-1].isupper() and not words[0].isupper())
    if leads or family_first:
        family, given, spelling = words[0], " ".join(words[1:]), "".join(lower)
    else:
        family, given, spelling = words[-1], " ".join(words[:-1]), lower[-1] + "".join(lower[:-1])
    # A Chinese name is written family name first, any other given name first.
    pair = (family, given) if is_surname_pinyin(family.lower()) else (given, family)
    value = " ".join(_titled(word) for word in pair)
    return PersonName(value, "latin", _titled(family), _titled(given), honorific, "", spelling, tuple(flags))


def _titled(word: str) -> str:
    return (
        word
        if not (word.isupper() or word.islower())
        else " ".join(part[:1].upper() + part[1:].lower() for part in word.split(" "))
    )
