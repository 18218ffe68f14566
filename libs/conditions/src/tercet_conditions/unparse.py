"""The tree written back as AIP-160 text, so that a stored condition can be shown and edited as a filter."""

from __future__ import annotations

from .errors import Reason, refusal
from .tree import And, Compare, Node, Not, Now, Op, Or, Scalar, Search
from .values import offset, plain

_PATTERNS = {Op.STARTS_WITH: ("", "*"), Op.ENDS_WITH: ("*", "")}


def to_text(tree: Node) -> str:
    """The tree as a filter. Refuses (NO_TEXT_FORM) kinds of nodes that only JSON can write, and nested empty lists."""
    match tree:
        case And(()):
            return ""
        case And(terms):
            return " AND ".join(map(_inner, terms))
        case Or(terms):
            return " OR ".join(map(_inner, terms))
        case Not(term):
            return f"NOT {_inner(term)}"
        case Search(text):
            return _quote(text)
        case Compare(path, Op.EXISTS):
            return f"{path}:*"
        case Compare(path, Op.IN, tuple() as values):
            return f"{path} = ({' OR '.join(map(_shown, values))})"
        case Compare(path, (Op.STARTS_WITH | Op.ENDS_WITH) as op, str() as value):
            before, after = _PATTERNS[op]
            return f'{path} = "{before}{_quote(value)[1:-1]}{after}"'
        case Compare(path, op, value) if not isinstance(value, tuple) and value is not None:
            return f"{path} {op} {_shown(value)}" if op is not Op.HAS else f"{path}:{_shown(value)}"
    raise refusal(Reason.NO_TEXT_FORM, f"a {type(tree).__name__} has no text form: use JSON")


def _inner(term: Node) -> str:
    if term == And():
        raise refusal(Reason.NO_TEXT_FORM, "an empty list of conditions has no text form inside another: leave it out")
    text = to_text(term)
    return f"({text})" if isinstance(term, And | Or | Not) else text


def _shown(value: Scalar) -> str:
    if isinstance(value, Now):
        return f"now() {'-' if value.amount < 0 else '+'} {offset(value).lstrip('-')}" if value.amount else "now()"
    shown = plain(value)
    return _quote(shown) if isinstance(shown, str) else str(shown).lower()


def _quote(text: str) -> str:
    return '"' + "".join("\\" + letter if letter in '\\"*' else letter for letter in text) + '"'
