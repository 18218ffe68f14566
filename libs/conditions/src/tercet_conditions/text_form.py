"""The text form: the filter language of AIP-160, read by recursive descent.

As in AIP-160 OR binds tighter than AND, and terms side by side are joined by AND. Beyond it: `now()`, moved by
`now() - 30d`, and a list of values after `=` in parentheses, `state = (NEW OR OPEN)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .check import LIMITS, Check, Limits
from .clock import parse_offset
from .errors import ConditionError, Reason
from .schema import FieldType, Schema
from .tree import And, Node, Not, Now, Op, Or, depth
from .values import INSTANT

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()<>=!:,\"']+")
_MOMENT = re.compile(INSTANT + r"(?![^\s)])")
_COMPARATOR = re.compile(r"<=|>=|!=|[<>=:]")
_NEGATION = re.compile(r"-|NOT(?=[\s(])")
_OFFSET = re.compile(r"\s*([+-])\s*([0-9]+[a-z]+)(?![^\s)])")
_KEYWORDS = ("AND", "OR", "NOT")
_FAULT = And()  # stands where a term was refused; the reading ends in the refusal


def parse_text(text: str, schema: Schema, *, limits: Limits = LIMITS) -> Node:
    """Reads a filter; the empty one is `And(())`. Refuses (ConditionError) at character offsets."""
    check = Check(schema, limits)
    if len(text.encode("utf-8", "surrogatepass")) > limits.text_bytes:
        message = f"a filter may be {limits.text_bytes} bytes long: shorten it, or save it as a segment"
        raise check.stop(Reason.TOO_LONG, message, 0)
    tree = _Parser(text, check).whole()
    check.fits(depth(tree), 0)
    check.done()
    return tree


@dataclass(frozen=True)
class _Arg:
    """What stands after a comparator; `starred` tells a wildcard before, after, or (both, of no body) instead of it."""

    value: str | Now
    at: int
    starred: tuple[bool, bool] = (False, False)


class _Parser:
    def __init__(self, text: str, check: Check) -> None:
        self.text = text
        self.check = check
        self.at = 0

    def whole(self) -> Node:
        self.space()
        if self.at == len(self.text):
            return And()
        tree = self.expression()
        if self.at < len(self.text):
            raise self.wrong(f"{self.here()} is not expected: remove it or join by AND or OR")
        return tree

    def expression(self) -> Node:
        terms = [self.factor()]
        while self.at < len(self.text) and self.text[self.at] != ")":
            if not self.text[self.at - 1].isspace():
                raise self.wrong(f"{self.here()} is not expected: separate conditions by a space, AND or OR")
            self.keyword("AND")
            terms.append(self.factor())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def factor(self) -> Node:
        terms = [self.term()]
        while self.keyword("OR"):
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def term(self) -> Node:
        negation = _NEGATION.match(self.text, self.at)
        if negation:
            self.at = negation.end()
            if negation[0] == "NOT":
                self.space()
        node = self.composite() if self.text[self.at : self.at + 1] == "(" else self.restriction()
        self.space()
        return Not(node) if negation else node

    def composite(self) -> Node:
        opened = self.at
        self.at += 1
        self.space()
        with self.check.level(opened):
            node = self.expression()
        self.close(opened)
        return node

    def close(self, opened: int) -> None:
        if self.at == len(self.text):
            raise self.check.stop(Reason.SYNTAX, "this parenthesis is never closed: add )", opened)
        if self.text[self.at] != ")":
            raise self.wrong(f"{self.here()} is not expected: close the list by ) or join by OR")
        self.at += 1

    def restriction(self) -> Node:
        at = self.at
        if self.text[at : at + 1] in ("'", '"') and at < len(self.text):
            subject, _ = self.quoted()
            quoted = True
        else:
            subject, quoted = self.word("a condition"), False
        end = self.at
        if self.text[end : end + 1] == "(":
            message = f"no function {subject[:32]} stands here: the only one is now(), as a value"
            raise self.check.stop(Reason.UNKNOWN_FUNCTION, message, at)
        self.space()
        comparator = _COMPARATOR.match(self.text, self.at)
        if comparator is None:
            self.at = end
            return self.check.search(subject, at) or _FAULT
        if quoted:
            raise self.check.stop(Reason.SYNTAX, "a field is written without quotes, as in name = 'x'", at)
        self.at = comparator.end()
        self.space()
        return self.compared(subject, comparator[0], at)

    def compared(self, path: str, comparator: str, at: int) -> Node:
        field = self.check.schema.field(path)
        timed = field is not None and field.type in (FieldType.INSTANT, FieldType.DATE)
        if self.text[self.at : self.at + 1] == "(":
            return self.listed(path, comparator, at, timed)
        arg = self.arg(timed)
        if not any(arg.starred):
            return self.leaf(path, Op(comparator), arg, at)
        negated = comparator == "!="
        if arg.value == "" and comparator in ("=", "!=", ":"):
            node = self.check.compare(path, Op.EXISTS, None, at, []) or _FAULT
        elif comparator in ("=", "!="):
            op = {(True, True): Op.HAS, (True, False): Op.ENDS_WITH, (False, True): Op.STARTS_WITH}[arg.starred]
            node = self.leaf(path, op, arg, at)
        else:
            message = f"{comparator} takes no wildcard: remove the * (: already means contains), or quote it as \\*"
            raise self.check.stop(Reason.SYNTAX, message, arg.at)
        return Not(node) if negated else node

    def listed(self, path: str, comparator: str, at: int, timed: bool) -> Node:
        opened = self.at
        self.at += 1
        self.space()
        args = [self.arg(timed)]
        self.space()
        while self.keyword("OR"):
            args.append(self.arg(timed))
            self.space()
        self.close(opened)
        if starred := [arg for arg in args if any(arg.starred)]:
            raise self.check.stop(Reason.SYNTAX, "no wildcard in a list: join conditions by OR", starred[0].at)
        if comparator == ":":
            leaves = tuple(self.leaf(path, Op.HAS, arg, at) for arg in args)
            return Or(leaves) if args[1:] else leaves[0]
        if comparator not in ("=", "!="):
            raise self.check.stop(Reason.SYNTAX, f"{comparator} takes one value, not a list", opened)
        values, places = [arg.value for arg in args], [arg.at for arg in args]
        node = self.check.compare(path, Op.IN, values, at, places) or _FAULT
        return Not(node) if comparator == "!=" else node

    def leaf(self, path: str, op: Op, arg: _Arg, at: int) -> Node:
        return self.check.compare(path, op, arg.value, at, [arg.at]) or _FAULT

    def arg(self, timed: bool) -> _Arg:
        at = self.at
        if self.text[at : at + 1] in ("'", '"') and at < len(self.text):
            body, stars = self.quoted()
            return self.starred(body, stars, at)
        if moment := _MOMENT.match(self.text, at):
            self.at = moment.end()
            return _Arg(moment[0], at)
        word = self.word("a value")
        if self.text[self.at : self.at + 1] == "(":
            if word != "now":
                raise self.check.stop(Reason.UNKNOWN_FUNCTION, f"there is no function {word[:32]}: use now()", at)
            opened = self.at
            self.at += 1
            self.space()
            self.close(opened)
            return _Arg(self.moved(), at)
        if timed and word == "now":
            return _Arg(self.moved(), at)
        if timed and re.match(r"now[+-][0-9]", word):
            return _Arg(self.shift(word[3:], at), at)
        return self.starred(word, [index for index, letter in enumerate(word) if letter == "*"], at)

    def moved(self) -> Now:
        found = _OFFSET.match(self.text, self.at)
        if found is None:
            return Now()
        at, self.at = self.at, found.end()
        return self.shift(found[1] + found[2], at)

    def shift(self, text: str, at: int) -> Now:
        try:
            return parse_offset(text)
        except ValueError as wrong:
            raise self.check.stop(Reason.WRONG_VALUE, str(wrong), at) from None

    def starred(self, body: str, stars: list[int], at: int) -> _Arg:
        first, last = 0 in stars, len(body) - 1 in stars
        if set(stars) - {0, len(body) - 1}:
            message = 'a wildcard stands at the start or the end: write a star that is meant as itself as "\\*"'
            raise self.check.stop(Reason.SYNTAX, message, at)
        if body == "*" and stars:
            return _Arg("", at, (True, True))
        value = body[int(first) : len(body) - int(last)]
        if stars and not value:
            raise self.check.stop(Reason.SYNTAX, "a wildcard needs text beside it: write one * for any value", at)
        return _Arg(value, at, (first, last))

    def quoted(self) -> tuple[str, list[int]]:
        """A string without its quotes, and where the stars stand that were not escaped."""
        opened, quote = self.at, self.text[self.at]
        letters: list[str] = []
        stars: list[int] = []
        self.at += 1
        while self.at < len(self.text):
            letter = self.text[self.at]
            self.at += 1
            if letter == quote:
                return "".join(letters), stars
            if letter == "\\":
                letter = self.text[self.at : self.at + 1]
                if letter not in ("\\", "'", '"', "*"):
                    raise self.wrong("a backslash stands before \\ ' \" or * only: double it")
                self.at += 1
            elif letter == "*":
                stars.append(len(letters))
            letters.append(letter)
        raise self.check.stop(Reason.SYNTAX, "this quote is never closed: add it at the end of the text", opened)

    def word(self, wanted: str) -> str:
        found = _WORD.match(self.text, self.at)
        if found is None or found[0] in _KEYWORDS:
            raise self.wrong(f"{self.here()} stands where {wanted} is expected")
        self.at = found.end()
        return found[0]

    def keyword(self, name: str) -> bool:
        found = _WORD.match(self.text, self.at)
        if found is None or found[0] != name:
            return False
        self.at = found.end()
        self.space()
        return True

    def space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def here(self) -> str:
        found = _WORD.match(self.text, self.at)
        return repr(found[0][:32] if found else self.text[self.at]) if self.at < len(self.text) else "the end"

    def wrong(self, message: str) -> ConditionError:
        return self.check.stop(Reason.SYNTAX, message, self.at)
