"""The installed tools, found by entry points. What cannot be used stops the start and is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import jsonschema_rs

from tercet_marketing.tools.contract import Tool
from tercet_marketing.tools.errors import ToolBroken, ToolUnknown
from tercet_marketing.tools.rules import Fault, Numbers

GROUP = "tercet.marketing.tools"
_CODE = re.compile(r"^[a-z][a-z0-9_]{0,59}$")
_REQUIRED = re.compile(r'"(.*)" is a required property')


@dataclass(frozen=True, slots=True)
class Installed:
    """A tool that works here: the tool, where it comes from, and its schema made ready."""

    tool: Tool
    distribution: str
    validator: Any

    def faults(self, numbers: Numbers, currency: str) -> list[Fault]:
        """All that is wrong with numbers, each fault with its place; none means the tool can work with them."""
        errors = self.validator.iter_errors(dict(numbers))
        faults = sorted({_fault(error, self.tool.schema) for error in errors}, key=lambda fault: fault.path)
        return faults or self.tool.check(numbers, currency)


@cache
def installed() -> Mapping[str, Installed]:
    """Every installed tool by its code."""
    return load(entry_points(group=GROUP))


def tool(code: str) -> Installed:
    """The tool of a code. Refuses one that is not installed."""
    found = installed().get(code)
    if found is None:
        raise ToolUnknown(tool_code=code)
    return found


def load(entries: Iterable[EntryPoint]) -> dict[str, Installed]:
    """The tools that entry points name. Raises ToolBroken, naming the entry point, for one that cannot be used."""
    found: dict[str, Installed] = {}
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.name in found:
            raise _broken(entry, f"{found[entry.name].distribution} brings a tool of the same code")
        found[entry.name] = _loaded(entry)
    return found


def _loaded(entry: EntryPoint) -> Installed:
    try:
        made = entry.load()()
    except Exception as fault:
        raise _broken(entry, f"it cannot be loaded: {fault!r}") from fault
    if not isinstance(made, Tool):
        raise _broken(entry, "it is no Tool of tercet_marketing.tools.contract")
    for name in ("code", "display_name", "schema"):
        if not getattr(made, name, None):
            raise _broken(entry, f"it declares no {name}")
    if made.code != entry.name or not _CODE.match(made.code):
        raise _broken(entry, f"its code {made.code!r} must be the entry point's name, in small letters")
    try:
        validator = jsonschema_rs.Draft202012Validator(dict(made.schema))
    except ValueError as fault:
        raise _broken(entry, f"its schema is no JSON Schema 2020-12: {fault}") from fault
    return Installed(made, entry.dist.name if entry.dist is not None else "", validator)


def _broken(entry: EntryPoint, cause: str) -> ToolBroken:
    return ToolBroken(f"The marketing tool {entry.name} ({entry.value}) cannot be used: {cause}.")


def _fault(error: Any, schema: Mapping[str, Any]) -> Fault:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
    missing = _REQUIRED.fullmatch(error.message)
    if missing is not None:
        path = f"{path}.{missing.group(1)}".lstrip(".")
        return Fault(path, "VALUE_MISSING", f"{missing.group(1)} must be given.")
    if error.schema_path and error.schema_path[-1] in ("oneOf", "anyOf"):
        ways = " or ".join(", ".join(way.get("required", ())) for way in _at(schema, error.schema_path))
        word = "exactly one" if error.schema_path[-1] == "oneOf" else "at least one"
        return Fault(path, "VALUE_MISSING", f"Give {word} of {ways}, as the tool's schema says.")
    return Fault(path, "VALUE_INVALID", f"{error.message}.")


def _at(schema: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        schema = schema[part]
    return schema
