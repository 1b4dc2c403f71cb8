"""Decides whether an IP address belongs to the public internet, not to the user's own network.

The networks are listed here because Python's ``ipaddress`` differs from version to version.
Source: IANA's registries of special-purpose addresses and of IPv6 unicast addresses.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

__all__ = ["is_public"]

#: The only IPv6 addresses that are allocated.
_ALLOCATED: Final = IPv6Network("2000::/3")

#: Networks for special purposes, in IPv4 and in the allocated part of IPv6.
_SPECIAL: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind providers' NAT
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link; clouds serve credentials there
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocols, among them Teredo, which leads to IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which leads to IPv4
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)

#: These lead to the IPv4 address in their last 32 bits: IPv4-mapped addresses, and NAT64, by which
#: machines without IPv4 reach all others.
_LEADING_TO_IPV4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def is_public(host: str) -> bool:
    """Return whether an address belongs to the public internet.

    >>> [is_public(host) for host in ("93.184.216.34", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1%1")]
    [True, False, False, False]
    """
    address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    if any(address in network for network in _LEADING_TO_IPV4):
        address = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.version == 6 and address not in _ALLOCATED:
        return False
    return not any(address in network for network in _SPECIAL)
