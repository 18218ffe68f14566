"""Which addresses may be called. A tenant names the receiver of a webhook or the provider of a channel, so they must
not lead into our own network.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from tercet_chassis.errors import InvalidArgument

# Ways to write an IPv4 address inside an IPv6 one: translated networks reach what the inner address reaches.
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".cluster.local", ".svc")


class AddressForbidden(InvalidArgument):
    """The address may not be called."""

    text = "The address {url} may not be called: {cause}. Use a public https address."


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and which name to speak to there."""

    scheme: str
    host: str
    address: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The request's address with the host already resolved, so that nothing resolves it a second time."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        """The name that the receiver is called by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def is_public(text: str) -> bool:
    """Whether an IP address belongs to somebody in the public network."""
    address: IPv4Address | IPv6Address = ip_address(text.split("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and any(address in network for network in _TRANSLATED):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def check_url(url: str, *, allow_private: bool, forbidden: type[AddressForbidden] = AddressForbidden) -> SplitResult:
    """What can be said of an address before it is resolved. Refuses other schemes, passwords and private hosts."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise forbidden(url=url, cause=str(wrong)) from wrong
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise forbidden(url=url, cause="it is not https")
    if not host or parts.username is not None or parts.password is not None:
        raise forbidden(url=url, cause="it has no host, or a name and password in it")
    if allow_private:
        return parts
    if host == _LOCAL_NAMES[0] or host.rstrip(".").endswith(_LOCAL_NAMES[1:]):
        raise forbidden(url=url, cause="its host is a local name")
    try:
        public = is_public(host)
    except ValueError:
        public = True
    if not public:
        raise forbidden(url=url, cause="its host is in a private network")
    return parts


async def resolve(url: str, *, allow_private: bool) -> Target:
    """Resolves the host, once. Refuses when any of its addresses is not public, or there is none."""
    parts = check_url(url, allow_private=allow_private)
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
    address = await resolve_host(host, port, allow_private=allow_private, url=url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, address, port, path)


async def resolve_host(host: str, port: int, *, allow_private: bool, url: str = "") -> str:
    """The address of a host. Refuses when any of its addresses is not public, or there is none."""
    url = url or f"{host}:{port}"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise AddressForbidden(url=url, cause=f"its host is not known ({unknown})") from unknown
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise AddressForbidden(url=url, cause="its host has no address")
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressForbidden(url=url, cause="its host leads into a private network")
    return addresses[0]
