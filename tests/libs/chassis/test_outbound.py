"""No address leads into our own network, however it is written."""

from __future__ import annotations

import pytest

from tercet_chassis.outbound import check_url, is_public, resolve
from tercet_chassis.testing import refused

_FORBIDDEN = [
    "http://example.com/hook",
    "ftp://example.com/",
    "https://user:secret@example.com/",
    "https:///nowhere",
    "https://example.com:99999/",
    "https://localhost/",
    "https://a.localhost/",
    "https://nats.tercet.svc/",
    "https://db.internal./",
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:7f00:1::]/",
]


@pytest.mark.parametrize("url", _FORBIDDEN)
def test_forbidden_addresses_are_refused_before_anything_is_resolved(url: str) -> None:
    with refused("ADDRESS_FORBIDDEN"):
        check_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url", ["https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://017700000001/"]
)
async def test_short_forms_of_loopback_are_refused_when_resolved(url: str) -> None:
    with refused("ADDRESS_FORBIDDEN"):
        await resolve(url, allow_private=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2002:808:808::"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


async def test_the_resolved_address_is_called_by_the_receiver_s_name() -> None:
    target = await resolve("http://localhost:8443/in?x=1", allow_private=True)
    assert target.url in ("http://127.0.0.1:8443/in?x=1", "http://[::1]:8443/in?x=1")
    assert target.host_header == "localhost:8443"
    assert check_url("https://hooks.example.com/in", allow_private=False).hostname == "hooks.example.com"
