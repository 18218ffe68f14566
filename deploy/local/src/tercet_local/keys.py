"""Each service signs its internal tokens with a key of its own; all services know all public halves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from joserfc.jwk import OKPKey

from tercet_local.folder import write_private


def ensure_keys(folder: Path, services: Sequence[str]) -> None:
    """Make the Ed25519 keys that are missing, and write all public halves to `jwks.json`.

    `<service>.private.jwk` is readable by its owner alone and named by the key id `<service>-1`.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    public = []
    for service in services:
        path = folder / f"{service}.private.jwk"
        if path.exists():
            key = OKPKey.import_key(json.loads(path.read_text()))
        else:
            key = OKPKey.generate_key("Ed25519", {"kid": f"{service}-1", "use": "sig"}, private=True)
            write_private(path, json.dumps(key.as_dict(private=True)))
        public.append(key.as_dict(private=False))
    write_private(folder / "jwks.json", json.dumps({"keys": public}, indent=2))
