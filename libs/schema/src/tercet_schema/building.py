"""Builds a service's database by its migrations on a real server, watching those that came after the release."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from tercet_chassis import migrations
from tercet_chassis.service import Service
from tercet_local.postgres import PostgresInfo
from tercet_schema.compatible import Finding, breaks
from tercet_schema.snapshot import Release, Schema
from tercet_schema.watching import Watch


@dataclass
class Built:
    """A service's database at the code's newest migration, and what the way there was like."""

    service: str
    code: Release
    findings: list[Finding]
    # Reasons that migrations give for findings, by their subject.
    argued: Mapping[str, str]


def service_of(name: str) -> Service:
    """The service as its package defines it."""
    found: Service = importlib.import_module(f"tercet_{name.replace('-', '_')}.app").service
    return found.assemble()


def released_file(service: Service) -> Path:
    """Where the schema of the last release is kept: beside the migrations."""
    return migrations.folder_of(service).parent / "released.json"


def released(service: Service) -> Release | None:
    """The last release's schema; None where there is none yet."""
    file = released_file(service)
    return Release.read(file.read_text(encoding="utf-8")) if file.exists() else None


async def build(service: Service, info: PostgresInfo, before: Release | None) -> Built:
    """Migrates an empty database: to the released revision, and on from there under watch."""
    owner, app = info.owner_dsn(service.name), info.app_dsn(service.name)
    steps = migrations.scripts(service)
    known = [each.revision for each in steps]
    after = known[known.index(before.revision) + 1 :] if before and before.revision in known else []
    told: list[Finding] = []

    def work(connection: Connection) -> Schema:
        if before and after:
            migrations.upgrade_connection(service, app, connection, before.revision)
        if after:
            watch = Watch(connection)

            def judge(**_: Any) -> None:
                told.extend(watch.judge())

            migrations.upgrade_connection(service, app, connection, watchers=[judge])
            watch.end()
        else:
            migrations.upgrade_connection(service, app, connection)
        return Schema.of(connection, urlsplit(app).username or "")

    schemas: list[Schema] = []
    await migrations.with_owner(owner, lambda connection: schemas.append(work(connection)))
    argued: dict[str, str] = {}
    for script in steps:
        if script.revision in after:
            argued |= getattr(script.module, "ARGUED", {})
    code = Release(version(f"tercet-{service.name}"), known[-1], schemas[0])
    return Built(service.name, code, told, argued)


def judged(built: Built, before: Release | None) -> list[str]:
    """What is to be done before the code may be released; empty when nothing is.

    The release that is being made is compared with nothing: its schema is what it is, and only has to be written down.
    """
    if before is None or before.version == built.code.version:
        if before == built.code:
            return []
        return [f"{built.service}: released.json is not what the migrations build. Run `make release-schema`."]
    if not _holds(before, built):
        return [
            f"{built.service}: migration {before.revision} of release {before.version} is gone. Migrations that were"
            " released stay as they are; write another."
        ]
    open_ = [*built.findings, *breaks(before.schema, built.code.schema)]
    lines = [f"{built.service}: {each}" for each in open_ if each.subject not in built.argued]
    idle = built.argued.keys() - {each.subject for each in open_}
    lines += [f"{built.service}: ARGUED names {each}, of which there is nothing to say." for each in sorted(idle)]
    return lines


def _holds(before: Release, built: Built) -> bool:
    return before.revision in {each.revision for each in migrations.scripts(service_of(built.service))}
