"""`rotate-keys`: new keys for a release, in three steps between which its pods start anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tercet_local import rotation
from tercet_local.cli.output import console
from tercet_local.rotation import Step

_THEN = {
    Step.ANNOUNCE: "Every pod will know the new keys and use the old ones. Then take the step `sign`.",
    Step.SIGN: "Pods will sign and seal with the new keys. Two minutes after the last one started, take `retire`.",
    Step.RETIRE: "What the old keys sign is refused once pods have started anew. What they sealed still opens.",
}


def register(app: typer.Typer) -> None:
    app.command("rotate-keys")(rotate_keys)


def rotate_keys(
    file: Annotated[Path, typer.Argument(help="File of `tercet secrets`, or of `kubectl get secret NAME -o json`.")],
    step: Annotated[Step, typer.Option(help="The step to take; any but the next one is refused.")],
) -> None:
    """Give the services of a release new keys without a failed request; the file is changed in place.

    After each step apply the file and start all pods anew: `kubectl rollout restart deployment -l
    app.kubernetes.io/part-of=tercet`.
    """
    rotation.rotate(file, step)
    console.print(f"Changed {file}: apply it, start all pods anew and wait for them. {_THEN[step]}")
