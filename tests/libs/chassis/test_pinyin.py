"""The compact tables of pinyin against pypinyin's own, entry by entry."""

from __future__ import annotations

import subprocess
import sys

from pypinyin import lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from tercet_chassis.pinyin import syllable, syllables


def test_every_character_reads_as_pypinyin_reads_it() -> None:
    characters = [chr(code) for code in PINYIN_DICT]
    assert [one for one in characters if syllable(one) != lazy_pinyin(one)[0]] == []


def test_every_phrase_reads_as_pypinyin_reads_it() -> None:
    assert [one for one in PHRASES_DICT if syllables(one) != lazy_pinyin(one)] == []


def test_phrases_within_a_name_are_found_and_what_has_no_reading_is_left_out() -> None:
    assert syllables("中国银行") == ["zhong", "guo", "yin", "hang"]
    assert syllables("行a吕") == ["xing", "lv"]
    assert syllables("") == []
    assert syllable("a") == syllable("\U0010ffff") == ""


def test_reading_names_keeps_no_dictionaries_in_memory() -> None:
    program = (
        "import sys; import tercet_chassis.pinyin as p\n"
        "size = lambda: int(open('/proc/self/statm').read().split()[1]) * 4\n"
        "before = size(); assert p.syllables('银行') == ['yin', 'hang']\n"
        "assert 'pypinyin' not in sys.modules; print(size() - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert int(grown) < 12_000, f"{grown} kB"
