"""What CloudNativePG is asked for: fields that it knows, and databases that services can live in."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import jsonschema

from support.servers import Servers
from tercet_chassis.ids import new_id

from .conftest import Manifest

SCHEMA = json.loads((Path(__file__).parent / "cnpg.schema.json").read_text(encoding="utf-8"))
VERSION = SCHEMA["properties"]["apiVersion"]["const"]
# What it gives a database that asks for nothing else; `initdb` of its servers runs so.
UNASKED = {"template": "template0", "localeProvider": "libc", "locale": "C"}
OPTIONS = {
    "owner": "OWNER",
    "template": "TEMPLATE",
    "encoding": "ENCODING",
    "localeProvider": "LOCALE_PROVIDER",
    "locale": "LOCALE",
    "builtinLocale": "BUILTIN_LOCALE",
}


def asked(examples: dict[str, list[Manifest]], kind: str) -> list[Manifest]:
    return [each for each in examples["production"] if (each["apiVersion"], each["kind"]) == (VERSION, kind)]


def test_the_operator_knows_every_field(examples: dict[str, list[Manifest]]) -> None:
    found = [*asked(examples, "Cluster"), *asked(examples, "Database")]
    assert len(found) == 6
    for each in found:
        jsonschema.validate(each, SCHEMA)
    (cluster, *databases) = found
    assert {each["spec"]["cluster"]["name"] for each in databases} == {cluster["metadata"]["name"]}
    roles = {role["name"] for role in cluster["spec"]["managed"]["roles"]}
    assert {each["spec"]["owner"] for each in databases} < roles


async def test_chinese_is_found_in_the_databases_it_makes(
    examples: dict[str, list[Manifest]], servers: Servers
) -> None:
    superuser = await asyncpg.connect(servers.superuser_dsn)
    for each in asked(examples, "Database"):
        spec, name = {**UNASKED, **each["spec"]}, f"t{new_id().hex}"
        options = " ".join(f"{word} = '{spec[field]}'" for field, word in OPTIONS.items() if field in spec)
        await superuser.execute(f'CREATE DATABASE "{name}" {options}')
        try:
            inside = await asyncpg.connect(servers.superuser_dsn, database=name)
            for extension in spec["extensions"]:
                await inside.execute(f"CREATE EXTENSION {extension['name']}")
            assert await inside.fetchval("SELECT show_trgm('尚祈科技') <> '{}'"), each["metadata"]["name"]
            await inside.close()
        finally:
            await superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await superuser.close()
