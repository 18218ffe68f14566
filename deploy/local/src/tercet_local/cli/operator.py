"""With whose keys an operator speaks to which gateway: the system on this machine, or one elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tercet_local import ports
from tercet_local.errors import LocalError
from tercet_local.folder import DataFolder
from tercet_local.kubernetes import write_keys

Keys = Annotated[Path | None, typer.Option(help="File of `tercet secrets`, for a system that runs elsewhere.")]
Gateway = Annotated[str, typer.Option(help="Where that gateway takes gRPC, such as 127.0.0.1:9090.")]


@dataclass(frozen=True)
class Operator:
    """A folder with the services' keys, and where the gateway takes gRPC."""

    keys: Path
    gateway: str


@contextmanager
def operator(folder: DataFolder, keys: Path | None, gateway: str) -> Iterator[Operator]:
    """Who operates the system: on this machine, or with `keys` elsewhere. Refused when nothing runs here, and when
    keys come without an address.
    """
    if keys is None:
        if folder.holder() is None:
            raise LocalError("Nothing runs here; start it with `tercet up`.")
        yield Operator(folder.keys, f"{ports.HOST}:{ports.Ports(folder.path / 'ports.json').all()['gateway']}")
        return
    if not gateway:
        raise LocalError("With --keys say where the gateway takes gRPC: --gateway HOST:PORT.")
    with TemporaryDirectory() as place:
        write_keys(keys, Path(place))
        yield Operator(Path(place), gateway)
