"""What may be done to a released schema, each case on a real server: what the older code cannot live with, and what
holds up who is at work, is found and said with its remedy.
"""

from __future__ import annotations

from sqlalchemy import Connection

from tercet_chassis import migrations
from tercet_schema.building import Built, judged
from tercet_schema.compatible import breaks, widens
from tercet_schema.snapshot import Column, Relation, Release, Schema
from tercet_schema.watching import Watch

from .conftest import Database

RELEASED = """
CREATE TABLE shops (tenant_id uuid NOT NULL, id uuid NOT NULL, code text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (
    tenant_id uuid NOT NULL, id uuid NOT NULL, code varchar(20) NOT NULL, state text NOT NULL DEFAULT 'OPEN',
    amount numeric(18,2), note text, lines integer NOT NULL, shop_id uuid,
    CONSTRAINT orders_pk PRIMARY KEY (tenant_id, id), CONSTRAINT orders_by_code UNIQUE (tenant_id, code),
    CONSTRAINT orders_state_known CHECK (state IN ('OPEN', 'DONE')));
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON orders USING (tenant_id = current_setting('app.tenant')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders, shops TO {role};
CREATE FUNCTION nextfree() RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""
# What is done, and the words of what must be said of it: of the older code, and of who is at work meanwhile.
CASES: list[tuple[str, str, str]] = [
    # Expand: nobody minds.
    ("ALTER TABLE orders ADD grade text", "", ""),
    ("ALTER TABLE orders ADD grade text NOT NULL DEFAULT 'A'", "", ""),
    ("CREATE TABLE refunds (id uuid PRIMARY KEY, order_id uuid NOT NULL)", "", ""),
    ("ALTER TABLE orders ALTER code TYPE varchar(40)", "", ""),
    ("ALTER TABLE orders ALTER code TYPE text", "", ""),
    ("ALTER TABLE orders ALTER amount TYPE numeric(20,2)", "", ""),
    ("ALTER TABLE orders ALTER state SET DEFAULT 'NEW'", "", ""),
    ("ALTER TABLE orders DROP CONSTRAINT orders_state_known", "", ""),
    ("ALTER TABLE orders ADD ref text; COMMIT; CREATE UNIQUE INDEX CONCURRENTLY refs ON orders (tenant_id, ref)",
     "", ""),
    ("COMMIT; CREATE INDEX CONCURRENTLY by_note ON orders (note)", "", ""),
    ("ALTER TABLE orders ADD size int; ALTER TABLE orders ADD CONSTRAINT fits CHECK (size > 0) NOT VALID", "", ""),
    ("ALTER TABLE orders ADD shop2 uuid; ALTER TABLE orders ADD CONSTRAINT its_shop FOREIGN KEY (tenant_id, shop2)"
     " REFERENCES shops NOT VALID", "", ""),
    ("CREATE POLICY more ON shops USING (true)", "shops: its row-level security is not what it was", ""),
    # Contract: the older code relies on it.
    ("DROP TABLE shops", "shops: is dropped or renamed", ""),
    ("ALTER TABLE shops RENAME TO stores", "shops: is dropped or renamed", ""),
    ("ALTER TABLE orders DROP note", "orders.note: is dropped or renamed", ""),
    ("ALTER TABLE orders RENAME note TO remark", "orders.note: is dropped or renamed", ""),
    ("ALTER TABLE orders ADD grade text; ALTER TABLE orders ALTER grade SET NOT NULL",
     "orders.grade: is new and NOT NULL without a default", ""),
    ("ALTER TABLE orders ALTER note SET NOT NULL", "orders.note: becomes NOT NULL", "is checked against every row"),
    ("ALTER TABLE orders ALTER code DROP NOT NULL", "orders.code: may be empty now", ""),
    ("ALTER TABLE orders ALTER state DROP DEFAULT", "orders.state: has no default any more", ""),
    ("ALTER TABLE orders ALTER code TYPE varchar(10)", "orders.code: its type becomes", "is written anew"),
    ("ALTER TABLE orders ALTER lines TYPE smallint", "orders.lines: its type becomes", "is written anew"),
    ("ALTER TABLE orders ALTER note TYPE bytea USING ''::bytea", "orders.note: its type becomes bytea", "written anew"),
    ("COMMIT; CREATE UNIQUE INDEX CONCURRENTLY one_note ON orders (tenant_id, note)",
     "orders/one_note: is a new unique", ""),
    ("ALTER TABLE orders ADD ref text DEFAULT ''; COMMIT; CREATE UNIQUE INDEX CONCURRENTLY refs"
     " ON orders (tenant_id, ref)", "orders/refs: is a new unique", ""),
    ("ALTER TABLE orders ADD CONSTRAINT short CHECK (length(note) < 9) NOT VALID", "orders/short: is a new check", ""),
    ("ALTER TABLE orders ADD size int; ALTER TABLE orders ADD CONSTRAINT given CHECK (size IS NOT NULL) NOT VALID",
     "orders/given: is a new check", ""),
    ("ALTER TABLE orders ADD CONSTRAINT its_shop FOREIGN KEY (tenant_id, shop_id) REFERENCES shops NOT VALID",
     "orders/its_shop: is a new foreign key", ""),
    ("ALTER TABLE orders DROP CONSTRAINT orders_by_code", "orders/orders_by_code: the unique is dropped", ""),
    ("ALTER TABLE orders DROP CONSTRAINT orders_state_known; ALTER TABLE orders ADD CONSTRAINT orders_state_known"
     " CHECK (state = 'OPEN') NOT VALID", "orders/orders_state_known: becomes CHECK", ""),
    ("REVOKE DELETE ON orders FROM {role}", "orders: the serving role may not DELETE any more", ""),
    ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "orders: its row-level security is not what it was", ""),
    ("ALTER TABLE shops ENABLE ROW LEVEL SECURITY", "shops: its row-level security is not what it was", ""),
    ("DROP FUNCTION nextfree", "nextfree() returns integer: the function is dropped", ""),
    # What holds up who is at work, though the older code could live with it.
    ("CREATE INDEX by_note ON orders (note)", "", "orders/by_note: the index is built while nobody may write"),
    ("ALTER TABLE orders ADD ref text UNIQUE", "", "the index is built while nobody may write"),
    ("ALTER TABLE orders ADD made timestamptz DEFAULT clock_timestamp()", "", "orders: is written anew"),
    ("ALTER TABLE orders ALTER lines TYPE bigint", "", "orders: is written anew"),
    ("ALTER TABLE orders ADD size int; ALTER TABLE orders ADD CONSTRAINT fits CHECK (size > 0)",
     "", "orders/fits: is checked against every row"),
    ("UPDATE orders SET note = ''", "", "orders: UPDATE in a migration"),
    ("DELETE FROM public.orders", "", "orders: DELETE in a migration"),
    ("LOCK TABLE orders", "", "orders: LOCK in a migration"),
    ("SET LOCAL lock_timeout = 0; ALTER TABLE orders ADD grade text", "", "lock_timeout: is 0 ms"),
]  # fmt: skip


async def test_each_change_is_judged(database: Database) -> None:
    wrong: dict[str, list[str]] = {}

    def run(connection: Connection, script: str) -> None:
        for statement in script.format(role=f'"{database.role}"').split(";"):
            if statement.strip() == "COMMIT":
                connection.commit()
            elif "CONCURRENTLY" in statement:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)
                connection.commit()
                connection.execution_options(isolation_level="READ COMMITTED")
            elif statement.strip():
                connection.exec_driver_sql(statement)

    def made(connection: Connection) -> Schema:
        run(connection, f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET lock_timeout = '5s'; {RELEASED}")
        connection.commit()
        return Schema.of(connection, database.role)

    def work(connection: Connection) -> None:
        released = made(connection)
        for statements, of_older_code, of_the_way in CASES:
            watch = Watch(connection)
            connection.commit()
            run(connection, statements)
            way, outcome = watch.judge(), breaks(released, Schema.of(connection, database.role))
            watch.end()
            connection.rollback()
            if "COMMIT" in statements:
                released = made(connection)
            for found, words in ((outcome, of_older_code), (way, of_the_way)):
                if len(found) != bool(words) or (words and words not in str(found[0])):
                    wrong[statements] = [str(each) for each in found]
                assert all(len(each.remedy) > 20 for each in found)

    await migrations.with_owner(database.owner, work)
    assert wrong == {}


def test_types_may_grow_only() -> None:
    grow = [("integer", "bigint"), ("character varying(5)", "text"), ("numeric(9,2)", "numeric(12,2)")]
    assert all(widens(*pair) and not widens(*reversed(pair)) for pair in grow)
    assert not any(widens(*pair) for pair in (("text", "jsonb"), ("numeric(9,2)", "numeric(12,3)")))


def schema(**columns: Column) -> Schema:
    return Schema(
        {"public.leads": Relation(columns, {}, ("SELECT",), True, ("tenant_fence",))}, ("next() returns int",)
    )


def test_a_release_is_read_as_it_was_written() -> None:
    release = Release("0.1.0", "0001", schema(id=Column("uuid"), 名=Column("text", True, "''::text")))
    assert Release.read(release.written()) == release


def test_until_it_is_tagged_a_release_may_change_but_must_be_written_down() -> None:
    before = Release("0.1.0", "0001", schema(id=Column("uuid"), note=Column("text")))
    made = Built("leads", Release("0.1.0", "0001", schema(id=Column("uuid"))), [], {})
    assert "make release-schema" in judged(made, before)[0]
    assert "make release-schema" in judged(made, None)[0]
    assert judged(made, made.code) == []


def test_after_it_is_tagged_what_it_relies_on_stays_unless_the_migration_says_why() -> None:
    before = Release("0.1.0", "0001", schema(id=Column("uuid"), note=Column("text")))
    after = Release("0.2.0", "0002", schema(id=Column("uuid")))
    assert "leads.note: is dropped" in judged(Built("leads", after, [], {}), before)[0]
    assert judged(Built("leads", after, [], {"leads.note": "never written"}), before) == []
    argued_for_nothing = Built("leads", before, [], {"leads.note": "x"})
    assert "nothing to say" in judged(argued_for_nothing, Release("0", "0001", before.schema))[0]
    gone = Release("0.1.0", "0000", before.schema)
    assert "stay as they are" in judged(Built("leads", after, [], {}), gone)[0]
