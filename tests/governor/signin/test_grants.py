"""A client logs in by a code that a person approves, and is put out with their token (PRX-8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import SignInRefused
from corvus.governor import tokens
from corvus.governor.signin import grants, people
from corvus.governor.signin.grants import Refused, Verdict
from corvus.model.signin import (
    DEVICE_SECONDS,
    REFRESH_PREFIX,
    USER_CODE_LETTERS,
    Credentials,
    Person,
    Terms,
    family_of,
    new_credentials,
    new_device_code,
    plain_code,
    shown_code,
)
from corvus.model.steering import AuditKind
from corvus.model.token import Token, TokenRequest, TokenScope, digest_of, new_secret
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.properties import examples

TERMS = Terms(access_seconds=600, lifetime_seconds=3600)


class Desk:
    """A store where clients log in."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.store = Store(MemoryBackend(), self.clock)

    def run(self, step: Callable[..., Any], *given: object, **named: object) -> Any:
        return self.store.run(lambda unit: step(unit, *given, **named))

    def token(self, name: str = "bot", scope: str = "proxy", **bound: str) -> Token:
        wanted = TokenRequest(name, TokenScope(scope), **bound)
        return self.run(tokens.create, wanted, new_secret(), "ana")

    def device(self) -> tuple[str, str]:
        """Return the codes of a device that waits: its own, and that for the person."""
        code = new_device_code()
        user_code = self.run(grants.begin, code)
        assert user_code is not None
        return code, user_code

    def log_in(self, token: Token) -> Credentials:
        code, user_code = self.device()
        assert self.run(grants.decide, user_code, token, is_approved=True) is Verdict.APPROVED
        return self.redeem(code)[1]

    def redeem(self, code: str) -> tuple[int | Refused, Credentials]:
        given = new_credentials()
        return self.run(grants.redeem, code, given, TERMS), given

    def refresh(self, used: str) -> Credentials | None:
        given = new_credentials(family_of(used))
        renewed = self.run(grants.refresh, used, given, TERMS)
        return None if renewed is None else given

    def holder(self, given: Credentials) -> Token | None:
        return self.run(grants.access_tokens).get(digest_of(given.access))

    def audited(self) -> list[str]:
        rows = self.store.run(lambda unit: [event.row for event in unit.events(0, 1000)])
        return [str(row["kind"]) for row in rows if "kind" in row]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_access_token_is_the_token_that_approved_for_model_calls_alone(desk: Desk) -> None:
    token = desk.token(project="search", user="bea", session="s")
    holder = desk.holder(desk.log_in(token))
    assert holder is not None
    assert (holder.id, holder.bound, holder.scope) == (token.id, token.bound, TokenScope.PROXY)
    assert desk.audited() == ["token_created", "sign_in_approved"]


def test_nothing_of_a_log_in_is_stored_in_clear(tmp_path: Path) -> None:
    desk = Desk()
    desk.store = Store(SqliteBackend(tmp_path / "s"), desk.clock)
    code, user_code = desk.device()
    desk.run(grants.decide, user_code, desk.token(), is_approved=True)
    _, given = desk.redeem(code)
    desk.store.close()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    secrets = (code, user_code, plain_code(user_code) or "", *given)
    assert [secret for secret in secrets if secret.encode() in content] == []


def test_a_log_in_outlives_the_process(tmp_path: Path) -> None:
    desk = Desk()
    desk.store = Store(SqliteBackend(tmp_path / "s"), desk.clock)
    waiting, user_code = desk.device()
    given = desk.log_in(desk.token())
    desk.store.close()
    desk.store = Store(SqliteBackend(tmp_path / "s"), desk.clock)
    assert desk.holder(given) is not None
    assert desk.refresh(given.refresh) is not None
    assert desk.run(grants.decide, user_code, desk.token("bea"), is_approved=True) == "approved"
    assert desk.redeem(waiting)[0] == 600
    desk.store.close()


