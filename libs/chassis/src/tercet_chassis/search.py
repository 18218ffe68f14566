"""Words for free-text search in Chinese and Latin: single characters and pairs for Chinese, words and their beginnings for Latin, pinyin.

PostgreSQL's own parsers see a Chinese sentence as one word, so both what is stored and what is asked are cut here, the same way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

_RUNS = re.compile(r"[㐀-鿿豈-﫿]+|[^\W㐀-鿿豈-﫿]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LONGEST_PREFIX = 12
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


def _pinyin(run: str) -> Iterable[str]:
    from pypinyin import lazy_pinyin

    syllables = lazy_pinyin(run)
    yield "".join(syllables)
    yield "".join(syllable[0] for syllable in syllables if syllable)


def index_words(texts: Iterable[str | None]) -> list[str]:
    """The words to store for these texts, at most 400."""
    words: dict[str, None] = {}
    for text in texts:
        for run in _RUNS.findall(folded(text or "")):
            if _HAN.match(run):
                words.update(dict.fromkeys(run))
                words.update(dict.fromkeys(run[at : at + 2] for at in range(len(run) - 1)))
                if len(run) <= 8:
                    words.update(dict.fromkeys(_pinyin(run)))
            else:
                words[run] = None
                words.update(dict.fromkeys(run[:end] for end in range(2, min(len(run), _LONGEST_PREFIX))))
                if run.isdigit() and len(run) >= 7:
                    words[run[-4:]] = None
    return list(words)[:_MOST_WORDS]


def query_words(text: str) -> list[str]:
    """The words that must all be stored for a row to be found by `text`; none when it has no letters or digits."""
    words: dict[str, None] = {}
    for run in _RUNS.findall(folded(text)):
        if _HAN.match(run):
            words.update(dict.fromkeys(run[at : at + 2] for at in range(len(run) - 1)) if len(run) > 1 else {run: None})
        else:
            words[run] = None
    return list(words)
