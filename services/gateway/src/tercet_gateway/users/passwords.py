"""Passwords: hashed by argon2id in a small pool off the event loop, so that sign-ins cannot starve all other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tercet_chassis import Tx
from tercet_gateway.users import store
from tercet_gateway.users.errors import PasswordChecksBusy, PasswordTooWeak
from tercet_gateway.users.model import Credential, User
from tercet_gateway.users.rules import password_weakness

T = TypeVar("T")
WORKERS, LONGEST_QUEUE = 2, 16


class Passwords:
    """Hashes and checks passwords; refuses when more wait than can be done within about a quarter of a second."""

    def __init__(self) -> None:
        # OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
        self._hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="password")
        self._waiting = 0
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The password as it is stored."""
        return await self._run(lambda: self._hasher.hash(password))

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether the password is the stored one. Takes as long when none is stored: nobody learns who has a user."""
        if stored is None:
            if self._decoy is None:
                self._decoy = await self.hash("nobody has this password")
            await self._run(lambda: self._verify(self._decoy or "", password))
            return False
        return await self._run(lambda: self._verify(stored, password))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= LONGEST_QUEUE:
            raise PasswordChecksBusy(retry_after=1.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


passwords = Passwords()


async def set_password(tx: Tx, user: User, password: str) -> None:
    """Stores a new password and ends all sessions; an empty one changes nothing. Refuses one that is easy to guess."""
    if not password:
        return
    if remedy := password_weakness(password, user.email):
        raise PasswordTooWeak(remedy=remedy)
    stored = {"argon2": await passwords.hash(password)}
    credential = await store.credential_of(tx, user.id)
    if credential is None:
        tx.add(Credential(user_id=user.id, password=stored))
    else:
        credential.password = stored
        user.end_sessions()


async def password_fits(tx: Tx, user: User | None, password: str) -> bool:
    """Whether the password is the user's; False for a user without one."""
    credential = await store.credential_of(tx, user.id) if user is not None else None
    return await passwords.fits(credential.password.get("argon2") if credential else None, password)
