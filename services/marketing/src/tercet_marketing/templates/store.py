"""Queries of templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_marketing.templates.errors import TemplateUnknown
from tercet_marketing.templates.model import Template, TemplateVersion
from tercet_marketing.templates.rules import Source

_SOURCES = (
    "SELECT v.code, v.version, v.default_language, v.missing, v.variables, v.bodies FROM fenced.template_versions v "
    "JOIN unnest($1::text[], $2::int[]) AS wanted(code, version) ON v.code = wanted.code AND v.version = wanted.version"
)
_NEWEST = "SELECT code, version FROM fenced.templates WHERE code = ANY($1::text[])"


async def newest_versions(tx: Tx, codes: Iterable[str]) -> dict[str, int]:
    """The version that each template has now; codes without a template are left out."""
    return {row["code"]: row["version"] for row in await tx.fetch(_NEWEST, sorted(set(codes)))}


async def sources(tx: Tx, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Source]:
    """Versions of templates by code and number."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    rows = await tx.fetch(_SOURCES, [code for code, _ in pairs], [version for _, version in pairs])
    return {
        (row["code"], row["version"]): Source(
            row["code"], row["default_language"], row["missing"], row["variables"], row["bodies"]
        )
        for row in rows
    }


async def newest(tx: Tx, code: str) -> tuple[int, Source]:
    """The version of a template that holds now. Refuses a code that no template has."""
    version = (await newest_versions(tx, [code])).get(code)
    if version is None:
        raise TemplateUnknown(template_code=code)
    return version, (await sources(tx, [(code, version)]))[code, version]


def versions_of(template_id: UUID) -> Any:
    """The condition on the view of versions."""
    return view(TemplateVersion).c.template_id == template_id


async def current_version(tx: Tx, template: Template) -> TemplateVersion:
    """The texts of a template as they are now."""
    query = select(TemplateVersion).where(
        TemplateVersion.template_id == template.id, TemplateVersion.version == template.version
    )
    return (await tx.session.scalars(query)).one()
