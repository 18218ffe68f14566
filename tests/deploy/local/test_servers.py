"""The embedded servers, as the services meet them."""

from __future__ import annotations

import asyncpg
import nats
import pytest

from support.servers import Servers

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_enters_its_own_database_and_no_other(servers: Servers, service: str) -> None:
    connection = await asyncpg.connect(servers.app_dsn(service))
    try:
        assert await connection.fetchval("SELECT current_database()") == "tercet_" + service.replace("-", "_")
    finally:
        await connection.close()
    other = SERVICES[(SERVICES.index(service) + 1) % len(SERVICES)].replace("-", "_")
    foreign = servers.app_dsn(service).rsplit("/", 1)[0] + f"/tercet_{other}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)


async def test_chinese_names_are_similar_by_trigrams(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.app_dsn("leads"))
    try:
        assert await connection.fetchval("SELECT similarity('尚祈科技有限公司', '尚祈科技')") > 0.3
        assert await connection.fetchval("SELECT similarity('尚祈科技有限公司', '云南白药')") == 0
    finally:
        await connection.close()


async def test_app_role_is_bound_by_row_level_security_and_owns_nothing(servers: Servers) -> None:
    owner = await asyncpg.connect(servers.owner_dsn("sales"))
    app = await asyncpg.connect(servers.app_dsn("sales"))
    try:
        await owner.execute(
            """
            CREATE TABLE fence_trial (id int PRIMARY KEY, tenant text NOT NULL);
            INSERT INTO fence_trial VALUES (1, 'mine'), (2, 'theirs');
            ALTER TABLE fence_trial ENABLE ROW LEVEL SECURITY;
            CREATE POLICY fence ON fence_trial USING (tenant = current_setting('app.tenant', true));
            """
        )
        await app.execute("SELECT set_config('app.tenant', 'mine', false)")
        assert [row["id"] for row in await app.fetch("SELECT id FROM fence_trial")] == [1]
        assert await app.execute("UPDATE fence_trial SET tenant = 'mine' WHERE id = 2") == "UPDATE 0"
        for statement in (
            "ALTER TABLE fence_trial DISABLE ROW LEVEL SECURITY",
            "DROP POLICY fence ON fence_trial",
            "SET ROLE tercet_sales_owner",
            "CREATE TABLE of_my_own (id int)",
            "TRUNCATE fence_trial",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("INSERT INTO fence_trial VALUES (3, 'theirs')")
    finally:
        await app.close()
        await owner.execute("DROP TABLE IF EXISTS fence_trial")
        await owner.close()


async def test_app_role_may_use_temporary_tables_for_bulk(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.app_dsn("leads"))
    try:
        await connection.execute("CREATE TEMPORARY TABLE bulk (id int)")
        assert await connection.copy_records_to_table("bulk", records=[(1,), (2,)]) == "COPY 2"
    finally:
        await connection.close()


async def test_wrong_password_is_refused(servers: Servers) -> None:
    head, tail = servers.app_dsn("leads").split("@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{head.rsplit(':', 1)[0]}:wrong@{tail}")


async def test_streams_are_kept_on_file(servers: Servers) -> None:
    client = await nats.connect(servers.nats_url)
    try:
        streams = client.jetstream()
        await streams.add_stream(name="TRIAL", subjects=["trial.>"])
        await streams.publish("trial.线索", "你好".encode())
        info = await streams.stream_info("TRIAL")
        assert (info.state.messages, info.config.storage) == (1, "file")
        await streams.delete_stream("TRIAL")
    finally:
        await client.close()


async def test_nats_refuses_strangers(servers: Servers) -> None:
    with pytest.raises(nats.errors.Error):
        await nats.connect(
            "nats://" + servers.nats_url.split("@")[1],
            allow_reconnect=False,
            connect_timeout=2,
            max_reconnect_attempts=0,
        )
