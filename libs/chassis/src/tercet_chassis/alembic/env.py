"""Alembic's environment, the same for every service: the owner's connection, one lock, short waits for other locks."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.types import TypeDecorator

from tercet_chassis import tables
from tercet_chassis.entity import SearchTokens
from tercet_chassis.migrations import LOCK, add_fences


def _ours(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
    return table not in tables.metadata.tables


def _type_differs(_: Any, __: Any, ___: Any, ____: Any, ours: Any) -> bool | None:
    return False if isinstance(ours, SearchTokens) else None


def _rendered(kind: str, thing: Any, autogenerate: Any) -> str | Literal[False]:
    if kind == "type" and isinstance(thing, SearchTokens):
        autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql.TSVECTOR()"
    if kind == "type" and isinstance(thing, TypeDecorator) and type(thing).__module__.startswith("tercet_"):
        # A migration must not change with our code: it names what the column is, not the class that reads it.
        return f"sa.{thing.impl_instance!r}"
    return False


def run(connection: Connection) -> None:
    """Migrates on the given connection."""
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        include_object=_ours,
        compare_type=_type_differs,
        render_item=_rendered,
        process_revision_directives=add_fences,
        transaction_per_migration=True,
        app_role=context.config.attributes["app_role"],
        on_version_apply=context.config.attributes.get("watchers", ()),
    )
    if not context.config.attributes.get("within"):
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
