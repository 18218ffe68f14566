"""What stands in the tables of a service, as nobody but the superuser sees it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg

from support.servers import Servers
from tercet_chassis import tables as chassis

# Bookkeeping grows with whatever happens; the rest is what the house knows.
_BOOKS = {*chassis.metadata.tables, "party_decisions", "customer_merges", "lead_merges", "webhook_deliveries"}
_CHANGING = ("row_version", "update_time", "move_version")


async def connected(servers: Servers, service: str) -> asyncpg.Connection:
    """A connection past every fence; triggers sleep."""
    database = servers.owner_dsn(service).rsplit("/", 1)[1].split("?")[0]
    connection = await asyncpg.connect(servers.superuser_dsn, database=database)
    await connection.execute("SET session_replication_role = replica")
    return connection


async def rows_of(servers: Servers, service: str, tenant_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Every row of a tenant by table, without versions and times of change."""
    connection = await connected(servers, service)
    try:
        owned = await connection.fetch(
            "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t "
            "USING (table_schema, table_name) WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' "
            "AND c.column_name = 'tenant_id' ORDER BY 1"
        )
        found = {}
        for table in (row["table_name"] for row in owned if row["table_name"] not in _BOOKS):
            rows = await connection.fetch(
                f"SELECT to_jsonb(t)::text AS row FROM {table} t WHERE tenant_id = $1", tenant_id
            )
            values = [json.loads(row["row"]) for row in rows]
            kept = [{name: value for name, value in one.items() if name not in _CHANGING} for one in values]
            found[table] = sorted(kept, key=lambda one: json.dumps(one, sort_keys=True))
        return found
    finally:
        await connection.close()
