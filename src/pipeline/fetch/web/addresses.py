"""Which IP addresses may be asked: public ones.

A list of addresses may name hosts that resolve to the machine itself, to its network, or to a cloud's metadata service
(169.254.169.254). Neither these nor addresses that carry one of them inside (IPv4 in IPv6) are asked.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix of IPv4 addresses behind a translator (RFC 6052)."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, as IANA's registries say; False if it is none."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = embedded(ip) if isinstance(ip, IPv6Address) else None
    return ip.is_global and not ip.is_multicast and (inner is None or (inner.is_global and not inner.is_multicast))


def embedded(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 address: mapped, 6to4, Teredo's client, or NAT64's."""
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)
