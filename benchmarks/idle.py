"""`python -m benchmarks.idle [SECONDS]`: what the system takes of the processor while nobody asks anything."""

from __future__ import annotations

import asyncio
import sys

from benchmarks import system
from tercet_local.provisioning import SERVICES


async def _measure(seconds: float) -> None:
    async with system.running() as running:
        # What the start itself left to do.
        await asyncio.sleep(15)
        before, asked = running.processor(), await _statements(running)
        await asyncio.sleep(seconds)
        taken = {name: took - before.get(name, 0.0) for name, took in running.processor().items()}
        asked = {service: count - asked[service] for service, count in (await _statements(running)).items()}
    print("| process | % of a core | transactions a second |\n|---|---|---|")
    for name, took in sorted(taken.items()):
        count = asked.get(name.replace("_", "-"))
        print(f"| {name} | {100 * took / seconds:.2f} | {'' if count is None else f'{count / seconds:.1f}'} |")
    services = sum(took for name, took in taken.items() if name.replace("_", "-") in asked)
    print(f"| the five services | {100 * services / seconds:.2f} | {sum(asked.values()) / seconds:.1f} |")
    print(f"| everything | {100 * sum(taken.values()) / seconds:.2f} | |")


async def _statements(running: system.System) -> dict[str, int]:
    """Transactions that each service's database has ended so far."""
    query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    return {service: int(await running.query(service, query)) for service in SERVICES}


def main() -> None:
    """Prints the table as Markdown."""
    asyncio.run(_measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))


if __name__ == "__main__":
    main()
