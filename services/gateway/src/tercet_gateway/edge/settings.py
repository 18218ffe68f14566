"""Settings of the edge: `TERCET_EDGE_…` beside what every service reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tercet_chassis.settings import SettingMissing, Settings


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls a minute that may go on for ever, and how many may come at once. Zero a minute means no limit."""

    per_minute: int
    burst: int


LIMITS = {
    "READ": Limit(6_000, 600),
    "WRITE": Limit(3_000, 300),
    "SEARCH": Limit(1_200, 120),
    "BULK": Limit(120, 20),
    "SIGN_IN": Limit(30, 10),
}
# A system of one's own on one machine is fed by one script, not by many people.
_ONE_MACHINE = 20


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the edge needs to know."""

    keys_dir: Path
    peers: Mapping[str, str]
    http_address: str = "127.0.0.1:8080"
    service: str = "gateway"
    body_limit: int = 4 << 20
    upload_limit: int = 200 << 20
    header_limit: int = 32 << 10
    limits: Mapping[str, Limit] = field(default_factory=lambda: dict(LIMITS))
    replicas: int = 1
    cors_origins: frozenset[str] = frozenset()
    trusted_proxies: str = "127.0.0.1"
    timeout: float = 10.0
    longest_timeout: float = 30.0
    bulk_timeout: float = 60.0
    stream_seconds: float = 3600.0

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str] | None = None) -> EdgeSettings:
        """Reads `TERCET_EDGE_…`; ends the program with the variable's name when one is not valid."""
        source = os.environ if environment is None else environment
        plain = cls(settings.keys_dir, settings.peers, settings.http_address, settings.service)
        return cls(
            keys_dir=settings.keys_dir,
            peers=settings.peers,
            http_address=settings.http_address,
            service=settings.service,
            body_limit=_whole(source, "BODY_LIMIT", plain.body_limit),
            upload_limit=_whole(source, "UPLOAD_LIMIT", plain.upload_limit),
            header_limit=_whole(source, "HEADER_LIMIT", plain.header_limit),
            limits=_limits(source, _ONE_MACHINE if settings.development else 1),
            replicas=max(1, _whole(source, "REPLICAS", plain.replicas)),
            cors_origins=frozenset(
                item.strip().rstrip("/")
                for item in source.get("TERCET_EDGE_CORS_ORIGINS", "").split(",")
                if item.strip()
            ),
            trusted_proxies=source.get("TERCET_EDGE_TRUSTED_PROXIES", plain.trusted_proxies),
            timeout=float(_whole(source, "TIMEOUT", int(plain.timeout))),
            longest_timeout=float(_whole(source, "LONGEST_TIMEOUT", int(plain.longest_timeout))),
            bulk_timeout=float(_whole(source, "BULK_TIMEOUT", int(plain.bulk_timeout))),
            stream_seconds=float(_whole(source, "STREAM_SECONDS", int(plain.stream_seconds))),
        )


def _whole(source: Mapping[str, str], name: str, default: int) -> int:
    text = source.get(f"TERCET_EDGE_{name}")
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal():
        raise SettingMissing(f"TERCET_EDGE_{name}={text!r} is not a whole number")
    return int(text)


def _limits(source: Mapping[str, str], times: int) -> dict[str, Limit]:
    """`TERCET_EDGE_LIMITS=READ=6000/600,WRITE=0`: calls a minute / at once; what is not named keeps its default."""
    limits = {name: Limit(limit.per_minute * times, limit.burst * times) for name, limit in LIMITS.items()}
    for part in filter(None, (item.strip() for item in source.get("TERCET_EDGE_LIMITS", "").split(","))):
        name, _, numbers = part.partition("=")
        rate, _, burst = numbers.partition("/")
        name = name.strip().upper()
        if name not in limits or not rate.isdecimal() or (burst and not burst.isdecimal()):
            raise SettingMissing(
                f"TERCET_EDGE_LIMITS: {part!r} is not CLASS=PER_MINUTE/BURST with a class of {', '.join(limits)}"
            )
        limits[name] = Limit(int(rate), max(1, int(burst) if burst else int(rate) // 10))
    return limits
