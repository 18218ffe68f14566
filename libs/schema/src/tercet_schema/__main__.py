"""`python -m tercet_schema check | release`: what the version before relies on is still there, or is written down."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tercet_local.postgres import THROW_AWAY, Postgres
from tercet_local.provisioning import SERVICES
from tercet_schema.building import Built, build, judged, released, released_file, service_of


async def _all(folder: Path) -> list[Built]:
    server = Postgres(folder, settings=THROW_AWAY)
    try:
        info = server.start()
        return [await build(service_of(name), info, released(service_of(name))) for name in SERVICES]
    finally:
        server.remove()


def main() -> int:
    """Exit code 1 when something must not be released as it is."""
    parser = argparse.ArgumentParser(prog="tercet_schema", description=__doc__)
    parser.add_argument("command", choices=["check", "release"])
    command = parser.parse_args().command
    with TemporaryDirectory() as folder:
        found = asyncio.run(_all(Path(folder)))
    if command == "release":
        for built in found:
            released_file(service_of(built.service)).write_text(built.code.written(), encoding="utf-8")
            sys.stdout.write(f"{built.service}: {built.code.version} at migration {built.code.revision}\n")
        return 0
    wrong = [line for built in found for line in judged(built, released(service_of(built.service)))]
    sys.stdout.write("".join(f"{line}\n" for line in wrong) or "The version before can work on this schema.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
