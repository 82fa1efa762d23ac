"""An address fails so often in a while, whoever it says it is (PRX-8)."""

from __future__ import annotations

import pytest

from corvus.gateway.signin import attempts
from corvus.gateway.signin.attempts import Attempts, address_of


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def request(peer: str, *forwarded: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": (peer, 1), "headers": headers}


def test_an_address_waits_after_too_many_tries_and_then_begins_again() -> None:
    clock = Seconds()
    tries = Attempts(3, 60, clock)
    for _ in range(3):
        assert tries.wait_seconds("a") == 0
        tries.note("a")
    assert (tries.wait_seconds("a"), tries.wait_seconds("b")) == (60, 0)
    clock.now += 59.5
    assert tries.wait_seconds("a") == 1
    clock.now += 0.5
    tries.note("a")
    assert tries.wait_seconds("a") == 0


def test_very_many_addresses_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_ADDRESSES_MAX", 5)
    tries = Attempts(1, 60, Seconds())
    for number in range(50):
        tries.note(str(number))
    assert [tries.wait_seconds(str(number)) > 0 for number in (0, 44, 45, 49)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("scope", "proxies", "address"),
    [
        (request("10.0.0.1"), (), "10.0.0.1"),
        (request("10.0.0.1", "1.2.3.4"), (), "10.0.0.1"),  # nobody believes it
        (request("10.0.0.1", "1.2.3.4"), ("10.0.0.2",), "10.0.0.1"),
        (request("10.0.0.1", "1.2.3.4"), ("10.0.0.1",), "1.2.3.4"),
        (request("10.0.0.1", "9.9.9.9, 1.2.3.4"), ("10.0.0.0/8",), "1.2.3.4"),
        (request("10.0.0.1", "9.9.9.9", "1.2.3.4, 10.0.0.7"), ("10.0.0.0/8",), "1.2.3.4"),
        (request("10.0.0.1", "1.2.3.4, nonsense"), ("10.0.0.1",), "10.0.0.1"),
        (request("10.0.0.1", ""), ("10.0.0.1",), "10.0.0.1"),
        (request("2001:db8::1"), (), "2001:db8::/64"),
        (request("2001:db8::2:3"), (), "2001:db8::/64"),
        (request("::ffff:1.2.3.4"), (), "1.2.3.4"),
    ],
)
def test_who_is_behind_a_proxy_is_said_by_a_trusted_one_alone(
    scope: dict[str, object], proxies: tuple[str, ...], address: str
) -> None:
    assert address_of(scope, proxies) == address
