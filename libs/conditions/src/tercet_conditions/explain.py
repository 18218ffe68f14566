"""Why a record is in or out, in words: "in, because score is 72, at least 60"."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .closure import compile_closure, mapping_getter, reader
from .kinds import NO_KINDS, Getter, Holds, Kinds
from .schema import Schema
from .tree import And, Compare, Node, Not, Now, Op, Or, Search, Value
from .values import offset, plain

_WORDS = {
    Op.EQ: "{}",
    Op.NE: "other than {}",
    Op.LT: "below {}",
    Op.LE: "at most {}",
    Op.GT: "above {}",
    Op.GE: "at least {}",
    Op.HAS: "containing {}",
    Op.IN: "one of {}",
    Op.STARTS_WITH: "beginning with {}",
    Op.ENDS_WITH: "ending in {}",
    Op.EXISTS: "filled in",
}


@dataclass(frozen=True)
class Leaf:
    """One term and what became of it. `found` is the record's value; `words` say all this to a person."""

    node: Node
    holds: bool
    found: Any
    words: str

    def told(self, hidden: Collection[str] = ()) -> str:
        """The words; of a hidden path only whether it fits."""
        if isinstance(self.node, Compare) and self.node.path in hidden:
            return f"{self.node.path} {'fits' if self.holds else 'does not fit'}"
        return self.words


@dataclass(frozen=True)
class Explanation:
    """`leaves` are all terms in order; `decisive` are those without which the answer would not stand."""

    holds: bool
    leaves: tuple[Leaf, ...]
    decisive: tuple[Leaf, ...]

    @property
    def because(self) -> str:
        return self.told()

    def told(self, hidden: Collection[str] = ()) -> str:
        """Why, to somebody from whom the values of these paths are hidden."""
        reasons = "; ".join(leaf.told(hidden) for leaf in self.decisive) or "no condition is set"
        return f"{'in' if self.holds else 'out'}, because {reasons}"


def explain(
    tree: Node,
    record: Any,
    schema: Schema,
    *,
    getter: Getter = mapping_getter,
    clock: Clock | None = None,
    search: Callable[[str], Holds] | None = None,
    kinds: Kinds = NO_KINDS,
) -> Explanation:
    """Judges one record, every term of it, as the closure would. Refuses what `compile_closure` refuses."""

    def judge(node: Node) -> Explanation:
        match node:
            case And(terms):
                return _joined([judge(term) for term in terms], decided_by=False)
            case Or(terms):
                return _joined([judge(term) for term in terms], decided_by=True)
            case Not(term):
                inner = judge(term)
                return Explanation(not inner.holds, inner.leaves, inner.decisive)
        holds = compile_closure(node, schema, getter=getter, clock=clock, search=search, kinds=kinds)(record)
        leaf = leaf_of(node, holds)
        return Explanation(holds, (leaf,), (leaf,))

    def leaf_of(node: Node, holds: bool) -> Leaf:
        negation = "" if holds else "not "
        match node:
            case Compare(path, op, value):
                field = schema[path]
                found = reader(path, field, getter)(record)
                name = field.label or path
                wanted = _WORDS[op].format(_shown(value))
                if op is Op.EXISTS or found is None:
                    words = f"{name} is {negation}filled in" if op is Op.EXISTS else f"{name} is missing"
                elif op is Op.EQ and holds:
                    words = f"{name} is {_shown(found)}"
                else:
                    words = f"{name} is {_shown(found)}, {negation}{wanted}"
                return Leaf(node, holds, found, words)
            case Search(text):
                return Leaf(node, holds, None, f"{text!r} is {negation}found")
        return Leaf(node, holds, None, negation + kinds.of(node).words(node, schema))

    return judge(tree)


def _joined(parts: list[Explanation], *, decided_by: bool) -> Explanation:
    """One term that is `decided_by` settles the whole; without one, all of them together do."""
    deciding = [part for part in parts if part.holds is decided_by]
    return Explanation(
        decided_by if deciding else not decided_by,
        tuple(leaf for part in parts for leaf in part.leaves),
        tuple(leaf for part in deciding or parts for leaf in part.decisive),
    )


def _shown(value: Value) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, Now):
        return "now" if not value.amount else f"{offset(value).lstrip('-')} {'ago' if value.amount < 0 else 'from now'}"
    shown = plain(value)
    return str(shown).lower() if isinstance(shown, bool) else str(shown)


def paths(tree: Node, *, kinds: Kinds = NO_KINDS) -> frozenset[str]:
    """The fields a tree reads: what a form must load, and what a change must touch to matter."""
    match tree:
        case Compare(path):
            return frozenset({path})
        case Search():
            return frozenset()
        case And() | Or() | Not():
            return frozenset().union(*(paths(child, kinds=kinds) for child in tree.children))
    return frozenset(kinds.of(tree).paths(tree))
