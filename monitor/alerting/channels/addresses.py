"""Which network addresses a notification may go to.

Whoever may change the settings, or a receiver's DNS, could otherwise make this service talk to its own neighbours:
databases, admin ports, the cloud's metadata service that hands out credentials (server-side request forgery).

| address | by default | with ``allow_private`` |
| --- | --- | --- |
| public | yes | yes |
| loopback, private (RFC 1918, fc00::/7), shared (RFC 6598), documentation and the like | no | yes |
| link-local, multicast, unspecified, reserved, known metadata services | no | no |

IPv4 inside IPv6 (mapped, 6to4, NAT64) is judged by the IPv4 address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# AWS, Google and Azure use the link-local 169.254.169.254. These three lie elsewhere: Azure's wire server,
# Alibaba's metadata service, and that of AWS over IPv6.
METADATA: Final = frozenset(map(ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
_NAT64: Final = IPv6Network("64:ff9b::/96")


def refusal(address: str, *, allow_private: bool) -> str | None:
    """Why nothing may be sent to this IP address; None if it may.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = _innermost(ip_address(address.partition("%")[0]))
    if ip in METADATA:
        return "a metadata service"
    if ip.is_link_local:
        return "link-local, where metadata services live"
    if ip.is_loopback:
        return None if allow_private else "the machine itself"
    if ip.is_unspecified or ip.is_multicast or ip.is_reserved:
        return "not the address of one machine"
    if isinstance(ip, IPv6Address) and ip.is_site_local:
        return None if allow_private else "private"
    return None if ip.is_global or allow_private else "private"


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
