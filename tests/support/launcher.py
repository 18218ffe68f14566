"""`python -m support.launcher FOLDER PORT`: `tercet up` with stand-ins for the services."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tercet_local.cli.local import serve
from tercet_local.errors import LocalError
from tercet_local.folder import DataFolder
from tercet_local.process import follow_parent
from tercet_local.provisioning import SERVICES
from tercet_local.services import Service
from tercet_local.supervisor import Supervisor


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    follow_parent(signal.SIGTERM)
    folder = DataFolder(Path(sys.argv[1]))
    port = int(sys.argv[2])
    services = [Service(name, "support.stand_in") for name in SERVICES]
    running = Supervisor(folder, http_port=port, services=services, say=_say)
    try:
        asyncio.run(serve(running, folder, port, as_json=True))
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
