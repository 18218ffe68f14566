"""Queries of users and employees."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from tercet_chassis import Tx
from tercet_gateway.users.model import Credential, Employee, User
from tercet_gateway.users.rules import email_key


async def find(tx: Tx, id: UUID) -> User | None:
    """The user, whatever the caller's reach."""
    return (await tx.session.scalars(select(User).where(User.id == id))).one_or_none()


async def by_email(tx: Tx, email: str) -> User | None:
    """The user who signs in with the address."""
    return (await tx.session.scalars(select(User).where(User.email_key == email_key(email)))).one_or_none()


async def credential_of(tx: Tx, user_id: UUID) -> Credential | None:
    """The user's password record."""
    return (await tx.session.scalars(select(Credential).where(Credential.user_id == user_id))).one_or_none()


async def is_employee(tx: Tx, user_id: UUID) -> bool:
    """Whether an employee refers to the user."""
    return (await tx.session.scalar(select(Employee.id).where(Employee.user_id == user_id).limit(1))) is not None


async def note_sign_in(tx: Tx, user: User) -> None:
    """Remembers the sign-in without a new version: somebody may sign in at two places at once."""
    query = update(User).where(User.id == user.id).values(sign_in_time=tx.now())
    await tx.session.execute(query.execution_options(synchronize_session=False))
