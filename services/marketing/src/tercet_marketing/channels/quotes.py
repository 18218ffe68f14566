"""Where an answer ends and what it repeats begins. Nothing is lost: what is cut off is kept beside it."""

from __future__ import annotations

import re

# Lines after which mail programs put the message that is answered.
_HEADS = (
    re.compile(
        r"^[-_]{2,}\s*(original message|原始邮件|原始郵件|ursprüngliche nachricht|message d'origine)\s*[-_]{2,}$", re.I
    ),
    re.compile(r"^(on|am|le|el|il)\s.{4,200}(wrote|schrieb|a écrit|escribió|ha scritto)\s?[:\uff1a]?$", re.I),
    re.compile(r"^.{0,12}\d{4}.{4,200}(写道|寫道|编写|来信)\s?[:\uff1a]$"),
    re.compile(r"^(在|于).{4,200}(写道|寫道)\s?[:\uff1a]$"),
)
_BLOCK = re.compile(r"^\**(from|发件人|發件人|寄件者|von|de)\**\s?[:\uff1a].*", re.I)
_BLOCK_MORE = re.compile(
    r"^\**(sent|date|to|subject|发送时间|發送時間|寄件日期|日期|收件人|主题|主題|gesendet|envoyé)\**\s?[:\uff1a]", re.I
)
_FORWARD = re.compile(r"^\s*(fw|fwd|wg|tr|转发|轉寄|轉發)\s?[:\uff1a]", re.I)


def split(text: str, *, subject: str, answers: bool) -> tuple[str, str]:
    """The new text and what it repeats below. Whoever forwards means what is below; of what answers nothing, nothing is
    cut off, nor where nothing would be left.
    """
    if not answers or _FORWARD.match(subject):
        return text, ""
    lines = text.split("\n")
    cut = next((number for number in range(len(lines)) if _begins(lines, number)), len(lines))
    cut = min(cut, _trailing_marks(lines))
    own, repeated = "\n".join(lines[:cut]).rstrip(), "\n".join(lines[cut:]).strip("\n")
    return (own, repeated) if own.strip() else (text, "")


def _begins(lines: list[str], number: int) -> bool:
    line = lines[number].strip()
    if not line or len(line) > 400:
        return False
    # Mail programs break the long line of who wrote when.
    joined = f"{line} {lines[number + 1].strip()}" if number + 1 < len(lines) else line
    if any(head.match(line) or head.match(joined) for head in _HEADS):
        return True
    following = [each.strip() for each in lines[number + 1 : number + 5]]
    return bool(_BLOCK.match(line)) and sum(bool(_BLOCK_MORE.match(each)) for each in following) >= 2


def _trailing_marks(lines: list[str]) -> int:
    """Where a last run of lines with `>` begins; what stands between such lines was written between them."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and (lines[start - 1].lstrip().startswith(">") or not lines[start - 1].strip()):
        start -= 1
    return start if start < end and any(line.lstrip().startswith(">") for line in lines[start:end]) else len(lines)
