"""Settings come from the environment as `TERCET_…`; a secret may also stand in a file named by `TERCET_…_FILE`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingMissing(SystemExit):
    """A setting without default is not given."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service process needs to know. Each field is the variable of its name in capitals after `TERCET_`."""

    service: str
    database_url: str
    nats_url: str
    keys_dir: Path
    peers: Mapping[str, str] = field(default_factory=dict)
    # What seals secrets at rest, `id=text` each of 32 characters or more: the first seals, all open.
    encryption_keys: Mapping[str, str] = field(default_factory=dict)
    database_owner_url: str = ""
    grpc_address: str = "127.0.0.1:0"
    http_address: str = "127.0.0.1:8080"
    # Where customers reach the gateway, for links in what is sent to them; without it messages carry none.
    public_url: str = ""
    metrics_port: int = 0
    environment: str = "production"
    log_level: str = "INFO"
    pool_size: int = 10
    pool_overflow: int = 5
    consumer_concurrency: int = 6
    stream_replicas: int = 1
    stream_max_bytes: int = 1 << 30
    otlp_endpoint: str = ""
    trace_share: float = 0.1

    @property
    def development(self) -> bool:
        """True where virtual time, reflection and calls to private addresses are allowed."""
        return self.environment == "development"

    @classmethod
    def from_environment(cls, service: str, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads all settings; ends the program with the variable's name when one is missing or not of its type."""
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {"service": service}
        for item in fields(cls):
            name = f"TERCET_{item.name.upper()}"
            text = source.get(name)
            if text is None and (file := source.get(f"{name}_FILE")):
                text = Path(file).read_text(encoding="utf-8").strip()
            if text is None or item.name == "service":
                continue
            try:
                values[item.name] = _parse(str(item.type), text)
            except ValueError as wrong:
                raise SettingMissing(f"{name}={text!r} is not valid: {wrong}") from wrong
        for required in ("database_url", "nats_url", "keys_dir"):
            if required not in values:
                raise SettingMissing(f"set TERCET_{required.upper()} (or TERCET_{required.upper()}_FILE) for {service}")
        return cls(**values)


def _parse(kind: str, text: str) -> Any:
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "Path":
            return Path(text)
        case "Mapping[str, str]":
            pairs = (part.split("=", 1) for part in text.split(",") if part.strip())
            return {name.strip(): address.strip() for name, address in pairs}
    return text
