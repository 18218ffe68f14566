"""The least process that the supervisor can run as a service: gRPC health, nothing else.

`support.launcher` runs it under the five names, so that the supervisor's duties are tested apart from the services.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path


async def serve() -> None:
    # Imported here, so that the five migrations of each start do not pay for it.
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    name = os.environ["TERCET_SERVICE"]
    notes = Path(os.environ["TERCET_KEYS_DIR"]).parent / "notes"
    notes.mkdir(exist_ok=True)
    (notes / f"{name}.json").write_text(json.dumps(dict(os.environ)))
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if server.add_insecure_port(os.environ["TERCET_GRPC_ADDRESS"]) == 0:
        raise OSError("port taken")
    await servicer.set("readiness", health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await asked.wait()
    await server.stop(0)
    with (notes / "ended").open("a") as file:
        file.write(name + "\n")


def migrate() -> None:
    if os.environ.get("STAND_IN_MIGRATION_FAILS"):
        sys.exit("the column is already there")
    if not os.environ["TERCET_DATABASE_OWNER_URL"].startswith("postgresql://"):
        sys.exit("no owner's address")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        migrate()