@pytest.mark.parametrize("scope", ["read", "reserve", "admin"])
def test_a_token_that_may_make_no_call_lets_nobody_in(desk: Desk, scope: str) -> None:
    code, user_code = desk.device()
    token = desk.token(scope=scope)
    assert desk.run(grants.decide, user_code, token, is_approved=True) is Verdict.REFUSED
    assert desk.redeem(code)[0] is Refused.PENDING


def test_a_revoked_token_lets_nobody_in(desk: Desk) -> None:
    token = desk.token()
    early, late = desk.device(), desk.device()
    desk.run(grants.decide, early[1], token, is_approved=True)
    desk.run(tokens.revoke, "bot", "ana")
    assert desk.run(grants.decide, late[1], token, is_approved=True) is Verdict.REFUSED
    assert desk.redeem(early[0])[0] is Refused.DENIED


def test_revoking_the_token_ends_its_log_ins(desk: Desk) -> None:
    given, other = desk.log_in(desk.token()), desk.log_in(desk.token("bea"))
    desk.run(tokens.revoke, "bot", "ana")
    assert desk.holder(given) is None
    assert desk.refresh(given.refresh) is None
    assert desk.holder(other) is not None


def test_a_device_code_serves_once(desk: Desk) -> None:
    code, user_code = desk.device()
    desk.run(grants.decide, user_code, desk.token(), is_approved=True)
    assert desk.redeem(code)[0] == 600
    assert desk.redeem(code)[0] is Refused.EXPIRED
    assert len(desk.store.run(lambda unit: unit.sign_ins())) == 1


def test_what_a_person_decided_stays(desk: Desk) -> None:
    code, user_code = desk.device()
    token = desk.token()
    assert desk.run(grants.decide, user_code, token, is_approved=False) is Verdict.DENIED
    assert desk.run(grants.decide, user_code, token, is_approved=True) is Verdict.DECIDED
    assert desk.redeem(code)[0] is Refused.DENIED


def test_a_device_is_over_after_its_time_approved_or_not(desk: Desk) -> None:
    (late, late_code), (slow, slow_code) = desk.device(), desk.device()
    token = desk.token()
    desk.run(grants.decide, slow_code, token, is_approved=True)
    desk.clock.move(timedelta(seconds=DEVICE_SECONDS))
    assert desk.run(grants.decide, late_code, token, is_approved=True) is Verdict.UNKNOWN
    assert [desk.redeem(code)[0] for code in (late, slow)] == [Refused.EXPIRED, Refused.EXPIRED]


def test_devices_that_wait_are_bounded_and_make_room_when_they_are_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "DEVICES_MAX", 3)
    for _ in range(3):
        desk.device()
    assert desk.run(grants.begin, new_device_code()) is None
    desk.clock.move(timedelta(seconds=DEVICE_SECONDS))
    desk.device()
    assert len(desk.store.run(lambda unit: unit.device_grants())) == 1


def test_log_ins_of_a_token_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "SIGN_INS_MAX", 2)
    token, other = desk.token(), desk.log_in(desk.token("bea"))
    given: list[Credentials] = []
    for _ in range(3):
        given.append(desk.log_in(token))
        desk.clock.move(timedelta(seconds=1))
    assert [desk.holder(one) is not None for one in given] == [False, True, True]
    assert desk.holder(other) is not None


def test_an_access_token_ends_and_the_one_before_lives_as_long_as_it_said(desk: Desk) -> None:
    first = desk.log_in(desk.token())
    desk.clock.move(timedelta(seconds=500))
    second = desk.refresh(first.refresh)
    assert second is not None
    assert desk.holder(first) is not None
    desk.clock.move(timedelta(seconds=100))
    assert desk.holder(first) is None
    assert desk.holder(second) is not None


def test_a_log_in_ends_however_often_it_is_refreshed(desk: Desk) -> None:
    given = desk.log_in(desk.token())
    for _ in range(11):
        desk.clock.move(timedelta(seconds=320))
        renewed = desk.refresh(given.refresh)
        assert renewed is not None
        given = renewed
    desk.clock.move(timedelta(seconds=80))
    assert desk.holder(given) is None
    assert desk.refresh(given.refresh) is None
    assert desk.store.run(lambda unit: unit.sign_ins()) == {}


