"""customers, relations, catalogue, opportunities, activities"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.chassis_tables()
    op.create_table(
        "activities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("partner_party_id", sa.Uuid(), nullable=True),
        sa.Column("identity_id", sa.Uuid(), nullable=True),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome_code", sa.Text(), nullable=True),
        sa.Column("intent_level", sa.Integer(), nullable=True),
        sa.Column("key_events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_activity_id", sa.Uuid(), nullable=True),
        sa.Column("remind_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edit_count", sa.Integer(), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("activities_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="activities_by_external"),
    )
    op.fence("activities")
    op.create_index(
        "activities_by_identity", "activities", ["tenant_id", "identity_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "activities_by_owner",
        "activities",
        ["tenant_id", "owner_id", "state", "due_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "activities_by_party",
        "activities",
        ["tenant_id", "party_id", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "activities_by_subject",
        "activities",
        ["tenant_id", "subject_id", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index("activities_search", "activities", ["tenant_id", "search"], unique=False, postgresql_using="gin")
    op.create_table(
        "activity_edits",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("activity_edits_pk")),
        sa.UniqueConstraint("tenant_id", "activity_id", "number", name="activity_edits_once"),
    )
    op.fence("activity_edits")
    op.create_table(
        "certainty_grades",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("certainty_grades_pk")),
        sa.UniqueConstraint("tenant_id", "code", name="certainty_grades_by_code"),
    )
    op.fence("certainty_grades")
    op.create_table(
        "contacts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("partner_party_id", sa.Uuid(), nullable=True),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("buying_role", sa.Text(), nullable=True),
        sa.Column("preferred", sa.Boolean(), nullable=False),
        sa.Column("phones", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("emails", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("accounts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("language_code", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("contacts_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="contacts_by_external"),
    )
    op.fence("contacts")
    op.create_index(
        "contacts_by_customer",
        "contacts",
        ["tenant_id", "customer_id", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "contacts_by_identity", "contacts", ["tenant_id", "identity_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "contacts_by_owner", "contacts", ["tenant_id", "owner_id", "create_time"], unique=False, postgresql_where=None
    )
    op.create_index("contacts_by_party", "contacts", ["tenant_id", "party_id"], unique=False, postgresql_where=None)
    op.create_index("contacts_search", "contacts", ["tenant_id", "search"], unique=False, postgresql_using="gin")
    op.create_table(
        "currency_rates",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("rate_date", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=20, scale=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("currency_rates_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="currency_rates_by_external"),
    )
    op.fence("currency_rates")
    op.create_index(
        "currency_rates_by_day",
        "currency_rates",
        ["tenant_id", "from_currency", "to_currency", "rate_date", "id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_table(
        "customer_transfers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("from_owner_id", sa.Uuid(), nullable=True),
        sa.Column("to_owner_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("customer_transfers_pk")),
    )
    op.fence("customer_transfers")
    op.create_index(
        "customer_transfers_by_customer",
        "customer_transfers",
        ["tenant_id", "customer_id", "id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_table(
        "customers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("partner_party_id", sa.Uuid(), nullable=True),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("phones", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("emails", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("accounts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("addresses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("grade_code", sa.Text(), nullable=True),
        sa.Column("lifecycle_code", sa.Text(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("industry_code", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("language_code", sa.Text(), nullable=True),
        sa.Column("credit_limit_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("credit_limit_currency", sa.String(length=3), nullable=True),
        sa.Column("source_code", sa.Text(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("customers_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="customers_by_external"),
    )
    op.fence("customers")
    op.create_index(
        "customers_by_identity", "customers", ["tenant_id", "identity_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "customers_by_lead",
        "customers",
        ["tenant_id", "lead_id"],
        unique=False,
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    op.create_index(
        "customers_by_owner", "customers", ["tenant_id", "owner_id", "create_time"], unique=False, postgresql_where=None
    )
    op.create_index(
        "customers_by_party", "customers", ["tenant_id", "party_id", "unit_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "customers_by_unit", "customers", ["tenant_id", "unit_id", "create_time"], unique=False, postgresql_where=None
    )
    op.create_index("customers_search", "customers", ["tenant_id", "search"], unique=False, postgresql_using="gin")
    op.create_table(
        "opportunities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("partner_party_id", sa.Uuid(), nullable=True),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_code", sa.Text(), nullable=True),
        sa.Column("stage_code", sa.Text(), nullable=False),
        sa.Column("stage_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("certainty_code", sa.Text(), nullable=True),
        sa.Column("certainty_pinned", sa.Boolean(), nullable=False),
        sa.Column("certainty_reason", sa.Text(), nullable=True),
        sa.Column("expected_amount_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("expected_amount_currency", sa.String(length=3), nullable=True),
        sa.Column("reporting_amount_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("reporting_amount_currency", sa.String(length=3), nullable=True),
        sa.Column("rate_id", sa.Uuid(), nullable=True),
        sa.Column("expected_close_date", sa.Date(), nullable=True),
        sa.Column("parties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seller_unit_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("interests", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("next_step_date", sa.Date(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("intent_level", sa.Integer(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("source_code", sa.Text(), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_reason_code", sa.Text(), nullable=True),
        sa.Column("close_remark", sa.Text(), nullable=True),
        sa.Column("last_activity_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key_events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("closed_from", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("opportunities_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="opportunities_by_external"),
    )
    op.fence("opportunities")
    op.create_index(
        "opportunities_by_customer",
        "opportunities",
        ["tenant_id", "customer_id", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "opportunities_by_identity", "opportunities", ["tenant_id", "identity_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "opportunities_by_lead",
        "opportunities",
        ["tenant_id", "lead_id"],
        unique=False,
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    op.create_index(
        "opportunities_by_owner",
        "opportunities",
        ["tenant_id", "owner_id", "state", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "opportunities_by_parties", "opportunities", ["tenant_id", "parties"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        "opportunities_by_party", "opportunities", ["tenant_id", "party_id"], unique=False, postgresql_where=None
    )
    op.create_index(
        "opportunities_by_stage",
        "opportunities",
        ["tenant_id", "pipeline_code", "stage_code"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "opportunities_by_unit",
        "opportunities",
        ["tenant_id", "unit_id", "state", "create_time"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "opportunities_search", "opportunities", ["tenant_id", "search"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "pipeline_stages",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("gates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pipeline_stages_pk")),
        sa.UniqueConstraint("tenant_id", "pipeline_code", "code", name="pipeline_stages_by_code"),
    )
    op.fence("pipeline_stages")
    op.create_table(
        "pipelines",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("served_unit_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pipelines_pk")),
        sa.UniqueConstraint("tenant_id", "code", name="pipelines_by_code"),
    )
    op.fence("pipelines")
    op.create_table(
        "price_books",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("served_unit_id", sa.Uuid(), nullable=True),
        sa.Column("served_party_id", sa.Uuid(), nullable=True),
        sa.Column("served_grade_code", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("price_books_pk")),
        sa.UniqueConstraint("tenant_id", "code", name="price_books_by_code"),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="price_books_by_external"),
    )
    op.fence("price_books")
    op.create_index("price_books_search", "price_books", ["tenant_id", "search"], unique=False, postgresql_using="gin")
    op.create_table(
        "prices",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("price_book_code", sa.Text(), nullable=False),
        sa.Column("product_code", sa.Text(), nullable=False),
        sa.Column("min_quantity", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("unit_price_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("unit_price_currency", sa.String(length=3), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("prices_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="prices_by_external"),
    )
    op.fence("prices")
    op.create_index(
        "prices_by_book",
        "prices",
        ["tenant_id", "price_book_code", "product_code"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "prices_by_product",
        "prices",
        ["tenant_id", "product_code", "price_book_code", "min_quantity"],
        unique=False,
        postgresql_where=None,
    )
    op.create_table(
        "products",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("unit_of_measure", sa.Text(), nullable=False),
        sa.Column("category_code", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("tax_percent", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("products_pk")),
        sa.UniqueConstraint("tenant_id", "code", name="products_by_code"),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="products_by_external"),
    )
    op.fence("products")
    op.create_index(
        "products_by_category", "products", ["tenant_id", "category_code", "code"], unique=False, postgresql_where=None
    )
    op.create_index("products_search", "products", ["tenant_id", "search"], unique=False, postgresql_using="gin")
    op.create_table(
        "relation_kinds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inverse_name", sa.Text(), nullable=True),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("hierarchical", sa.Boolean(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("relation_kinds_pk")),
        sa.UniqueConstraint("tenant_id", "code", name="relation_kinds_by_code"),
    )
    op.fence("relation_kinds")
    op.create_table(
        "relations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("partner_party_id", sa.Uuid(), nullable=True),
        sa.Column("kind_code", sa.Text(), nullable=False),
        sa.Column("from_identity_id", sa.Uuid(), nullable=False),
        sa.Column("from_party_id", sa.Uuid(), nullable=False),
        sa.Column("to_identity_id", sa.Uuid(), nullable=False),
        sa.Column("to_party_id", sa.Uuid(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("external_system", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("relations_pk")),
        sa.UniqueConstraint("tenant_id", "external_system", "external_id", name="relations_by_external"),
    )
    op.fence("relations")
    op.create_index(
        "relations_by_first",
        "relations",
        ["tenant_id", "from_party_id", "kind_code"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "relations_by_first_identity",
        "relations",
        ["tenant_id", "from_identity_id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index("relations_by_kind", "relations", ["tenant_id", "kind_code"], unique=False, postgresql_where=None)
    op.create_index(
        "relations_by_second",
        "relations",
        ["tenant_id", "to_party_id", "kind_code"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "relations_by_second_identity",
        "relations",
        ["tenant_id", "to_identity_id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_table(
        "stage_changes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("from_stage_code", sa.Text(), nullable=True),
        sa.Column("to_stage_code", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("occur_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds_in_stage", sa.Integer(), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("stage_changes_pk")),
    )
    op.fence("stage_changes")
    op.create_index(
        "stage_changes_by_opportunity",
        "stage_changes",
        ["tenant_id", "opportunity_id", "id"],
        unique=False,
        postgresql_where=None,
    )


def downgrade() -> None:
    op.drop_index("stage_changes_by_opportunity", table_name="stage_changes", postgresql_where=None)
    op.unfence("stage_changes")
    op.drop_table("stage_changes")
    op.drop_index("relations_by_second_identity", table_name="relations", postgresql_where=None)
    op.drop_index("relations_by_second", table_name="relations", postgresql_where=None)
    op.drop_index("relations_by_kind", table_name="relations", postgresql_where=None)
    op.drop_index("relations_by_first_identity", table_name="relations", postgresql_where=None)
    op.drop_index("relations_by_first", table_name="relations", postgresql_where=None)
    op.unfence("relations")
    op.drop_table("relations")
    op.unfence("relation_kinds")
    op.drop_table("relation_kinds")
    op.drop_index("products_search", table_name="products", postgresql_using="gin")
    op.drop_index("products_by_category", table_name="products", postgresql_where=None)
    op.unfence("products")
    op.drop_table("products")
    op.drop_index("prices_by_product", table_name="prices", postgresql_where=None)
    op.drop_index("prices_by_book", table_name="prices", postgresql_where=None)
    op.unfence("prices")
    op.drop_table("prices")
    op.drop_index("price_books_search", table_name="price_books", postgresql_using="gin")
    op.unfence("price_books")
    op.drop_table("price_books")
    op.unfence("pipelines")
    op.drop_table("pipelines")
    op.unfence("pipeline_stages")
    op.drop_table("pipeline_stages")
    op.drop_index("opportunities_search", table_name="opportunities", postgresql_using="gin")
    op.drop_index("opportunities_by_unit", table_name="opportunities", postgresql_where=None)
    op.drop_index("opportunities_by_stage", table_name="opportunities", postgresql_where=None)
    op.drop_index("opportunities_by_party", table_name="opportunities", postgresql_where=None)
    op.drop_index("opportunities_by_parties", table_name="opportunities", postgresql_using="gin")
    op.drop_index("opportunities_by_owner", table_name="opportunities", postgresql_where=None)
    op.drop_index("opportunities_by_lead", table_name="opportunities", postgresql_where=sa.text("lead_id IS NOT NULL"))
    op.drop_index("opportunities_by_identity", table_name="opportunities", postgresql_where=None)
    op.drop_index("opportunities_by_customer", table_name="opportunities", postgresql_where=None)
    op.unfence("opportunities")
    op.drop_table("opportunities")
    op.drop_index("customers_search", table_name="customers", postgresql_using="gin")
    op.drop_index("customers_by_unit", table_name="customers", postgresql_where=None)
    op.drop_index("customers_by_party", table_name="customers", postgresql_where=None)
    op.drop_index("customers_by_owner", table_name="customers", postgresql_where=None)
    op.drop_index("customers_by_lead", table_name="customers", postgresql_where=sa.text("lead_id IS NOT NULL"))
    op.drop_index("customers_by_identity", table_name="customers", postgresql_where=None)
    op.unfence("customers")
    op.drop_table("customers")
    op.drop_index("customer_transfers_by_customer", table_name="customer_transfers", postgresql_where=None)
    op.unfence("customer_transfers")
    op.drop_table("customer_transfers")
    op.drop_index("currency_rates_by_day", table_name="currency_rates", postgresql_where=None)
    op.unfence("currency_rates")
    op.drop_table("currency_rates")
    op.drop_index("contacts_search", table_name="contacts", postgresql_using="gin")
    op.drop_index("contacts_by_party", table_name="contacts", postgresql_where=None)
    op.drop_index("contacts_by_owner", table_name="contacts", postgresql_where=None)
    op.drop_index("contacts_by_identity", table_name="contacts", postgresql_where=None)
    op.drop_index("contacts_by_customer", table_name="contacts", postgresql_where=None)
    op.unfence("contacts")
    op.drop_table("contacts")
    op.unfence("certainty_grades")
    op.drop_table("certainty_grades")
    op.unfence("activity_edits")
    op.drop_table("activity_edits")
    op.drop_index("activities_search", table_name="activities", postgresql_using="gin")
    op.drop_index("activities_by_subject", table_name="activities", postgresql_where=None)
    op.drop_index("activities_by_party", table_name="activities", postgresql_where=None)
    op.drop_index("activities_by_owner", table_name="activities", postgresql_where=None)
    op.drop_index("activities_by_identity", table_name="activities", postgresql_where=None)
    op.unfence("activities")
    op.drop_table("activities")
    op.drop_chassis_tables()
