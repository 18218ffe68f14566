"""A small service over a part of the sales contract, for tests of what the chassis gives to every service."""

from __future__ import annotations

from sqlalchemy import MetaData

from tercet_chassis.entity import metadata_of
from tercet_chassis.service import Service


class Bench(Service):
    """Serves contacts, activities and a long rebuild; its slices lie here."""

    @property
    def module(self) -> str:
        return "support.bench"

    @property
    def metadata(self) -> MetaData:
        return metadata_of("support")


def bench() -> Bench:
    """The service, not assembled yet."""
    return Bench("sales", slices=["contacts"], complete=False)
