from __future__ import annotations

from pathlib import Path

import pytest

from corvus.base.repository import repository_of
from corvus.base.repository_url import public_url


def test_the_nearest_mark_counts_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "outer/.git").mkdir(parents=True)
    inner = tmp_path / "outer/inner/deep"
    inner.mkdir(parents=True)
    assert repository_of(str(inner)) == str(tmp_path / "outer")
    (tmp_path / "outer/inner/.git").write_text("gitdir: ../elsewhere\n")
    assert repository_of(str(inner)) == str(tmp_path / "outer/inner")


SECRET = "ghs_secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop.git"),
        (f"https://x-access-token:{SECRET}@github.com/acme/shop", "https://github.com/acme/shop"),
        (f"https://{SECRET}@github.com/acme/shop", "https://github.com/acme/shop"),
        (f"https://github.com/acme/shop?private_token={SECRET}#x", "https://github.com/acme/shop"),
        ("git@github.com:acme/shop.git", "github.com:acme/shop.git"),
        ("ssh://git@example.org:22/acme/shop", "ssh://example.org:22/acme/shop"),
        ("https://example.org/@scope/shop", "https://example.org/@scope/shop"),
        ("https://u:p@[::1]:8080/shop", "https://[::1]:8080/shop"),
        ("/home/dev/shop", "/home/dev/shop"),
        (f"https://ada:{SECRET[:3]}/{SECRET}@example.org/shop", "https://example.org/shop"),
        (f"ada:{SECRET}@{SECRET}@example.org:shop", "example.org:shop"),
        (f"https://ada:{SECRET}/shop", None),
        (f"https://{SECRET}?x@example.org/shop", None),
        (f"https://ada@https://ada:{SECRET}@example.org/shop", None),
        (f"https://example.org/\n{SECRET}", None),
        ("", None),
    ],
)
def test_the_address_of_a_repository_shows_no_credentials(url: str, shown: str | None) -> None:
    assert public_url(url) == shown
    assert SECRET not in (public_url(url) or "")
