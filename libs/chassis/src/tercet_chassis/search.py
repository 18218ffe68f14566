"""Words for free-text search: Chinese characters and pairs, their pinyin, Latin words and their beginnings.

PostgreSQL's own parsers see a Chinese sentence as one word, so what is stored and what is asked are both cut here, the
same way. Words of personal values carry the number of their class, so that whom a class is masked for cannot find by
it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from typing import Any

from tercet_chassis.pinyin import syllables

_RUNS = re.compile(r"[㐀-鿿豈-﫿]+|[^\W㐀-鿿豈-﫿]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LONGEST_PREFIX = 12
_LONGEST_WORD = 64
_LONGEST_NAME = 8
_MOST_WORDS = 400
_DIGITS = frozenset("0123456789")


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def folded(text: str) -> str:
    """Text as search compares it: NFKC, simplified characters, lower case."""
    if text.isascii():
        return text.lower()
    normal = unicodedata.normalize("NFKC", text)
    if _HAN.search(normal):
        normal = _converter().convert(normal)
    return normal.casefold()


def index_words(texts: Iterable[tuple[int, str | None]]) -> list[str]:
    """The words to store for these texts, each text with its class of personal data (0: none); at most 400."""
    words: list[str] = []
    for personal, text in texts:
        if text:
            for run in _RUNS.findall(folded(text)):
                # Hardly a number comes twice, and names, cities and company words come again and again.
                words += _cut(personal, run) if run[-1] in _DIGITS else _of_run(personal, run)
    return list(dict.fromkeys(words))[:_MOST_WORDS]


def query_expression(text: str, classes: Collection[int]) -> str:
    """The tsquery that finds rows with all words of `text` in fields of these classes; empty when it has no words."""
    words: dict[str, None] = {}
    for run in _RUNS.findall(folded(text)):
        if _HAN.match(run):
            words.update(dict.fromkeys(_pairs(run) if len(run) > 1 else [run]))
        else:
            words[run[:_LONGEST_WORD]] = None
    alternatives = (" | ".join(_quoted(_tagged(personal, word)) for personal in sorted(classes)) for word in words)
    return " & ".join(f"({one})" for one in alternatives)


@lru_cache(maxsize=8_192)  # a kilobyte each
def _of_run(personal: int, run: str) -> tuple[str, ...]:
    return tuple(_cut(personal, run))


def _cut(personal: int, run: str) -> list[str]:
    if not _HAN.match(run):
        words = _beginnings(run[:_LONGEST_WORD])
        if run.isdigit() and len(run) >= 7:
            words.append(run[-4:])
    else:
        words = [*run, *_pairs(run)]
        if len(run) <= _LONGEST_NAME:
            read = syllables(run)
            words += _beginnings("".join(read))
            words.append("".join([syllable[0] for syllable in read]))
    if personal:
        tag = f"{personal}:"
        return [tag + word for word in words]
    return words


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _beginnings(word: str) -> list[str]:
    return [word, *[word[:end] for end in range(2, min(len(word), _LONGEST_PREFIX))]]


def _tagged(personal: int, word: str) -> str:
    return f"{personal}:{word}" if personal else word


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
