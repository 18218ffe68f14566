"""Finds the method that a path means: one dict look-up for each shape that paths of that length can have.

A shape is which segments are variables; there are rarely more than two per length, literal ones are tried first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from tercet_chassis.contract import ContractBroken, proto_package
from tercet_gateway.edge.contract import Binding, Contract, PublicMethod

T = TypeVar("T")
Key = tuple[str, str, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One binding at one service."""

    method: PublicMethod
    binding: Binding
    service: str


class PathTable(Generic[T]):
    """Paths with variables, by HTTP method and action."""

    def __init__(self) -> None:
        self._entries: dict[Key, T] = {}
        self._shapes: dict[int, list[tuple[int, ...]]] = {}

    def add(self, verb: str, segments: tuple[str | None, ...], action: str, entry: T) -> T | None:
        """Adds a path; gives the entry that is there already when two mean the same."""
        key = (verb, action, segments)
        if key in self._entries:
            return self._entries[key]
        self._entries[key] = entry
        variables = tuple(index for index, segment in enumerate(segments) if segment is None)
        shapes = self._shapes.setdefault(len(segments), [])
        if variables not in shapes:
            shapes.append(variables)
            # Fewest variables first, and of those the one whose variable comes last: literals win from the left.
            shapes.sort(key=lambda shape: (len(shape), tuple(-index for index in shape)))
        return None

    def find(self, verb: str, segments: list[str], action: str) -> tuple[T, list[str]] | None:
        """The entry of a path and the values of its variables."""
        for variables in self._shapes.get(len(segments), ()):
            masked: list[str | None] = list(segments)
            for index in variables:
                masked[index] = None
            entry = self._entries.get((verb, action, tuple(masked)))
            if entry is not None:
                return entry, [segments[index] for index in variables]
        return None

    def entries(self) -> list[T]:
        """All entries."""
        return list(self._entries.values())

    def verbs(self, segments: list[str], action: str) -> list[str]:
        """The HTTP methods that the path has; empty when there is no such path."""
        known = sorted({key[0] for key in self._entries})
        return [verb for verb in known if self.find(verb, segments, action) is not None]


class Router:
    """The table of all routes. Built once; two RPCs that claim one path stop the start-up with both names."""

    def __init__(self, contract: Contract, services: Iterable[str]) -> None:
        self._table: PathTable[Route] = PathTable()
        names = sorted(set(services))
        package_service = {proto_package(name): name for name in names}
        for method in contract.methods:
            for binding in method.bindings:
                if method.every_service:
                    for name in names:
                        self._add(Route(method, _at(binding, name, method), name))
                else:
                    fallback = method.package.split(".")[1]
                    self._add(Route(method, binding, package_service.get(method.package, fallback)))

    def _add(self, route: Route) -> None:
        taken = self._table.add(route.binding.verb, route.binding.segments, route.binding.action, route)
        if taken is not None:
            raise ContractBroken(
                f"{route.method.full_name} and {taken.method.full_name} both claim "
                f"{route.binding.verb} {route.binding.path}"
            )

    def find(self, verb: str, raw_path: str) -> tuple[Route, list[bytes]] | None:
        """The route of a path as it came over the wire, and its variables with escapes resolved."""
        segments, action = split(raw_path)
        found = self._table.find(verb, segments, action)
        if found is None:
            return None
        route, values = found
        return route, [unquote_to_bytes(value) for value in values]

    def routes(self) -> list[Route]:
        """All routes."""
        return self._table.entries()

    def allowed(self, raw_path: str) -> list[str]:
        """HTTP methods that the path has."""
        return self._table.verbs(*split(raw_path))


def split(raw_path: str) -> tuple[list[str], str]:
    """Segments and action of a path. An escaped colon (`%3A`) belongs to the last segment."""
    head, _, last = raw_path.rpartition("/")
    last, colon, action = last.partition(":")
    path = f"{head}/{last}" if colon else raw_path
    return path[1:].split("/"), action


def _at(binding: Binding, service: str, method: PublicMethod) -> Binding:
    """The binding with the service's name in place of its first variable, `{service}`."""
    if not binding.variables or binding.variables[0] != "service":
        raise ContractBroken(
            f"{method.full_name} is served by every service, so its path must begin with /v1/{{service}}/"
        )
    index = binding.segments.index(None)
    segments = (*binding.segments[:index], service, *binding.segments[index + 1 :])
    return replace(binding, segments=segments, variables=binding.variables[1:])
