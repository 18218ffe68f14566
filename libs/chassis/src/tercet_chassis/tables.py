"""The chassis's own tables, the same in every service's database. They have no fence: only the chassis reads them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()
_now = func.now()


def _time(name: str, *, nullable: bool = False, default: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_now if default else None)


outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("event_id", UUID, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("resource_id", UUID, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    # One of hundreds that one unit told: it lets what people do go first.
    Column("bulk", Boolean, nullable=False, server_default=text("false")),
    _time("create_time", default=True),
    _time("publish_time", nullable=True),
    Index("outbox_unpublished", "bulk", "id", postgresql_where=text("publish_time IS NULL")),
    Index("outbox_by_create_time", "create_time", postgresql_using="brin"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", UUID, primary_key=True),
    _time("create_time", default=True),
    Index("inbox_by_create_time", "create_time", postgresql_using="brin"),
)

projection_marks = Table(
    "projection_marks",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("tenant_id", UUID, primary_key=True),
    Column("resource_id", UUID, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("subject", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="OPEN"),
    _time("create_time", default=True),
    UniqueConstraint("consumer", "event_id", name="dead_letters_once"),
    Index("dead_letters_by_tenant", "tenant_id", "state", "id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    _time("create_time", default=True),
    Index("idempotency_by_create_time", "create_time", postgresql_using="brin"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    _time("due_time"),
    _time("retry_time", nullable=True),
    _time("lease_time", nullable=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="WAITING"),
    Column("error", Text, nullable=True),
    _time("create_time", default=True),
    UniqueConstraint("tenant_id", "name", "key", name="jobs_once"),
    Index("jobs_due", "due_time", postgresql_where=text("state = 'WAITING'")),
)

processes = Table(
    "processes",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("principal", JSONB, nullable=False),
    Column("subject", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=True),
    Column("response_type", Text, nullable=True),
    Column("error", JSONB, nullable=True),
    Column("operation", Boolean, nullable=False),
    Column("state", Text, nullable=False, server_default="RUNNING"),
    Column("done_count", BigInteger, nullable=False, server_default="0"),
    Column("total_count", BigInteger, nullable=False, server_default="0"),
    Column("message", Text, nullable=False, server_default=""),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _time("lease_time", nullable=True),
    _time("retry_time", nullable=True),
    _time("create_time", default=True),
    _time("end_time", nullable=True),
    UniqueConstraint("tenant_id", "subject", "method", "request_id", name="processes_once"),
    Index("processes_running", "lease_time", postgresql_where=text("state = 'RUNNING'")),
    Index("processes_by_tenant", "tenant_id", "id"),
)

process_steps = Table(
    "process_steps",
    metadata,
    Column("process_id", UUID, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("result", LargeBinary, nullable=False),
    _time("create_time", default=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", UUID, nullable=False),
    Column("action", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    _time("create_time", default=True),
    Index("audit_by_resource", "tenant_id", "resource_id", "id"),
    Index("audit_by_tenant", "tenant_id", "id"),
)

# What the sealer has to come for, a row a transaction: marking each audit row would write it twice.
audit_waiting = Table(
    "audit_waiting",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("row_ids", JSONB, nullable=False),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("sequence", BigInteger, primary_key=True),
    Column("first_id", UUID, nullable=False),
    Column("last_id", UUID, nullable=False),
    Column("row_ids", JSONB, nullable=False),
    Column("previous_digest", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _time("create_time", default=True),
)

tenants = Table(
    "known_tenants",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("code", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("reporting_currency", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("locale", Text, nullable=False),
)

units = Table(
    "known_units",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("parent_id", UUID, nullable=True),
    Column("path", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("reporting_currency", Text, nullable=False),
    Index("known_units_by_path", "tenant_id", "path", postgresql_ops={"path": "text_pattern_ops"}),
)

party_links = Table(
    "party_links",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("identity_id", UUID, primary_key=True),
    Column("party_id", UUID, nullable=False),
    Column("version", BigInteger, nullable=False),
)

custom_fields = Table(
    "custom_fields",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("resource_type", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    _time("update_time", default=True),
)

shares = Table(
    "shares",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("resource_type", Text, primary_key=True),
    Column("resource_id", UUID, primary_key=True),
    Column("subject", Text, primary_key=True),
)

files = Table(
    "files",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False),
    _time("create_time", default=True),
)

file_chunks = Table(
    "file_chunks",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("file_id", UUID, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _time("create_time", default=True),
)

business_clock = Table(
    "business_clock", metadata, Column("id", Integer, primary_key=True), _time("virtual_time", nullable=True)
)

# The backups that this database was made from.
restores = Table(
    "restores",
    metadata,
    Column("backup_id", UUID, primary_key=True),
    _time("position_time"),
    _time("restore_time", default=True),
)

# Who an identity is held to be must not change between a row's insert and its commit. Both sides take a lock of the
# identity's bucket, the mover alone and the others together, and only then look: each statement of such a function sees
# what was committed before it.
_BUCKET = "hashtextextended(of_tenant::text || (get_byte(uuid_send({identity}), 15) & 63), 7300004)"
FUNCTIONS = {
    "known_parties(uuid, uuid[])": f"""
        CREATE OR REPLACE FUNCTION known_parties(of_tenant uuid, identities uuid[])
        RETURNS TABLE (identity uuid, party uuid) LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock_shared(bucket) FROM (
            SELECT DISTINCT {_BUCKET.format(identity="one")} AS bucket FROM unnest(identities) AS one ORDER BY 1
          ) AS buckets;
          RETURN QUERY SELECT identity_id, party_id FROM party_links
            WHERE tenant_id = of_tenant AND identity_id = ANY(identities);
        END $$""",
    "link_party(uuid, uuid, uuid, bigint)": f"""
        CREATE OR REPLACE FUNCTION link_party(of_tenant uuid, identity uuid, party uuid, its_version bigint)
        RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM pg_advisory_xact_lock({_BUCKET.format(identity="identity")});
          INSERT INTO party_links AS l (tenant_id, identity_id, party_id, version)
            VALUES (of_tenant, identity, party, its_version)
            ON CONFLICT (tenant_id, identity_id) DO UPDATE SET party_id = excluded.party_id, version = excluded.version
            WHERE l.version < excluded.version;
          RETURN FOUND;
        END $$""",
}
KNOWN_PARTIES = text("SELECT identity, party FROM known_parties(:tenant, CAST(:identities AS uuid[]))")
LINK_PARTY = text("SELECT link_party(:tenant, :identity, :party, :version)")
