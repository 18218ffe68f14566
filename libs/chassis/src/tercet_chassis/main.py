"""`python -m tercet_<service> serve | migrate | check-migrations | new-migration`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence

import structlog
import uvloop

from tercet_chassis import telemetry
from tercet_chassis.runtime import Runtime
from tercet_chassis.service import Service
from tercet_chassis.settings import Settings

log = structlog.get_logger(__name__)


def run(service: Service, arguments: Sequence[str] | None = None) -> None:
    """The service's command line."""
    parser = argparse.ArgumentParser(prog=service.module, description=f"The {service.name} service of Tercet.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve until SIGTERM")
    migrate = commands.add_parser("migrate", help="bring the database to the newest version")
    migrate.add_argument("--to", default="head", choices=["head", "base"])
    migrate.add_argument("--wait", type=float, default=0.0, help="seconds to wait for a database that does not answer")
    commands.add_parser("await-migrations", help="wait until the database is migrated; changes nothing").add_argument(
        "--seconds", type=float, default=600.0
    )
    commands.add_parser("check-migrations", help="fail when models and database differ")
    commands.add_parser("new-migration", help="write the next migration from the models").add_argument("message")
    options = parser.parse_args(arguments)
    settings = Settings.from_environment(service.name)
    if options.command == "serve":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(service, settings))
        return
    if options.command == "await-migrations":
        from tercet_chassis import migrations

        try:
            asyncio.run(migrations.awaited(service, settings.database_url, options.seconds))
        except TimeoutError as late:
            sys.exit(str(late))
        return
    if not settings.database_owner_url:
        sys.exit("set TERCET_DATABASE_OWNER_URL: migrations run as the tables' owner")
    # Alembic and its templates take a quarter of a second and 8 MB, which a serving process has no use for.
    from tercet_chassis import migrations

    if options.command == "migrate":
        try:
            migrations.migrate(service, settings.database_owner_url, settings.database_url, options.to, options.wait)
        except TimeoutError as late:
            sys.exit(str(late))
        return
    service.assemble()
    if options.command == "new-migration":
        asyncio.run(
            migrations.with_owner(
                settings.database_owner_url,
                lambda c: migrations.new_revision(service, settings.database_url, c, options.message),
            )
        )
    else:
        asyncio.run(
            migrations.with_owner(
                settings.database_owner_url, lambda c: migrations.differences(service, settings.database_url, c)
            )
        )


def _settle_memory() -> None:
    """Tells the collector that what is there now stays, and to look less often.

    A batch makes hundreds of thousands of objects that all go by themselves; with Python's defaults, looking for cycles
    among them took half of intake's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def serve(service: Service, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    runtime = Runtime(service, settings)
    telemetry.start(settings, runtime.database.engine)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await runtime.start()
    _settle_memory()
    faces = [asyncio.create_task(hook(runtime, stop)) for hook in service.hooks]
    waits = asyncio.create_task(stop.wait())
    # A face that ends by itself has failed: the whole process goes, and whoever supervises it starts it anew.
    await asyncio.wait([*faces, waits], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    results = await asyncio.gather(*faces, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    for fault in failed:
        log.critical("service.face_failed", exc_info=fault)
    await (runtime.stop(grace=0.0) if failed else runtime.stop())
    if failed:
        raise failed[0]
