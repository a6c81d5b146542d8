"""Who is asking: the client's address and the request's id.

The address is the socket's. A header can only say otherwise where the socket belongs to a proxy that the
operator trusts, and then only up to the first hop that is none of those.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from uuid import uuid4

from api.settings import Network

Address = IPv4Address | IPv6Address
EXCHANGE = "pgroster.exchange"
"""Where the ASGI scope carries the Exchange."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """One request as the log knows it; `user` is the public id of whoever the token names.

    `is_counted`: a function's statement counts it against its limits, or it has been counted already.
    """

    request_id: str
    address: str | None
    headers: Mapping[bytes, bytes]
    user: str | None = None
    is_counted: bool = False


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """The id that the client gave, if it is 1 to 64 plain characters, else a new one."""
    given = headers.get(b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else str(uuid4())


def address(peer: str | None, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> str | None:
    """The client's address: the peer's, or behind trusted proxies the right-most hop that is not one of them.

    None where the connection has no address (a Unix socket).
    """
    client = _parse(peer or "")
    if client is None or not trusted or not _is_trusted(client, trusted):
        return str(client) if client is not None else None
    hops = [hop for name, value in headers if name == b"x-forwarded-for" for hop in value.decode("latin-1").split(",")]
    for hop in reversed(hops):
        parsed = _parse(_without_port(hop.strip()))
        if parsed is None:
            break  # what stands left of nonsense cannot be trusted either
        client = parsed
        if not _is_trusted(client, trusted):
            break
    return str(client)


def _without_port(hop: str) -> str:
    """Some proxies write 192.0.2.1:4711 and [2001:db8::1]:4711."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def is_among(client: str | None, networks: tuple[Network, ...]) -> bool:
    """Whether an address belongs to one of the networks; a client without one is on this machine."""
    return client is None or any(ip_address(client) in network for network in networks)


def _parse(text: str) -> Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return parsed.ipv4_mapped
        return IPv6Address(int(parsed))  # without a scope such as %eth0, which means nothing elsewhere
    return parsed


def _is_trusted(candidate: Address, trusted: tuple[Network, ...]) -> bool:
    return any(candidate in network for network in trusted)
