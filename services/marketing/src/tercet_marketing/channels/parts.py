"""Long texts through messengers that take short ones: in parts, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tercet_marketing.channels.contract import Later, Refused, Unclear

# What WeChat and WeCom take at once; WeCom's apps cut the rest off without a word.
MOST_BYTES = 2_048


def parts_of(text: str, most: int = MOST_BYTES) -> list[str]:
    """A text in parts of at most so many bytes of UTF-8: cut where a line ends, or else between two characters. What is
    said is in them in its order and whole, but for the ends of lines at which it is cut.
    """
    parts = []
    while len(content := text.encode()) > most:
        part = content[:most].decode("utf-8", "ignore")
        # A line that ends early would leave a part of a few words.
        end = part.rfind("\n", len(part) // 2)
        part = part if end < 0 else part[:end]
        parts.append(part)
        text = text[len(part) :].removeprefix("\n") if end >= 0 else text[len(part) :]
    return [*parts, text] if text or not parts else parts


async def sent_in_parts(text: str, send: Callable[[int, str], Awaitable[Any]]) -> Any:
    """Sends the parts of a text by `send(number, part)`, from 0; gives the last answer. What fails before anything went
    is raised as it is; after that nobody may begin again by themselves, so it is `Unclear`.
    """
    answer, parts = None, parts_of(text)
    for number, part in enumerate(parts):
        try:
            answer = await send(number, part)
        except (Refused, Later, Unclear) as fault:
            if number:
                raise Unclear(f"{number} of {len(parts)} parts went, then: {fault.detail}") from fault
            raise
    return answer
