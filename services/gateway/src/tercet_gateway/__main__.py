"""`python -m tercet_gateway serve | migrate | check`."""

from __future__ import annotations

from tercet_chassis import run
from tercet_gateway.app import service
from tercet_gateway.edge.server import face

# The HTTP face runs beside the gRPC server, in the same loop.
service.hooks = (*service.hooks, face)
run(service)
