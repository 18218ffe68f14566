"""Pinyin without tones: pypinyin's readings and phrases, in the least memory that answers.

Imported as a package, pypinyin holds 56 MB of dictionaries in every process that ever meets a Chinese name. What is
kept here of the same files is below 2 MB: a syllable's number for each character, a digest for each phrase, and
the readings of those few thousand phrases that are not read as their characters are.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

_FIRST, _LAST = 0x3000, 0x323AF
_LONGEST_PHRASE = 10
# Entry by entry over the bytes: parsed as a whole, the files would leave the process 20 MB larger.
_CHARACTER = re.compile(rb'"(\d+)": "([^",]+)')
_PHRASE = re.compile(rb'"([^"]+)": \[([^:]*)\]')
_READING = re.compile(r'\[\s*"([^"]*)"')
# Tone marks go; the dots of ü and the hat of ê are no tones.
_TONES = dict.fromkeys(map(ord, "\u0300\u0301\u0304\u030c"))


class _Tables:
    """The dictionaries of pypinyin, read once."""

    def __init__(self) -> None:
        spec = find_spec("pypinyin")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("pypinyin is not installed: it brings the readings of Chinese characters")
        folder = Path(spec.origin).parent
        self._characters((folder / "pinyin_dict.json").read_bytes())
        self._phrases((folder / "phrases_dict.json").read_bytes())

    def _characters(self, entries: bytes) -> None:
        numbers: dict[str, int] = {"": 0}
        self.numbers = array("H", bytes(2 * (_LAST - _FIRST + 1)))
        for entry in _CHARACTER.finditer(entries):
            code = int(entry[1])
            if _FIRST <= code <= _LAST:
                self.numbers[code - _FIRST] = numbers.setdefault(_toneless(entry[2].decode()), len(numbers))
        self.syllables = list(numbers)

    def _phrases(self, entries: bytes) -> None:
        digests = array("q")
        self.own: dict[str, tuple[str, ...]] = {}
        for entry in _PHRASE.finditer(entries):
            phrase = entry[1].decode()
            digests.append(hash(phrase))
            # One list a character, the commonest reading first.
            read = tuple(map(_toneless, _READING.findall(entry[2].decode())))
            if read != tuple(map(self.character, phrase)):
                self.own[phrase] = read
        self.digests = array("q", sorted(digests))

    def character(self, character: str) -> str:
        at = ord(character) - _FIRST
        return self.syllables[self.numbers[at]] if 0 <= at < len(self.numbers) else ""

    def has_phrase(self, text: str) -> bool:
        digest = hash(text)
        at = bisect_left(self.digests, digest)
        return at < len(self.digests) and self.digests[at] == digest


_tables = cache(_Tables)


@lru_cache(maxsize=2_048)
def _toneless(reading: str) -> str:
    bare = unicodedata.normalize("NFC", unicodedata.normalize("NFD", reading).translate(_TONES))
    return bare.replace("ü", "v")


def syllable(character: str) -> str:
    """The commonest reading of one character («lv» for 吕), empty when it has none."""
    return _tables().character(character)


def syllables(text: str) -> list[str]:
    """The readings of a text, phrases read as phrases are («yin hang» for 银行); what has none is left out."""
    tables = _tables()
    found: list[str] = []
    at = 0
    while at < len(text):
        length = next(
            (n for n in range(min(_LONGEST_PHRASE, len(text) - at), 1, -1) if tables.has_phrase(text[at : at + n])), 1
        )
        word = text[at : at + length]
        found += tables.own.get(word) or map(tables.character, word)
        at += length
    return [one for one in found if one]
