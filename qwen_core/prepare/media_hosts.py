"""Classify the host of a URL as resolvers and browsers read it, without resolving it.

A server that fetches a URL inside a private network must not be led there by a notation that only looks public.
Browsers map full-width characters and ideographic full stops, drop invisible characters (UTS 46), and read numbers
in three bases and one to four parts; IPv6 addresses carry IPv4 addresses in seven forms. A host is public only if
all readings are.
"""

import ipaddress
import unicodedata
from collections.abc import Iterator

PRIVATE_NAMES = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "lan", "home", "corp", "home.arpa"),
    *("test", "invalid", "onion"),
)
"""Reserved for local use (RFC 6761, 6762, 8375, ICANN's name collision list), or used so by convention."""

RESERVED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    # Python's own table lacks the relay anycast of 6to4 and, in older versions, the new documentation prefix.
    for network in ("192.88.99.0/24", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "3fff::/20")
)
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LAST_32_BITS = tuple(ipaddress.ip_network(network) for network in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96"))
"""Networks whose addresses end in an IPv4 address: NAT64, IPv4-compatible, IPv4-translated."""
ISATAP = (0x0000_5EFE, 0x0200_5EFE)

FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")
INVISIBLE = dict.fromkeys([0xAD, 0x34F, 0x180B, 0x180C, 0x180D, 0x180F, *range(0xFE00, 0xFE10)])
"""What UTS 46 maps to nothing, beside the format characters (category Cf)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_private_host(host: str) -> bool:
    """Return whether a host is, in any reading, this machine, a private or reserved address, or a local name."""
    name = normalize_host(host)
    if "%" in name or not name:
        return True
    if ":" in name or name.startswith("["):
        return any(not is_public_address(address) for address in ipv6_readings(name))
    last = name.rpartition(".")[2]
    if is_number(last):
        return any(not is_public_address(address) for address in ipv4_readings(name))
    return "." not in name or any(name == suffix or name.endswith("." + suffix) for suffix in PRIVATE_NAMES)


def normalize_host(host: str) -> str:
    """Return a host as a browser's URL parser and IDNA's mapping leave it."""
    visible = "".join(character for character in host if unicodedata.category(character) != "Cf")
    mapped = unicodedata.normalize("NFKC", visible.translate(INVISIBLE).translate(FULL_STOPS))
    return mapped.translate(FULL_STOPS).casefold().rstrip(".")


def is_number(label: str) -> bool:
    """Return whether a label is a decimal, octal or hexadecimal number, in the eyes of some reader."""
    return label.isdecimal() or (
        label.startswith("0x") and all(digit in "0123456789abcdef" for digit in label[2:])
    )


def ipv4_readings(name: str) -> Iterator[Address]:
    """Yield the IPv4 addresses that a numeric host may mean; the unspecified one if it is invalid.

    A part with a leading zero is octal to most readers, and decimal to some.
    """
    parts = name.split(".")
    readings = 0
    for octal in (True, False):
        numbers = [number_of(part, octal=octal) for part in parts]
        if len(parts) > 4 or None in numbers:
            continue
        *head, tail = [number for number in numbers if number is not None]
        if any(number > 255 for number in head) or tail >= 256 ** (5 - len(parts)):
            continue
        value = sum(number << 8 * (3 - index) for index, number in enumerate(head)) + tail
        readings += 1
        yield ipaddress.IPv4Address(value)
    if not readings:
        yield ipaddress.IPv4Address(0)


def number_of(part: str, *, octal: bool) -> int | None:
    """Return the number in one part of an IPv4 address, or None."""
    if not part.isascii() or not is_number(part) or len(part) > 40:
        return None
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    try:
        return int(part, 8 if octal and part.startswith("0") else 10)
    except ValueError:
        return None


def ipv6_readings(name: str) -> Iterator[Address]:
    """Yield the IPv6 address of a host and the IPv4 addresses inside it; the unspecified one if it is invalid."""
    try:
        address = ipaddress.IPv6Address(name.strip("[]"))
    except ValueError:
        yield ipaddress.IPv6Address(0)
        return
    inside = list(embedded_addresses(address))
    # An address that only carries another one is public if the other one is.
    if not (inside and (address in NAT64 or address.ipv4_mapped or address.sixtofour)):
        yield address
    yield from inside


def embedded_addresses(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield every IPv4 address that an IPv6 address carries."""
    last = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.ipv4_mapped or any(address in network for network in LAST_32_BITS):
        yield last
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if (int(address) >> 32) & 0xFFFF_FFFF in ISATAP:
        yield last


def is_public_address(address: Address) -> bool:
    """Return whether an address is globally reachable and of one machine."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address.version == network.version and address in network for network in RESERVED_NETWORKS)
