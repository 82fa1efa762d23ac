"""What is wrong with a host, an origin or a URL, by its spelling alone (CFG-8).

``corvus check`` reports these faults with their place in the file. The gateway calls the same
functions on what it is given elsewhere, so that it accepts what a check accepts and nothing else.
No network is used.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from corvus.base.hosts import is_loopback

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
_NAME_LENGTH_MAX = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind NAT64 (RFC 6052, section 2.1)."""
_IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class EndpointFault(NamedTuple):
    """Why an address cannot be used.

    Attributes:
        reason: Ends a sentence that begins with the key.
        help: What to do, one sentence.
        instead: What was most likely meant, where one can say; it never holds a user or a password.
    """

    reason: str
    help: str
    instead: str | None = None


def host_fault(host: str) -> EndpointFault | None:
    """Return what is wrong with a host: a name or an IP address, without scheme and port."""
    if _is_host(host):
        return None
    if _is_name(host):
        return EndpointFault(
            "looks like an IP address and is none",
            "An IPv4 address has four numbers from 0 to 255, joined by dots.",
        )
    return _no_host(host)


def listening_host_fault(host: str) -> EndpointFault | None:
    """Return what is wrong with an address to listen on; an IPv6 address may be in brackets."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return host_fault(bare)


def served_host_fault(host: str) -> EndpointFault | None:
    """Return why no request can name a host: what a ``Host`` header holds is compared as text."""
    fault = host_fault(host)
    if fault is not None:
        return fault
    address = _address(host)
    if address is None or str(address) == host.lower():
        return None
    return EndpointFault(
        "is not how requests spell this address",
        f"Write `{address}`.",
        str(address),
    )


def origin_fault(origin: str) -> EndpointFault | None:
    """Return why no browser sends an origin: a scheme, a host and a port that is not the usual one.

    Source: RFC 6454 section 6.2, and the URL standard of WHATWG, both read on 2026-11-28.
    """
    parts, port = _split(origin)
    if parts is None or not _SCHEME.fullmatch(parts.scheme) or not parts.hostname:
        return _no_origin(origin)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = _DEFAULT_PORTS.get(parts.scheme) == port
    if port == 0:
        return EndpointFault("has a port that is none", "A port is a number from 1 to 65535.")
    sent = f"{parts.scheme}://{host}" + (f":{port}" if port is not None and not usual else "")
    fault = host_fault(parts.hostname)
    if fault is not None and fault.instead is not None:
        sent = sent.replace(host, fault.instead)
    elif fault is not None:
        return EndpointFault("has no valid host", fault.help)
    if sent == origin:
        return None
    return EndpointFault(
        "is not how a browser spells an origin",
        f"Write `{sent}`: scheme, host and port in lower case, no path, no usual port.",
        sent,
    )


def url_fault(url: str) -> EndpointFault | None:
    """Return what is wrong with the host or port of an ``http://`` or ``https://`` URL."""
    parts, port = _split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return EndpointFault("is no URL", "Write https://, a host and a path.")
    if port == 0:
        return EndpointFault("has a port that is none", "A port is a number from 1 to 65535.")
    fault = host_fault(parts.hostname)
    # Clients turn a name into ASCII themselves; an address in other letters hides where it leads.
    if fault is None or (fault.instead is not None and _address(fault.instead) is None):
        return None
    return EndpointFault("has no valid host", fault.help)


def upstream_fault(url: str, *, allows_plain_http: bool = False) -> EndpointFault | None:
    """Return why calls, and the key with them, are not sent to a URL (PRX-5).

    Args:
        url: Of an upstream.
        allows_plain_http: Whether ``http://`` may lead to another machine.
    """
    fault = url_fault(url)
    if fault is not None:
        return fault
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username is not None or "?" in url or "#" in url:
        return EndpointFault(
            "must be a host and a path: no user, no query, no fragment",
            "Name the variable that holds the key in api_key_env.",
        )
    if parts.scheme != "https" and not allows_plain_http and not is_loopback(host):
        return EndpointFault(
            "must be https://: a key would travel in plain text",
            "http:// is for this machine, or for a network of your own: `allow_plain_http = true`.",
        )
    if is_link_local(host):
        return EndpointFault(
            "is a link-local address, where clouds keep credentials",
            "Name the host of a provider.",
        )
    return None


def served_origin_fault(url: str) -> EndpointFault | None:
    """Return why people and clients cannot reach the gateway by a URL, as an origin (PRX-8)."""
    fault = url_fault(url)
    if fault is not None:
        return fault
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        return EndpointFault(
            "must be https://: tokens would travel in plain text",
            "End TLS in front of the gateway; http:// is for this machine alone.",
        )
    if parts.username is not None or parts.path not in ("", "/") or "?" in url or "#" in url:
        return EndpointFault(
            "must be a scheme and a host alone",
            "Write https://corvus.example.org: no user, no path, no query, no fragment.",
        )
    return origin_fault(url.removesuffix("/"))


def _split(url: str) -> tuple[SplitResult | None, int | None]:
    """Return the parts of a URL and its port, 0 for one that is none; no parts for no URL."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return None, None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, None
    try:
        return parts, parts.port
    except ValueError:
        return parts, 0


def _is_host(text: str) -> bool:
    return _address(text) is not None or (
        _is_name(text) and not _NUMBER.fullmatch(text.rstrip(".").rpartition(".")[2])
    )


def _is_name(text: str) -> bool:
    return text.isascii() and len(text) <= _NAME_LENGTH_MAX and bool(_NAME.fullmatch(text))


def _address(host: str) -> _IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_link_local(host: str) -> bool:
    """Return whether a host is an address of the link alone, however it is written."""
    address = _address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        is_translated = address in _TRANSLATED
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if is_translated else None
        address = inner or address.ipv4_mapped or address.sixtofour or address
    return address is not None and address.is_link_local


def _no_host(host: str) -> EndpointFault:
    if "*" in host:
        return EndpointFault("has a `*`, and each host is named in full", "List every host name.")
    meant = _host_in(host)
    if "://" in host or "/" in host:
        return _instead("is a URL, not a host", meant)
    if meant is not None and meant.isascii() and ":" in host:
        return _instead("has brackets or a port", meant)
    if not host.isascii() and meant is not None:
        return _instead("has letters that no request spells so", meant)
    return EndpointFault(
        "is no host", "Write a name such as budgets.example.com, or an IP address."
    )


def _instead(reason: str, meant: str | None) -> EndpointFault:
    help_ = f"Write `{meant}`." if meant else "Write a host alone, without scheme, port and path."
    return EndpointFault(reason, help_, meant)


def _host_in(text: str) -> str | None:
    """Return the host that a URL, or a host with a port, names; in ASCII."""
    parts, _ = _split(text if "//" in text else f"//{text}")
    host = parts.hostname if parts is not None else None
    if not host:
        return None
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return None
    return name if _is_host(name) else None


def _no_origin(origin: str) -> EndpointFault:
    if "*" in origin:
        return EndpointFault("has a `*`, and each origin is named in full", "List every origin.")
    host = _host_in(origin)
    meant = f"https://{origin.lower()}" if host is not None and "//" not in origin else None
    if meant is not None and origin_fault(meant) is None:
        return EndpointFault("has no scheme", f"Write `{meant}`.", meant)
    return EndpointFault("is no origin", "Write a scheme and a host: https://ops.example.com.")
