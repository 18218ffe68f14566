"""New keys for old ones while services run: what is signed or sealed under either is taken at every moment."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from tercet_local.errors import LocalError
from tercet_local.folder import write_private
from tercet_local.provisioning import SERVICES

Values = dict[str, str]
# Said of one moment: with it, the file could be applied once only.
_OF_THE_CLUSTER = ("resourceVersion", "uid", "creationTimestamp", "managedFields")


class Step(StrEnum):
    """Between two of them every pod is started anew."""

    ANNOUNCE = "announce"
    SIGN = "sign"
    RETIRE = "retire"


def rotate(file: Path, step: Step) -> None:
    """Takes one step on the Secret in a file, as `tercet secrets` writes it or `kubectl get secret -o json` shows it.
    Refuses a file without keys, and a step that is not the next one; the file stays as it was.
    """
    document, secret = _secret_in(file)
    plain = "stringData" in secret
    values = secret["stringData"] if plain else {name: _decoded(text) for name, text in secret["data"].items()}
    moved = rotated(values, step)
    secret["stringData" if plain else "data"] = (
        moved if plain else {name: base64.b64encode(text.encode()).decode() for name, text in moved.items()}
    )
    for name in _OF_THE_CLUSTER:
        secret.get("metadata", {}).pop(name, None)
    write_private(file, json.dumps(document, indent=1) + "\n")


def rotated(values: Mapping[str, str], step: Step) -> Values:
    """The Secret's values after a step. Refuses one that is not the next."""
    from tercet_chassis.tokens import fresh_key, public_half

    kept = dict(values)
    waiting = bool(kept.get(_next(SERVICES[0])))
    public: list[dict[str, Any]] = json.loads(kept["jwks.json"])["keys"]
    retiring = not waiting and len(public) > len(SERVICES)
    due = Step.SIGN if waiting else Step.RETIRE if retiring else Step.ANNOUNCE
    if step is not due:
        raise LocalError(
            f"The next step for these keys is `{due.value}`, not `{step.value}`; start every pod anew before."
        )
    if step is Step.ANNOUNCE:
        for service in SERVICES:
            number = int(_signing(kept, service)["kid"].rpartition("-")[2]) + 1
            fresh = fresh_key(f"{service}-{number}")
            kept[_next(service)] = json.dumps(fresh)
            public.append(public_half(fresh))
        sealing = kept["encryption-keys"].split(",")
        # Opened by all from now on; nobody seals under it before everybody can open.
        kept["encryption-keys"] = ",".join([*sealing, f"key-{len(sealing) + 1}={secrets.token_hex(32)}"])
    elif step is Step.SIGN:
        for service in SERVICES:
            # The first of all is what links are made from, those between are what backups of their time know.
            before = _private(kept, service)
            kept[_own(service)] = json.dumps({"keys": [json.loads(kept[_next(service)]), *before]})
            # Emptied, not left out: what is only left out of stringData stays in the cluster.
            kept[_next(service)] = ""
        *older, newest = kept["encryption-keys"].split(",")
        kept["encryption-keys"] = ",".join([newest, *older])
    else:
        signing = {_signing(kept, service)["kid"] for service in SERVICES}
        public = [key for key in public if key["kid"] in signing]
    kept["jwks.json"] = json.dumps({"keys": public}, indent=2)
    return kept


def _own(service: str) -> str:
    return f"{service}.private.jwk"


def _next(service: str) -> str:
    return f"{service}.next.jwk"


def _private(values: Mapping[str, str], service: str) -> list[dict[str, Any]]:
    told = json.loads(values[_own(service)])
    keys: list[dict[str, Any]] = told.get("keys", [told])
    return keys


def _signing(values: Mapping[str, str], service: str) -> dict[str, Any]:
    return _private(values, service)[0]


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _secret_in(file: Path) -> tuple[Any, Any]:
    """The document, and the Secret in it that holds the keys."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        items = document["items"] if document.get("kind") == "List" else [document]
        found = [one for one in items if "jwks.json" in one.get("stringData", one.get("data", {}))]
        return document, found[0]
    except (OSError, ValueError, KeyError, AttributeError, IndexError) as wrong:
        raise LocalError(
            f"{file} holds no keys; name the file that `tercet secrets` wrote, or one of `kubectl get secret -o json`."
        ) from wrong
