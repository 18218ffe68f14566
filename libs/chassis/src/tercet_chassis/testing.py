"""The testing kit: a service running in the test's own loop on real PostgreSQL and NATS, a fresh tenant for each
test, clients for any principal.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.message import Message
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import migrations, tables
from tercet_chassis.context import Context
from tercet_chassis.contract import Method, methods_of
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.runtime import Runtime
from tercet_chassis.service import SERVICES, Service
from tercet_chassis.settings import Settings
from tercet_chassis.status import remote_refusal
from tercet_chassis.tokens import Signer, make_keys
from tercet_chassis.transaction import Tx

# Seconds after which a service that does not stop is a fault, told by what still runs.
_STOPPED = 90.0


async def eventually(condition: Callable[[], Any], within: float = 15.0, hint: str = "") -> Any:
    """Waits until `condition()`, awaited when it is awaitable, gives something true or stops raising AssertionError;
    gives what it gave. Fails after so many seconds.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise AssertionError(f"{hint or condition}: not so within {within:g} s")
        await asyncio.sleep(0.02)


@contextmanager
def refused(reason: str, field: str | None = None) -> Iterator[None]:
    """The block must be refused with this reason and, when given, a violation of this field."""
    try:
        yield
    except Refusal as refusal:
        if refusal.reason != reason:
            told = f"refused with {refusal.reason}: {refusal.message} {refusal.violations}"
            raise AssertionError(told) from refusal
        if field is not None and field not in [violation.field for violation in refusal.violations]:
            raise AssertionError(f"{field} is not among {refusal.violations}") from refusal
        return
    raise AssertionError(f"not refused with {reason}")


class Client:
    """Calls a running service over gRPC as one principal: `await client.CreateLead(request)`. Refusals are raised as
    `Refusal`.
    """

    def __init__(self, running: RunningService, principal: Principal) -> None:
        self.running, self.principal = running, principal

    @property
    def tenant_id(self) -> UUID:
        """The tenant of this test."""
        assert self.principal.tenant_id is not None
        return self.principal.tenant_id

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = self.running.method(name)

        async def call(request: Message, *, request_id: str = "", timeout: float = 20.0) -> Any:
            return await self.running.call(method, request, self.principal, request_id, timeout)

        return call

    def as_(
        self,
        *,
        permissions: Mapping[str, str] | None = None,
        user_id: UUID | None = None,
        unit_id: UUID | None = None,
        unit_ids: Sequence[UUID] = (),
        masks: Sequence[str] = (),
        kind: str = "user",
        partner_party_id: UUID | None = None,
        tenant_id: UUID | None = None,
    ) -> Client:
        """The same service as somebody else of the same tenant (or another), with only these permissions: pattern ->
        scope.
        """
        principal = Principal(
            tenant_id=tenant_id or self.tenant_id,
            subject=str(user_id or new_id()),
            kind=kind,
            grants=tuple((permissions or {"*": "all"}).items()),
            masks=frozenset(masks),
            unit_id=unit_id or (unit_ids[0] if unit_ids else None),
            unit_ids=tuple(unit_ids) or ((unit_id,) if unit_id else ()),
            partner_party_id=partner_party_id,
            zone=self.principal.zone,
        )
        return Client(self.running, principal)

    async def settled(self, seconds: float = 60.0) -> None:
        """Waits until nothing is unpublished, unhandled or due in this service and in the others that run."""
        await self.running.together.settled(seconds)

    @asynccontextmanager
    async def transaction(self, permission: str = "") -> AsyncIterator[Tx]:
        """A transaction of this principal, to look at rows or to arrange them."""
        context = Context(principal=self.principal, method="test", permission=permission)
        async with self.running.runtime.transaction(context) as tx:
            yield tx

    async def know_unit(
        self,
        unit_id: UUID,
        *,
        parent_path: str = "/",
        code: str = "",
        type: str = "TEAM",
        zone: str = "Asia/Shanghai",
        reporting_currency: str = "CNY",
    ) -> str:
        """Puts a unit into this service's copy of the tree; gives its path."""
        path = f"{parent_path}{unit_id}/"
        async with self.running.runtime.database.connection() as connection:
            values = {
                "tenant_id": self.tenant_id,
                "id": unit_id,
                "path": path,
                "code": code or str(unit_id)[:8],
                "name": code,
                "type": type,
                "zone": zone,
                "reporting_currency": reporting_currency,
            }
            await connection.execute(insert(tables.units).values(values).on_conflict_do_nothing())
        return path