def test_a_refresh_token_that_was_used_before_ends_the_log_in(desk: Desk) -> None:
    first = desk.log_in(desk.token())
    second = desk.refresh(first.refresh)
    assert second is not None
    assert desk.refresh(first.refresh) is None
    assert desk.refresh(second.refresh) is None
    assert [desk.holder(given) for given in (first, second)] == [None, None]
    assert desk.audited()[-1] == AuditKind.SIGN_IN_ENDED


def test_a_stranger_cannot_end_a_log_in_by_a_refresh_token_of_their_own(desk: Desk) -> None:
    given = desk.log_in(desk.token())
    forged = new_credentials().refresh
    for used in (forged, given.access, given.refresh[:-1], REFRESH_PREFIX, ""):
        assert desk.refresh(used) is None
    assert desk.refresh(given.refresh) is not None


PERSON = Person("https://login.example.com", "u1", "ana@example.com", "search")


def test_a_person_has_one_token_which_can_be_listed_and_revoked(desk: Desk) -> None:
    token = desk.run(people.token_of, PERSON)
    assert desk.run(people.token_of, PERSON) == token
    assert (token.name, token.user, token.project) == (
        "ana@example.com",
        "ana@example.com",
        "search",
    )
    given = desk.log_in(token)
    desk.run(tokens.revoke, "ana@example.com", "ana")
    assert desk.holder(given) is None


def test_who_goes_to_another_project_leaves_the_log_ins_of_the_first(desk: Desk) -> None:
    given = desk.log_in(desk.run(people.token_of, PERSON))
    moved = desk.run(people.token_of, Person(PERSON.issuer, PERSON.subject, PERSON.name, "ads"))
    assert moved.project == "ads"
    assert desk.holder(given) is None


def test_two_accounts_of_one_name_are_not_one(desk: Desk) -> None:
    desk.run(people.token_of, PERSON)
    with pytest.raises(SignInRefused, match="another account"):
        desk.run(people.token_of, Person(PERSON.issuer, "u2", PERSON.name, "search"))


def test_a_token_that_was_made_by_hand_keeps_its_name(desk: Desk) -> None:
    own = desk.token("ana@example.com")
    token = desk.run(people.token_of, PERSON)
    assert token.name == "ana@example.com (oidc)"
    assert desk.run(people.token_of, PERSON).id == token.id != own.id


@given(st.text(alphabet=USER_CODE_LETTERS, min_size=8, max_size=8), st.sampled_from(["", "-", " "]))
@settings(max_examples=examples(500, by_day=40))
def test_a_code_is_read_however_it_is_typed(letters: str, between: str) -> None:
    assert plain_code(f"{letters[:4].lower()}{between}{letters[4:]}") == letters
    assert plain_code(shown_code(letters)) == letters


@given(st.text(max_size=12))
@settings(max_examples=examples(1000, by_day=80))
def test_what_is_no_code_is_none(typed: str) -> None:
    code = plain_code(typed)
    assert code is None or (len(code) == 8 and set(code) <= set(USER_CODE_LETTERS))


@given(st.lists(st.sampled_from(["first", "last", "other"]), max_size=6))
@settings(max_examples=examples(500, by_day=40), deadline=None)
def test_one_refresh_token_is_good_at_a_time(steps: list[str]) -> None:
    desk = Desk()
    given = [desk.log_in(desk.token())]
    lives = True
    for step in steps:
        used = {"first": given[0], "last": given[-1], "other": new_credentials()}[step]
        renewed = desk.refresh(used.refresh)
        assert (renewed is not None) == (lives and used is given[-1])
        if renewed is not None:
            given.append(renewed)
        elif step == "first":
            lives = False
    assert (desk.holder(given[-1]) is not None) == lives
