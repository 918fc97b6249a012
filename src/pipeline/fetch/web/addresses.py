"""Which IP addresses may be asked: public ones.

A list of addresses may name hosts that resolve to the machine itself, to its network, or to a cloud's metadata service
(169.254.169.254). None of these is asked, and no IPv6 address that carries one of them inside.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out for the public IPv6 internet. IPv4-mapped (::ffff:0:0/96), IPv4-compatible (::/96),
site-local (fec0::/10) and local NAT64 addresses (64:ff9b:1::/48) lie outside."""
NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix of IPv4 addresses behind a translator (RFC 6052)."""
NOT_ASKED = tuple(map(ip_network, ("192.0.0.0/24", "168.63.129.16/32", "2002::/16")))
"""Public by Python's tables, but not the public internet: protocol assignments (RFC 6890), where Oracle's metadata
service answers; Azure's own services; and 6to4 (retired by RFC 7526), which tunnels to an IPv4 address."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; False if it is none."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if ip in NAT64:
        ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
    elif ip.version == 6 and ip not in GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in NOT_ASKED)
