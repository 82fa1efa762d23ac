"""With nothing that is plain does the thorough judge find fault (CFG-8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.endpoints import (
    listening_host_fault,
    origin_fault,
    served_host_fault,
    upstream_fault,
    url_fault,
)
from corvus.base.plain_hosts import is_plain_host, is_plain_origin, is_plain_url

PARTS = st.sampled_from(
    ("a", "api", "x-1", "0", "255", "256", "01", "-a", "a-", "", "A", "é", "_", "0x1", "a" * 64)
)
HOSTS = st.lists(PARTS, min_size=1, max_size=6).map(".".join)
PATHS = st.sampled_from(("", "/", "/v1", "//", "/a b", "/?q", "/#f", "/%2e", ":80", ":80/v1", "@x"))
SCHEMES = st.sampled_from(("https://", "http://", "HTTPS://", "//", ""))


@given(HOSTS)
def test_a_plain_host_has_no_fault(host: str) -> None:
    if is_plain_host(host):
        assert listening_host_fault(host) is None
        assert served_host_fault(host) is None


@given(SCHEMES, HOSTS, PATHS)
def test_a_plain_url_and_a_plain_origin_have_no_fault(scheme: str, host: str, path: str) -> None:
    url = f"{scheme}{host}{path}"
    if is_plain_url(url):
        assert upstream_fault(url) is None
        assert url_fault(url) is None
    if is_plain_origin(url):
        assert origin_fault(url) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "budgets.example.com", "0.0.0.0"])
def test_the_usual_hosts_are_plain(host: str) -> None:
    assert is_plain_host(host)


@pytest.mark.parametrize("url", ["https://api.anthropic.com", "https://api.openai.com/v1"])
def test_the_usual_urls_are_plain(url: str) -> None:
    assert is_plain_url(url)
