"""Words for free-text search: Chinese characters and pairs, their pinyin, Latin words and their beginnings.

PostgreSQL's own parsers see a Chinese sentence as one word, so what is stored and what is asked are both cut here, the
same way. Words of personal values carry the number of their class, so that whom a class is masked for cannot find by
it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

_RUNS = re.compile(r"[㐀-鿿豈-﫿]+|[^\W㐀-鿿豈-﫿]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LONGEST_PREFIX = 12
_LONGEST_WORD = 64
_LONGEST_NAME = 8
_MOST_WORDS = 400


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def folded(text: str) -> str:
    """Text as search compares it: NFKC, simplified characters, lower case."""
    normal = unicodedata.normalize("NFKC", text)
    if _HAN.search(normal):
        normal = _converter().convert(normal)
    return normal.casefold()


def index_words(texts: Iterable[tuple[int, str | None]]) -> list[str]:
    """The words to store for these texts, each text with its class of personal data (0: none); at most 400."""
    words: dict[str, None] = {}
    for personal, text in texts:
        for run in _RUNS.findall(folded(text or "")):
            found = _of_run(run)
            words.update(dict.fromkeys([f"{personal}:{word}" for word in found] if personal else found))
    return list(words)[:_MOST_WORDS]


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


# Names, cities and company words come again and again, and looking up pinyin costs more than all else here.
@lru_cache(maxsize=32_768)
def _of_run(run: str) -> tuple[str, ...]:
    return tuple(_cut(run))


def _cut(run: str) -> Iterator[str]:
    if not _HAN.match(run):
        yield from _beginnings(run[:_LONGEST_WORD])
        if run.isdigit() and len(run) >= 7:
            yield run[-4:]
        return
    yield from run
    yield from _pairs(run)
    if len(run) <= _LONGEST_NAME:
        from pypinyin import lazy_pinyin

        syllables = [syllable for syllable in lazy_pinyin(run) if syllable]
        yield from _beginnings("".join(syllables))
        yield "".join(syllable[0] for syllable in syllables)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _beginnings(word: str) -> Iterator[str]:
    yield word
    for end in range(2, min(len(word), _LONGEST_PREFIX)):
        yield word[:end]


def _tagged(personal: int, word: str) -> str:
    return f"{personal}:{word}" if personal else word


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
