"""Words of articles and of what people ask: Chinese by characters and pairs, everything else by words; no limit to how
many, for articles are long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tercet_chassis.search import folded

_RUNS = re.compile(r"[㐀-鿿豈-﫿]+|[^\W_㐀-鿿豈-﫿]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LONGEST = 64
# A tsvector holds a megabyte; this many pairs are a third of it.
_MOST = 30_000
TITLE = "t:"
_SUGGESTED_BY = 24
# Characters that bind a sentence and tell nothing about its matter.
_BINDING = frozenset(
    "的了是我你您他她它们在和与也就都很吗呢吧啊呀请问怎么什这那有个一不会能可以要没还把被给到对让但而或之其啦嘛想谢好"
)
_PLAIN = frozenset(
    "the a an and or of to in on at is are was be been it its this that i you we my your our me with for from "
    "not no do does did can could how what when why where have has had please help hi hello thanks there if as "
    "by so but just any all will would should get got am pm".split()
)


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    for run in _RUNS.findall(folded(text)):
        yield bool(_HAN.match(run)), run[:_LONGEST] if not _HAN.match(run) else run


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _all(text: str) -> Iterator[str]:
    for han, run in _runs(text):
        if han:
            yield from run
            yield from _pairs(run)
        else:
            yield run


def kept_words(title: str, keywords: Iterable[str], texts: Iterable[str]) -> list[str]:
    """The words to store for an article: those of the title and of its keywords once more with a mark."""
    known: dict[str, None] = {}
    for text in (title, *keywords):
        for word in _all(text):
            known[word] = known[TITLE + word] = None
    for text in texts:
        for word in _all(text):
            known[word] = None
            if len(known) >= _MOST:
                return list(known)
    return list(known)


def asked_words(text: str) -> list[str]:
    """The words that all must be in an article that is searched for, in their order."""
    words: dict[str, None] = {}
    for han, run in _runs(text):
        words.update(dict.fromkeys(_pairs(run) if han and len(run) > 1 else [run]))
    return list(words)


def telling_words(texts: Iterable[str]) -> list[str]:
    """The words of a longer text by which articles are suggested: those that tell something, the first texts first, and
    of several pieces of a text the same share each.
    """
    words: dict[str, None] = {}
    for text in texts:
        room = _SUGGESTED_BY - len(words)
        if room <= 0:
            break
        telling = [word for word in _telling(text) if word not in words]
        # Not the first lines alone: the matter often comes after the greeting.
        step = max(1, len(telling) / room)
        words.update(dict.fromkeys(telling[int(at * step)] for at in range(min(room, len(telling)))))
    return list(words)


def _telling(text: str) -> list[str]:
    known: dict[str, None] = {}
    for han, run in _runs(text):
        if not han:
            if len(run) > 1 and run not in _PLAIN:
                known[run] = None
        elif len(run) == 1:
            known.update({} if run in _BINDING else {run: None})
        else:
            known.update(dict.fromkeys(pair for pair in _pairs(run) if not _BINDING.intersection(pair)))
    return list(known)


def all_of(words: list[str], *, title: bool = False, whole: bool = False) -> str:
    """The query for articles with all words, in the title where asked. The last one may be the beginning of a longer
    Latin word unless `whole`.
    """
    parts = [_quoted(TITLE + word if title else word) for word in words]
    if words and not whole and len(words[-1]) > 1 and not _HAN.match(words[-1]):
        parts[-1] += ":*"
    return " & ".join(parts)


def any_of(words: Iterable[str]) -> str:
    """The query for articles with any of the words; each counts twice in a title."""
    return " | ".join(f"{_quoted(word)} | {_quoted(TITLE + word)}" for word in words)


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def snippet(text: str, words: Iterable[str], width: int = 120) -> str:
    """The piece of the text in which most of the words stand, in one line; its beginning when none does."""
    plain = " ".join(text.split())
    compared = folded(plain)
    if len(compared) != len(plain) or len(plain) <= width:
        # Folding that changes the length would point beside the words.
        return plain[:width]
    places = sorted((at, word) for word in words for at in _places(compared, word))
    best, start = 0, 0
    for index, (at, _) in enumerate(places):
        inside = {word for place, word in places[index : index + 50] if place + len(word) <= at + width * 3 // 4}
        if len(inside) > best:
            best, start = len(inside), at
    begin = max(0, start - width // 4) if best else 0
    piece = plain[begin : begin + width].strip()
    return f"{'…' if begin else ''}{piece}{'…' if begin + width < len(plain) else ''}"


def _places(text: str, word: str) -> Iterator[int]:
    at, found = text.find(word), 0
    while at >= 0 and found < 20:
        yield at
        at, found = text.find(word, at + 1), found + 1
