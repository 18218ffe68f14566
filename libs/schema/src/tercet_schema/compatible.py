"""Whether code of the release before can work on a newer schema, while both serve during an upgrade and after a
rollback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tercet_schema.snapshot import Column, Relation, Rule, Schema

_SIZED = re.compile(r"(character varying|character|numeric)\((\d+)(?:,(\d+))?\)")
_WHOLE = ("smallint", "integer", "bigint")
_LATER = "the release after the next one, when nothing that runs relies on it"
_TAKES_PART = {"unique", "primary key", "exclusion", "foreign key"}


@dataclass(frozen=True)
class Finding:
    """What is wrong with what, and what to do instead."""

    subject: str
    fact: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.fact}. {self.remedy}"


def breaks(released: Schema, head: Schema) -> list[Finding]:
    """All that the released code relies on and does not find, or finds in its way."""
    found: list[Finding] = []
    for name, before in released.relations.items():
        now = head.relations.get(name)
        short = name.removeprefix("public.")
        if now is None:
            found.append(
                Finding(
                    short,
                    "is dropped or renamed; the released code reads and writes it",
                    f"Keep it, take it out of the models, and drop it in {_LATER}.",
                )
            )
        else:
            found += [*_columns(short, before, now), *_rules(short, before, now), *_fences(short, before, now)]
    found += [
        Finding(each, "the function is dropped or changed", f"Add another beside it; drop this one in {_LATER}.")
        for each in released.functions
        if each not in head.functions
    ]
    return found


def _columns(table: str, before: Relation, now: Relation) -> Iterator[Finding]:
    for name, was in before.columns.items():
        subject, is_ = f"{table}.{name}", now.columns.get(name)
        if is_ is None:
            yield Finding(
                subject,
                "is dropped or renamed; the released code reads and writes it",
                f"Keep it, give it a default if it is NOT NULL, and drop it in {_LATER}; a new name is a new column:"
                " both versions fill theirs.",
            )
            continue
        if not widens(was.type, is_.type):
            yield Finding(
                subject,
                f"its type becomes {is_.type} from {was.type}",
                "Add a column of the new type beside it and fill both; a type may only grow.",
            )
        if was.nullable and not is_.nullable:
            yield Finding(
                subject,
                "becomes NOT NULL; the released code may leave it empty",
                f"Fill it from the code first, and tighten it in {_LATER}.",
            )
        if is_.nullable and not was.nullable and not table.startswith("fenced."):
            yield Finding(
                subject,
                "may be empty now; the released code does not expect that",
                f"Let the new code still fill it, and loosen it in {_LATER}.",
            )
        if was.default is not None and is_.default is None and not is_.nullable:
            yield Finding(
                subject,
                "has no default any more; the released code may leave it out",
                f"Keep the default until {_LATER}.",
            )
    for name, added in now.columns.items():
        if name not in before.columns and not added.nullable and added.default is None and before.rights != ("SELECT",):
            yield Finding(
                f"{table}.{name}",
                "is new and NOT NULL without a default; the released code's INSERT fails",
                "Make it nullable or give it a server default.",
            )


def widens(before: str, now: str) -> bool:
    """Whether every value of the old type is one of the new one, and reads as it did."""
    if before == now or (before in _WHOLE and now in _WHOLE and _WHOLE.index(now) > _WHOLE.index(before)):
        return True
    sized, sized_now = _SIZED.fullmatch(before), _SIZED.fullmatch(now)
    if sized is None:
        return False
    if sized_now is None:
        return (sized[1], now) in {("character varying", "text"), ("character varying", "character varying")}
    return sized[1] == sized_now[1] and int(sized_now[2]) >= int(sized[2]) and sized[3] == sized_now[3]


def _rules(table: str, before: Relation, now: Relation) -> Iterator[Finding]:
    for name, was in before.rules.items():
        is_ = now.rules.get(name)
        subject = f"{table}/{name}"
        if is_ is None and was.kind in ("unique", "primary key", "exclusion"):
            yield Finding(
                subject,
                f"the {was.kind} is dropped; the released code names it in ON CONFLICT and in refusals",
                f"Keep it until {_LATER}.",
            )
        elif is_ is not None and is_.definition != was.definition:
            yield Finding(
                subject,
                f"becomes {is_.definition} from {was.definition}",
                "If it only takes more than before, say so in the migration's ARGUED; otherwise let the code keep to it"
                f" first and tighten it in {_LATER}.",
            )
    for name, added in now.rules.items():
        if name not in before.rules and _binds(added, before, now):
            yield Finding(
                f"{table}/{name}",
                f"is a new {added.kind} on what the released code writes: {added.definition}",
                f"Let the code keep to it first, and add it in {_LATER}; if it cannot refuse anything that the released"
                " code writes, say why in the migration's ARGUED.",
            )


def _binds(rule: Rule, before: Relation, now: Relation) -> bool:
    """Whether rows of the released code can be refused: it leaves new columns empty, which most rules let pass."""

    def left_empty(name: str) -> bool:
        column: Column | None = now.columns.get(name)
        return name not in before.columns and column is not None and column.nullable and column.default is None

    if rule.kind in _TAKES_PART and "NULLS NOT DISTINCT" not in rule.definition and "MATCH FULL" not in rule.definition:
        return not any(left_empty(name) for name in rule.columns)
    return not rule.columns or not all(left_empty(name) for name in rule.columns) or "IS NOT NULL" in rule.definition


def _fences(table: str, before: Relation, now: Relation) -> Iterator[Finding]:
    for right in before.rights:
        if right not in now.rights:
            yield Finding(
                table,
                f"the serving role may not {right} any more",
                f"Leave the right until {_LATER}.",
            )
    if (before.fenced, before.policies) != (now.fenced, now.policies):
        yield Finding(
            table,
            "its row-level security is not what it was",
            "Keep the fence that `op.fence` makes; another rule stands beside it as a policy only when both versions"
            " can live with it, said in the migration's ARGUED.",
        )
