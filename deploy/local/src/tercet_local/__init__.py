"""The whole of Tercet on one machine: embedded PostgreSQL and NATS, the five services and the `tercet` command."""
