"""`python -m tercet_service_desk serve | migrate | check-migrations | new-migration`."""

from __future__ import annotations

from tercet_chassis import run
from tercet_service_desk.app import service

run(service)
