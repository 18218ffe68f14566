"""Units, users and employees come under record scopes: each belongs to a unit, users and employees to their person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.unfence("employees")
    op.add_column("employees", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.add_column("employees", sa.Column("partner_party_id", sa.Uuid(), nullable=True))
    op.alter_column("employees", "unit_id", existing_type=sa.UUID(), nullable=True)
    op.execute("UPDATE employees SET owner_id = user_id")
    op.fence("employees")
    op.unfence("units")
    op.add_column("units", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.add_column("units", sa.Column("unit_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE units SET unit_id = id")
    op.fence("units")
    op.unfence("users")
    op.add_column("users", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE users SET owner_id = id")
    op.fence("users")


def downgrade() -> None:
    op.unfence("users")
    op.drop_column("users", "owner_id")
    op.fence("users")
    op.unfence("units")
    op.drop_column("units", "unit_id")
    op.drop_column("units", "owner_id")
    op.fence("units")
    op.unfence("employees")
    op.alter_column("employees", "unit_id", existing_type=sa.UUID(), nullable=False)
    op.drop_column("employees", "partner_party_id")
    op.drop_column("employees", "owner_id")
    op.fence("employees")
