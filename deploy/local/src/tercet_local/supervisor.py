"""Starts PostgreSQL, NATS and the five services, keeps them running, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from tercet_local.errors import LocalError, MigrationFailed, RestoreUnfinished, StartFailed
from tercet_local.folder import DataFolder
from tercet_local.keys import ensure_keys
from tercet_local.logs import LogFile
from tercet_local.nats import Nats
from tercet_local.ports import Ports
from tercet_local.postgres import Postgres
from tercet_local.process import ended, spawn
from tercet_local.provisioning import SERVICES
from tercet_local.readiness import until_ready
from tercet_local.services import ALL, Service, Surroundings, port_names

logger = logging.getLogger(__name__)

_READY_WITHIN_SECONDS = 90.0
_DRAIN_WITHIN_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_AFTER_SECONDS = 30.0


class Supervisor:
    """The whole system on one data folder. Made, started and stopped in the main thread."""

    def __init__(
        self,
        folder: DataFolder,
        *,
        http_port: int = 8080,
        services: Sequence[Service] = ALL,
        log_level: str = "INFO",
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self._folder = folder
        self._http_port = http_port
        self._services = services
        self._log_level = log_level
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()
        self._postgres: Postgres | None = None
        self._nats: Nats | None = None
        self._surroundings: Surroundings | None = None

    @property
    def surroundings(self) -> Surroundings:
        """What the services were told. Refused before the start."""
        if self._surroundings is None:
            raise RuntimeError("not started")
        return self._surroundings

    async def start(self) -> None:
        """Bring everything up and return when every service is ready.

        Refused when another launcher has the folder, the HTTP port is taken, or a part does not start; then whatever
        had been started is ended first.
        """
        for service in self._services:
            service.check_installed()
        self._folder.prepare()
        if self._folder.restoring is not None:
            raise RestoreUnfinished(self._folder.path)
        self._folder.lock()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything in order: gateway, services, NATS, PostgreSQL. What was acknowledged is on disk."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        # The gateway first: it answers what it has taken while the others are still there.
        if "gateway" in self._children:
            await self._end("gateway")
        await asyncio.gather(*(self._end(name) for name in list(self._children)))
        if self._nats is not None:
            self._nats.stop()
        if self._postgres is not None:
            self._postgres.stop()
        self._folder.unlock()

    def hurry(self) -> None:
        """Let a stop wait no longer for services to finish what they do."""
        self._hurry.set()

    async def _start(self) -> None:
        ports = Ports(self._folder.path / "ports.json")
        ports.fix("http", self._http_port)
        for name in port_names():
            if name != "http":
                ports.get(name)
        ports.save()
        numbers = ports.all()
        began = time.monotonic()
        self._postgres = Postgres(self._folder, port=numbers["postgres"])
        self._nats = Nats(self._folder, port=numbers["nats"], monitor_port=numbers["nats-monitor"])
        info = self._postgres.start()
        url = self._nats.start()
        self._say(f"PostgreSQL and NATS are ready after {time.monotonic() - began:.1f} s")
        ensure_keys(self._folder.keys, SERVICES)
        self._surroundings = Surroundings(self._folder, info, url, numbers, SERVICES, self._log_level)
        await self._migrate(self._postgres)
        logs = {service.name: self._spawn(service) for service in self._services}
        try:
            async with asyncio.TaskGroup() as group:
                for service in self._services:
                    group.create_task(self._first_ready(service, logs[service.name], began))
        except* LocalError as failures:
            raise failures.exceptions[0] from None
        self._keepers = [asyncio.create_task(self._keep(service)) for service in self._services]
        self._keepers.append(asyncio.create_task(self._keep_server("PostgreSQL", self._postgres)))
        self._keepers.append(asyncio.create_task(self._keep_server("NATS", self._nats)))

    async def _migrate(self, postgres: Postgres) -> None:
        """Run the migrations of the services whose database is not at their newest revision, side by side."""
        recorded = postgres.revisions()
        due = [service for service in self._services if not _is_current(service, recorded)]
        if not due:
            return
        began = time.monotonic()
        runs = []
        for service in due:
            log = LogFile(self._folder.logs / f"{service.name}-migrate.log")
            with log.open() as output:
                child = spawn(
                    service.command("migrate"),
                    # PostgreSQL takes back a migration that was cut off.
                    when_launcher_dies=signal.SIGKILL,
                    env=self.surroundings.migrating_environment(service.name),
                    output=output,
                )
            self._children[f"{service.name} migrate"] = child
            runs.append((service, child, log))
        for service, child, log in runs:
            if await ended(child) != 0:
                raise MigrationFailed(service.name, log.last_words(), log.path)
            del self._children[f"{service.name} migrate"]
        names = ", ".join(service.name for service in due)
        self._say(f"Migrated {names} in {time.monotonic() - began:.1f} s")

    def _spawn(self, service: Service) -> LogFile:
        log = LogFile(self._folder.logs / f"{service.name}.log")
        with log.open() as output:
            self._children[service.name] = spawn(
                service.command("serve"),
                # Its servers die in the same moment, so there is nothing it could still finish.
                when_launcher_dies=signal.SIGKILL,
                env=self.surroundings.environment(service.name),
                output=output,
            )
        return log

    async def _first_ready(self, service: Service, log: LogFile, began: float) -> None:
        ready = asyncio.create_task(until_ready(self.surroundings.grpc_address(service.name)))
        dead = asyncio.create_task(ended(self._children[service.name]))
        try:
            done, _ = await asyncio.wait(
                {ready, dead}, timeout=_READY_WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ready.cancel()
            dead.cancel()
        if dead in done:
            raise StartFailed(service.name, log.last_words(), log.path)
        if ready not in done:
            raise StartFailed(service.name, f"it was not ready within {_READY_WITHIN_SECONDS:.0f} s.", log.path)
        self._say(f"{service.name} is ready after {time.monotonic() - began:.1f} s")

    async def _keep(self, service: Service) -> None:
        """Start the service again whenever it ends, after a pause that grows while it keeps failing."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            born = time.monotonic()
            code = await ended(self._children[service.name])
            if time.monotonic() - born > _STEADY_AFTER_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._say(f"{service.name} ended ({_cause(code)}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._spawn(service)

    async def _keep_server(self, what: str, server: Postgres | Nats) -> None:
        """Start the server again on the same port whenever it ends; the services reconnect by themselves."""
        while True:
            if server.process is not None:
                code = await ended(server.process)
                self._say(f"{what} ended ({_cause(code)}); starting it again")
            pause = _FIRST_PAUSE_SECONDS
            while True:
                try:
                    server.start()
                    break
                except LocalError as error:
                    self._say(f"{what}: {error} Trying again in {pause:g} s")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._say(f"{what} is back")

    async def _end(self, name: str) -> None:
        child = self._children.pop(name)
        if child.poll() is None:
            child.terminate()
        leave = asyncio.create_task(ended(child))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({leave, hurry}, timeout=_DRAIN_WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not leave.done():
            self._say(f"{name} did not finish in time and is ended")
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await leave


def _is_current(service: Service, recorded: dict[str, str]) -> bool:
    head = service.head_revision()
    return head is not None and recorded.get(service.name) == head


def _cause(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
