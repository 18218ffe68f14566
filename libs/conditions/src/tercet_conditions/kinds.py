"""How a slice adds a kind of node (behaviour in a window, an aggregate) without touching this library.

A slice writes a `Node` subclass and a `Kind` for it, puts both in a `Kinds` and passes that wherever a tree is read or
compiled. There is no global registry: two callers may know different kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from .check import Parser
from .clock import Clock
from .schema import Schema
from .tree import Node

Holds = Callable[[Any], bool]
Getter = Callable[[str], Callable[[Any], Any]]


class Kind(Parser, Protocol):
    """One kind of node: how it is written in JSON, compiled both ways, and told to a person."""

    @property
    def key(self) -> str:
        """Its key in JSON: `{"<key>": ...}`."""

    @property
    def node(self) -> type[Node]: ...

    def to_json(self, node: Any) -> Any: ...

    def json_schema(self) -> Mapping[str, Any]: ...

    def sql(self, node: Any, clock: Clock | None) -> Any:
        """A boolean SQL expression that is never NULL."""

    def closure(self, node: Any, getter: Getter, clock: Clock | None) -> Holds: ...

    def paths(self, node: Any) -> Iterable[str]: ...

    def words(self, node: Any, schema: Schema) -> str:
        """A clause to follow "in, because" when the node holds, and "not" when it does not."""


class Kinds:
    """The kinds a caller knows. Refuses (ValueError) two of one key and the keys of the language itself."""

    RESERVED = frozenset({"all", "any", "not", "path", "op", "value", "search"})

    def __init__(self, *kinds: Kind) -> None:
        self._by_key = {kind.key: kind for kind in kinds}
        self._by_node = {kind.node: kind for kind in kinds}
        if len(self._by_key) != len(kinds) or len(self._by_node) != len(kinds) or self.RESERVED & self._by_key.keys():
            raise ValueError(f"kinds need keys and nodes of their own: {[kind.key for kind in kinds]}")

    def keyed(self, key: str) -> Kind | None:
        return self._by_key.get(key)

    def of(self, node: Node) -> Kind:
        """The kind of a node. Refuses (TypeError) a node nobody registered: a programming error, not a user's."""
        try:
            return self._by_node[type(node)]
        except KeyError:
            raise TypeError(f"no kind is registered for {type(node).__name__}: pass it in kinds=") from None

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_key.values())


NO_KINDS = Kinds()