class RunningService:
    """One service in this loop."""

    def __init__(self, together: Together, service: Service, runtime: Runtime) -> None:
        self.together, self.service, self.runtime = together, service, runtime
        self._methods = {
            method.name: method for package in (service.package, "tercet.chassis.v1") for method in methods_of(package)
        }

    def method(self, name: str) -> Method:
        """An RPC by its short name."""
        if name not in self._methods:
            raise AttributeError(f"{self.service.name} has no RPC {name}")
        return self._methods[name]

    async def call(
        self, method: Method, request: Message, principal: Principal, request_id: str, timeout: float
    ) -> Any:
        """Calls over the wire."""
        metadata = [("authorization", f"Bearer {self.together.signer.token(principal)}")]
        if request_id:
            metadata.append(("tercet-request-id", request_id))
        invoke = self.together.channel(self.runtime).unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        try:
            return await invoke(request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            refusal = remote_refusal(error)
            if refusal is not None:
                raise refusal from error
            raise

    async def tenant(self, **values: str) -> Client:
        """A client that may do everything in a tenant of its own, known to every running service."""
        return await self.together.tenant(self, new_id(), **values)

    async def join(self, tenant_id: UUID, principal: Principal | None = None) -> Client:
        """A client in an existing tenant."""
        return Client(self, principal or admin(tenant_id))


def admin(tenant_id: UUID) -> Principal:
    """Somebody who may do everything in a tenant."""
    return Principal(
        tenant_id=tenant_id,
        subject=str(new_id()),
        grants=(("*", "all"),),
        unit_id=new_id(),
        zone="Asia/Shanghai",
        locale="zh-CN",
    )


class Together:
    """Services that run side by side and know each other."""

    def __init__(self, folder: Path, nats_url: str) -> None:
        self.keys, self.nats_url = folder / "keys", nats_url
        make_keys([*SERVICES, "test"], self.keys)
        self.signer = Signer("test", self.keys)
        self.running: dict[str, RunningService] = {}
        self._peers: dict[str, str] = {}
        self._channels: dict[int, grpc.aio.Channel] = {}

    async def start(self, service: Service, owner_url: str, app_url: str, **settings: Any) -> RunningService:
        """Builds the service's database from its models and starts it."""
        service.assemble()
        await migrations.with_owner(
            owner_url, lambda connection: migrations.build_from_models(service, app_url, connection)
        )
        values = Settings(
            service=service.name,
            database_url=app_url,
            nats_url=self.nats_url,
            keys_dir=self.keys,
            peers=self._peers,
            environment="development",
            pool_size=8,
            pool_overflow=4,
            stream_max_bytes=64 << 20,
        )
        runtime = Runtime(service, replace(values, **settings))
        await runtime.start()
        self._peers[service.name] = f"127.0.0.1:{runtime.server.port}"
        running = self.running[service.name] = RunningService(self, service, runtime)
        return running

    def channel(self, runtime: Runtime) -> grpc.aio.Channel:
        """One channel a service."""
        key = id(runtime)
        if key not in self._channels:
            self._channels[key] = grpc.aio.insecure_channel(f"127.0.0.1:{runtime.server.port}")
        return self._channels[key]

    async def tenant(self, running: RunningService, tenant_id: UUID, **values: str) -> Client:
        """Makes a tenant known to every running service."""
        row = {
            "id": tenant_id,
            "code": values.get("code", str(tenant_id)[-8:]),
            "zone": values.get("zone", "Asia/Shanghai"),
            "reporting_currency": values.get("reporting_currency", "CNY"),
            "region": values.get("region", "CN"),
            "locale": values.get("locale", "zh-CN"),
        }
        for other in self.running.values():
            async with other.runtime.database.connection() as connection:
                await connection.execute(insert(tables.tenants).values(row).on_conflict_do_nothing())
            await other.runtime.jobs.arm(tenant_id)
        return Client(running, admin(tenant_id))

    async def settled(self, seconds: float) -> None:
        """Waits until no running service has anything waiting, twice in a row, since one's end may be another's
        beginning.
        """
        asked = list(self.running.values())

        async def idle() -> bool:
            for _ in range(2):
                for running in asked:
                    if any((await running.runtime.backlog()).values()):
                        # Asked first the next time, so that whoever works is not held up by questions to the others.
                        asked.remove(running)
                        asked.insert(0, running)
                        return False
            return True

        await eventually(idle, seconds)

    async def drop_jobs(self) -> None:
        """Takes away all that is still to be done, in all tenants; what is under way ends by itself."""
        for running in self.running.values():
            async with running.runtime.database.connection() as connection:
                await connection.execute(delete(tables.jobs))

    async def stop(self) -> None:
        """Stops all."""
        for channel in self._channels.values():
            await channel.close()
        for running in self.running.values():
            try:
                async with asyncio.timeout(_STOPPED):
                    await running.runtime.stop(grace=0.5)
            except TimeoutError:
                for task in asyncio.all_tasks():
                    task.print_stack()
                raise
