"""What runs on a data folder, seen from outside the launcher."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tercet_local import ports
from tercet_local.folder import DataFolder
from tercet_local.nats import is_healthy
from tercet_local.provisioning import SERVICES
from tercet_local.readiness import is_ready, listens


@dataclass(frozen=True)
class Part:
    """One process of the system. Memory counts shared pages by their share (PSS), so parts add up."""

    part: str
    state: str
    address: str
    pid: int | None
    memory_mib: int | None
    log: str

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


async def read_status(folder: DataFolder) -> list[Part]:
    """PostgreSQL, NATS and the services with their state: ready, not ready or stopped."""
    known = ports.Ports(folder.path / "ports.json").all()
    children = _children(folder.holder())

    async def service(name: str) -> Part:
        address = f"{ports.HOST}:{known.get(name, 0)}"
        return _part(folder, name, address, await is_ready(address), children)

    postgres = await listens(ports.HOST, known.get("postgres", 0))
    nats = await asyncio.to_thread(is_healthy, known.get("nats-monitor", 0))
    servers = [
        _part(folder, "postgres", f"{ports.HOST}:{known.get('postgres', 0)}", postgres, children),
        _part(folder, "nats", f"{ports.HOST}:{known.get('nats', 0)}", nats, children),
    ]
    return servers + list(await asyncio.gather(*(service(name) for name in SERVICES)))


def _part(folder: DataFolder, name: str, address: str, ready: bool, children: dict[str, int]) -> Part:
    pid = children.get(name)
    state = "stopped" if pid is None else "ready" if ready else "not ready"
    return Part(name, state, address, pid, _memory_mib(pid) if pid else None, str(folder.logs / f"{name}.log"))


def _children(launcher: int | None) -> dict[str, int]:
    """The launcher's children by the name of their part."""
    found: dict[str, int] = {}
    if launcher is None:
        return found
    for pid in _children_of(launcher):
        command = _read(Path(f"/proc/{pid}/cmdline")).split("\0")
        program = Path(command[0]).name
        if program == "postgres":
            found["postgres"] = pid
        elif program == "nats-server":
            found["nats"] = pid
        elif "serve" in command:
            module = command[command.index("serve") - 1]
            found[module.removeprefix("tercet_").replace("_", "-")] = pid
    return found


def _memory_mib(pid: int) -> int | None:
    total = 0
    for member in [pid, *_children_of(pid)]:
        for line in _read(Path(f"/proc/{member}/smaps_rollup")).splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total // 1024 or None


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in _read(Path(f"/proc/{pid}/task/{pid}/children")).split()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it ended meanwhile, or is another user's
