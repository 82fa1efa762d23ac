"""Hosts, origins and URLs by their spelling (CFG-8): what works is accepted, and nothing else."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.endpoints import (
    EndpointFault,
    host_fault,
    listening_host_fault,
    origin_fault,
    served_host_fault,
    upstream_fault,
    url_fault,
)

BARE = "must be a host and a path: no user, no query, no fragment"
LINK_LOCAL = "is a link-local address, where clouds keep credentials"
PLAIN = "must be https://: a key would travel in plain text"
NO_HOST = "has no valid host"
HOSTS = (
    *("localhost", "127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1", "budgets.example.com"),
    *("a", "my_service", "xn--bcher-kva.example", "a1.b2", "example.com.", "Budgets.Example.COM"),
)


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize(
    ("host", "reason", "instead"),
    [
        ("not a host", "is no host", None),
        ("", "is no host", None),
        ("a..b", "is no host", None),
        ("-a.example", "is no host", None),
        (f"{'a' * 64}.example", "is no host", None),
        (".".join(["abcdefgh"] * 30), "is no host", None),
        ("http://127.0.0.1", "is a URL, not a host", "127.0.0.1"),
        ("https://me:word@budgets.example.com:8/x", "is a URL, not a host", "budgets.example.com"),
        ("budgets.example.com/", "is a URL, not a host", "budgets.example.com"),
        ("127.0.0.1:80", "has brackets or a port", "127.0.0.1"),
        ("[::1]:80", "has brackets or a port", "::1"),
        ("[::1]", "has brackets or a port", "::1"),
        ("bücher.example", "has letters that no request spells so", "xn--bcher-kva.example"),
        ("*", "has a `*`, and each host is named in full", None),
        ("*.example.com", "has a `*`, and each host is named in full", None),
        ("999.1.1.1", "looks like an IP address and is none", None),
        ("127.1", "looks like an IP address and is none", None),
        ("2852039166", "looks like an IP address and is none", None),
        ("0xA9FEA9FE", "looks like an IP address and is none", None),
        ("1.2.3.4.5", "looks like an IP address and is none", None),
        ("a\x00b", "is no host", None),
    ],
)
def test_what_is_no_host_says_why(host: str, reason: str, instead: str | None) -> None:
    fault = host_fault(host)
    assert fault is not None
    assert (fault.reason, fault.instead) == (reason, instead)


def test_an_address_to_listen_on_may_have_brackets() -> None:
    assert listening_host_fault("[::1]") is None
    assert listening_host_fault("[::1") is not None
    assert listening_host_fault("[]") is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_accepted_can_be_listened_on(host: str) -> None:
    assert listening_host_fault(host) is None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family):
        pass


def test_an_address_is_served_as_requests_spell_it() -> None:
    assert served_host_fault("2001:db8::1") is None
    assert served_host_fault("2001:DB8::1") is None  # compared in lower case
    assert served_host_fault("2001:db8:0::1") == EndpointFault(
        "is not how requests spell this address", "Write `2001:db8::1`.", "2001:db8::1"
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://ops.example.com",
        "http://localhost:3000",
        "https://ops.example.com:8443",
        "http://[::1]:3000",
        "chrome-extension://abcdefghijklmnop",
        "tauri://localhost",
        "http://xn--bcher-kva.example",
    ],
)
def test_an_origin_as_a_browser_sends_it_is_one(origin: str) -> None:
    assert origin_fault(origin) is None


@pytest.mark.parametrize(
    ("origin", "instead"),
    [
        ("https://ops.example.com/", "https://ops.example.com"),
        ("https://ops.example.com/app", "https://ops.example.com"),
        ("https://ops.example.com:443", "https://ops.example.com"),
        ("http://ops.example.com:80", "http://ops.example.com"),
        ("https://ops.example.com?x", "https://ops.example.com"),
        ("HTTPS://Ops.Example.com", "https://ops.example.com"),
        ("https://me:word@ops.example.com", "https://ops.example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("ops.example.com", "https://ops.example.com"),
        ("not-an-origin", "https://not-an-origin"),
        ("*", None),
        ("https://*.example.com", None),
        ("null", "https://null"),
        ("https://", None),
        ("https://a b", None),
        ("https://ops.example.com:99999", None),
        ("https://999.1.1.1", None),
        ("", None),
    ],
)
def test_another_spelling_of_an_origin_can_never_match(origin: str, instead: str | None) -> None:
    fault = origin_fault(origin)
    assert fault is not None
    assert fault.instead == instead


@given(st.text(alphabet="htps:/@.*[]%0a9é \\?#-_", max_size=24))
def test_what_is_offered_in_place_of_an_address_is_sound(text: str) -> None:
    for judge in (host_fault, served_host_fault, origin_fault):
        fault = judge(text)
        if fault is not None and fault.instead is not None:
            assert judge(fault.instead) is None


@given(st.text(alphabet="htps:/@.*[]%0a9é \\?#-_", max_size=24).map("https://".__add__))
def test_an_upstream_that_is_accepted_has_the_host_that_is_called(text: str) -> None:
    if upstream_fault(text) is None:
        parts = urlsplit(text)
        assert parts.hostname
        assert (parts.username, parts.query, parts.fragment) == (None, "", "")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.example.org/v1", PLAIN),
        ("http://127.0.0.1.example.org/v1", PLAIN),
        ("https://169.254.169.254/v1", LINK_LOCAL),
        ("https://[fe80::1]/v1", LINK_LOCAL),
        ("https://[fe80::1%25eth0]/v1", LINK_LOCAL),
        (
            "https://[::ffff:169.254.169.254]/v1",
            LINK_LOCAL,
        ),
        ("https://[64:ff9b::a9fe:a9fe]/v1", LINK_LOCAL),
        ("https://[2002:a9fe:a9fe::1]/v1", LINK_LOCAL),
        ("https://169\u3002254\u3002169\u3002254/v1", NO_HOST),
        ("https://\uff11\uff16\uff19.254.169.254/v1", NO_HOST),
        ("https://2852039166/v1", NO_HOST),
        ("https://0xA9FEA9FE/v1", NO_HOST),
        ("https://169.254.43518/v1", NO_HOST),
        (
            "https://u:p@api.example.org/v1",
            BARE,
        ),
        (
            "https://@api.example.org/v1",
            BARE,
        ),
        (
            "https://api.example.org/v1?",
            BARE,
        ),
        (
            "https://api.example.org/v1#",
            BARE,
        ),
        ("https://api.example.org:99999/v1", "has a port that is none"),
        ("https://api.example.org:0/v1", "has a port that is none"),
        ("https://api.example.org:https/v1", "has a port that is none"),
        ("https://[::1/v1", "is no URL"),
        ("https:///v1", "is no URL"),
        ("ftp://api.example.org/v1", "is no URL"),
        (
            "https://api.example.org\\@evil.example/v1",
            BARE,
        ),
        ("https://api..example.org/v1", NO_HOST),
    ],
)
def test_an_upstream_that_would_leak_a_key_or_cannot_be_called(url: str, reason: str) -> None:
    fault = upstream_fault(url)
    assert fault is not None
    assert fault.reason == reason


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/v1",
        "https://api.example.org",
        "https://api.example.org:8443/v1/",
        "http://127.0.0.1:11434/v1",
        "http://localhost:8080",
        "http://[::1]:8080/v1",
        "https://bücher.example/v1",
        "https://10.0.0.7/v1",
    ],
)
def test_an_upstream_that_works_is_accepted(url: str) -> None:
    assert upstream_fault(url) is None


def test_a_url_of_a_webhook_may_have_a_query() -> None:
    assert url_fault("https://hooks.example.com/x?y=1#z") is None
    assert url_fault("https://hooks.example.com:0/") is not None
