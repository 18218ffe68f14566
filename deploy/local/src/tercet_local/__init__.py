"""The whole of Tercet on one machine: embedded PostgreSQL and NATS, the five services and the `tercet` command."""

import os

# The launcher starts servers by fork and exec while gRPC runs in it; gRPC's own fork handlers would break the child
# between the two. Read by gRPC when it is first imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
