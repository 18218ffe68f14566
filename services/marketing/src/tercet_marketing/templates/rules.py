"""Templates without a database: which body serves, and what comes of it. Liquid in a sandbox: no files, no other
templates, bounded in loops and output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

import nh3
from liquid import BoundTemplate, Environment, Undefined
from liquid.exceptions import LiquidError, ResourceLimitError

from tercet_marketing.templates.errors import (
    TemplateBodyMissing,
    TemplateInvalid,
    TemplateTooLarge,
    TemplateVariablesMissing,
)

Json = dict[str, Any]
REFUSE, BLANK, FALLBACK = "REFUSE", "BLANK", "FALLBACK"
PARTS = ("subject", "text", "html", "short_text")
# What every text may use without anybody handing it in.
GIVEN = frozenset({"customer", "language", "preferences_url", "unsubscribe_url"})
_MOST_OUTPUT, _MOST_TURNS, _MOST_NAMES = 400_000, 20_000, 400_000
# Tags that would read other templates, and one that shows what is inside.
_FORBIDDEN_TAGS = ("include", "render")
_missing: ContextVar[dict[str, None]] = ContextVar("tercet_missing_variables")


class _Absent(Undefined):
    """A variable without a value: noted when something of it would be shown, silent in conditions and `default`."""

    __slots__ = ()

    def __str__(self) -> str:
        _missing.get()[self.name] = None
        return ""

    def __iter__(self) -> Any:
        _missing.get()[self.name] = None
        return iter([])


class _Sandbox(Environment):
    context_depth_limit = 10
    block_nesting_limit = 20
    loop_iteration_limit = _MOST_TURNS
    output_stream_limit = _MOST_OUTPUT
    local_namespace_limit = _MOST_NAMES


def _sandbox(*, escapes: bool) -> Environment:
    made = _Sandbox(autoescape=escapes, undefined=_Absent)
    for tag in _FORBIDDEN_TAGS:
        del made.tags[tag]
    return made


_PLAIN, _HTML = _sandbox(escapes=False), _sandbox(escapes=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """What a template has come to."""

    language: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    short_text: str = ""
    missing: tuple[str, ...] = ()

    def whole(self) -> Texts:
        """With a plain text made from the HTML where there is none, so that nobody gets an empty message."""
        if self.text or not self.html:
            return self
        return Texts(self.language, self.subject, plain_of(self.html), self.html, self.short_text, self.missing)


@dataclass(frozen=True, slots=True)
class Source:
    """One version of a template, ready to be rendered."""

    code: str
    default_language: str
    missing: str
    variables: Sequence[Json]
    bodies: Sequence[Json]

    def render(self, channel_code: str, language: str, values: Mapping[str, Any], *, lenient: bool = False) -> Texts:
        """The texts for a channel in the nearest language. Refuses variables without a value unless the template
        allows it, bodies beyond their limits, and a template that has nothing for the channel. `lenient` notes what
        is missing and refuses nothing for it.
        """
        body = chosen_body(self.bodies, channel_code, language, self.default_language)
        if body is None:
            raise TemplateBodyMissing(template_code=self.code, channel_code=channel_code)
        given = with_values(values)
        if self.missing == FALLBACK:
            for variable in self.variables:
                if variable.get("fallback"):
                    given.setdefault(variable["code"], variable["fallback"])
        given["language"] = body["language"]
        absent: dict[str, None] = {}
        token = _missing.set(absent)
        try:
            made = {part: _render(body.get(part, ""), part, given) for part in PARTS}
        finally:
            _missing.reset(token)
        if absent and not lenient and self.missing != BLANK:
            raise TemplateVariablesMissing(template_code=self.code, names=", ".join(absent))
        # A subject in two lines would be a header of its own.
        made["subject"] = " ".join(made["subject"].split())
        return Texts(body["language"], **made, missing=tuple(absent)).whole()


def chosen_body(bodies: Sequence[Json], channel_code: str, language: str, default_language: str) -> Json | None:
    """The body for a channel in the nearest language: the channel's own before that for all, in each language."""
    for wanted in (*_widening(language), *_widening(default_language)):
        for channel in (channel_code, ""):
            for body in bodies:
                if body.get("channel_code", "") == channel and body["language"].lower() == wanted:
                    return body
    # A relative of the language that was asked for is better than nothing: zh-TW for zh-HK.
    family = language.split("-")[0].lower()
    fitting = [body for body in bodies if body.get("channel_code", "") in (channel_code, "")]
    fitting.sort(key=lambda body: (body["language"].split("-")[0].lower() != family, not body.get("channel_code")))
    return fitting[0] if fitting else None


def _widening(language: str) -> Iterable[str]:
    parts = [part for part in language.lower().split("-") if part]
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def with_values(values: Mapping[str, Any]) -> Json:
    """The values without those that say nothing: an empty name is no name."""
    kept: Json = {}
    for name, value in values.items():
        inner = with_values(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != "":
            kept[name] = inner
    return kept


def undeclared(bodies: Iterable[Json], declared: Iterable[str]) -> list[str]:
    """Variables that bodies use and nobody declares. Refuses a body that does not parse, saying which."""
    known = {*declared, *GIVEN}
    found: dict[str, None] = {}
    for number, body in enumerate(bodies):
        for part in PARTS:
            parsed = _parsed(body.get(part, ""), part == "html", f"bodies[{number}].{part}")
            for name in parsed.analyze().globals:
                if name not in known:
                    found[name] = None
    return sorted(found)


def _parsed(text: str, escapes: bool, place: str) -> BoundTemplate:
    try:
        return _parse(text, escapes)
    except (LiquidError, RecursionError) as wrong:
        raise TemplateInvalid(detail=f"{place}: {_first_line(wrong)}") from wrong


@lru_cache(maxsize=2_000)
def _parse(text: str, escapes: bool) -> BoundTemplate:
    return (_HTML if escapes else _PLAIN).from_string(text)


def _render(text: str, part: str, values: Json) -> str:
    if not text:
        return ""
    parsed = _parsed(text, part == "html", part)
    try:
        made = parsed.render(**values)
    except (ResourceLimitError, MemoryError) as limit:
        raise TemplateTooLarge(detail=f"{part}: {_first_line(limit)}") from limit
    except (LiquidError, ArithmeticError, ValueError, TypeError, RecursionError) as wrong:
        raise TemplateInvalid(detail=f"{part}: {_first_line(wrong)}") from wrong
    return safe_html(made) if part == "html" else made


def _first_line(fault: BaseException) -> str:
    # What follows quotes the text around, which may hold a customer's values.
    return str(fault).split("\n", 1)[0][:200] or type(fault).__name__


_TAGS = nh3.ALLOWED_TAGS | {"html", "head", "body", "title", "font"}
_STYLED = {tag: {"style", "class", "align", "valign", "width", "height", "bgcolor", "color"} for tag in _TAGS}
_ATTRIBUTES = {tag: nh3.ALLOWED_ATTRIBUTES.get(tag, set()) | _STYLED[tag] for tag in _TAGS}


def safe_html(html: str) -> str:
    """HTML without scripts, forms and whatever else would run in the reader's mail program."""
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto", "tel"})


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "title"):
            self._hidden += 1
        elif tag in ("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "table"):
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "title"):
            self._hidden = max(0, self._hidden - 1)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def plain_of(html: str) -> str:
    """What HTML says, as plain text."""
    reader = _Plain()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
