"""The page on which a person lets a device log in: without a script, by a token or by the provider.

Posting the form is enough with a token of corvus in it; who has logged in at the OpenID provider
posts what only this page knows (CSRF). A code that came with the link is filled in and never sent
by itself (RFC 8628, section 5.4). An access token of a log-in approves nothing: whoever holds one
would renew it without end. No token is in an address, in a page, or in a log.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from corvus.base.errors import PolicyError
from corvus.gateway.pages.render import standalone
from corvus.gateway.signin.attempts import Attempts, address_of
from corvus.gateway.signin.forms import read_form
from corvus.gateway.signin.oauth import PAGE, base_url
from corvus.gateway.signin.people import Guest, People
from corvus.gateway.signin.visit import COOKIE, Departure, departure_of
from corvus.governor.signin import grants, people
from corvus.governor.signin.grants import Verdict
from corvus.model.signin import DEVICE_SECONDS, SignInOptions, plain_code, shown_code
from corvus.model.token import Token, TokenScope
from corvus.wording.words import language_of, load_words

if TYPE_CHECKING:
    from corvus.gateway.auth import Tokens
    from corvus.gateway.signin.oidc.provider import Provider

LEAVE, ARRIVE = f"{PAGE}/provider", f"{PAGE}/callback"

_FAILURES_MAX, _FAILURES_SECONDS = 10, 300.0
_SECRET_MAX = 200
_GUEST_COOKIE = "corvus_person"
_STATUSES = {
    Verdict.APPROVED: 200,
    Verdict.DENIED: 200,
    Verdict.UNKNOWN: 404,
    Verdict.DECIDED: 409,
    Verdict.REFUSED: 403,
}
_log = logging.getLogger("corvus.gateway")


class _Shown(NamedTuple):
    """What a page shows.

    Attributes:
        code: Of a device, as it is filled in; empty without one.
        mistake: What is wrong, as the catalogue has it below ``signin.mistake``.
        outcome: What was decided, if something was.
        wait_seconds: After how long to try again; 0 is now.
    """

    code: str
    status: int = 200
    mistake: str = ""
    outcome: str = ""
    wait_seconds: int = 0


class Mistake(Exception):
    """A form that decides nothing.

    Attributes:
        status: Of the answer.
        word: What is wrong, as the catalogue has it below ``signin.mistake``.
        is_guess: Whether it counts as a try to find a code or a token.
    """

    def __init__(self, status: int, word: str, *, is_guess: bool = False) -> None:
        super().__init__(word)
        self.status, self.word, self.is_guess = status, word, is_guess


class DevicePage:
    """Shows the page, and decides.

    Args:
        tokens: Who knows the tokens, and their store.
        options: Where people reach the gateway.
        provider: The OpenID provider; ``None`` leaves people their tokens.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        tokens: Tokens,
        options: SignInOptions,
        provider: Provider | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens, self._options, self._provider = tokens, options, provider
        self._failures = Attempts(_FAILURES_MAX, _FAILURES_SECONDS, monotonic)
        self._people = People(monotonic)

    async def show(self, request: Request) -> Response:
        """Show the form."""
        return self._page(request, _Shown(_code_of(request.query_params.get("user_code", ""))))

    async def decide(self, request: Request) -> Response:
        """Let the device of a code log in, or refuse it."""
        address = address_of(request.scope, self._options.trusted_proxies)
        if wait := self._failures.wait_seconds(address):
            return self._page(request, _Shown("", 429, "limited", wait_seconds=wait))
        form = await read_form(request) or {}
        code = _code_of(form.get("user_code", ""))
        try:
            verdict = await self._verdict(request, form, code)
        except Mistake as mistake:
            if mistake.is_guess:
                self._failures.note(address)
            return self._page(request, _Shown(code, mistake.status, mistake.word))
        except PolicyError as fault:
            _log.error("a sign-in was refused: %s: %s", fault.code, fault)
            return self._page(request, _Shown(code, 503, "store"))
        if verdict in (Verdict.APPROVED, Verdict.DENIED):
            return self._done(request, verdict)
        if verdict is Verdict.UNKNOWN:
            self._failures.note(address)
        return self._page(request, _Shown(code, _STATUSES[verdict], verdict.value))

    async def leave(self, request: Request) -> Response:
        """Lead to the OpenID provider; what must come back is in a cookie of this browser."""
        if self._provider is None:
            return self._page(request, _Shown("", 404, "provider"))
        departure = Departure.new(_code_of(request.query_params.get("user_code", "")))
        back = base_url(request, self._options) + ARRIVE
        try:
            address = await self._provider.address(back, departure)
        except PolicyError as fault:
            _log.error("the OpenID provider cannot be used: %s", fault)
            return self._page(request, _Shown(departure.code, 502, "provider"))
        response = RedirectResponse(address, 303)
        self._set_cookie(request, response, COOKIE, departure.cookie)
        return response

    async def arrive(self, request: Request) -> Response:
        """Take what the provider says of a person, and show the form to them."""
        departure = departure_of(request.cookies.get(COOKIE))
        if self._provider is None or departure is None:
            return self._page(request, _Shown("", 400, "lost"))
        back = base_url(request, self._options) + ARRIVE
        try:
            person = await self._provider.person(request.url.query, departure, back)
            token = await self._tokens.store.run_async(lambda unit: people.token_of(unit, person))
        except PolicyError as fault:
            _log.error("a sign-in by the OpenID provider was refused: %s", fault)
            response = self._page(request, _Shown(departure.code, 403, "person"))
        else:
            key = self._people.welcome(Guest.of(token))
            query = urlencode({"user_code": departure.code} if departure.code else {})
            response = RedirectResponse(f"{PAGE}?{query}" if query else PAGE, 303)
            self._set_cookie(request, response, _GUEST_COOKIE, key)
        response.delete_cookie(COOKIE, path=PAGE)
        return response

    async def _verdict(self, request: Request, form: Mapping[str, str], code: str) -> Verdict:
        choice = form.get("decision")
        if choice not in ("approve", "deny"):
            raise Mistake(400, "unreadable")
        if not code:
            raise Mistake(400, "code", is_guess=True)
        token = await self._holder(request, form)
        is_approved = choice == "approve"
        return await self._tokens.store.run_async(
            lambda unit: grants.decide(unit, code, token, is_approved=is_approved)
        )

    async def _holder(self, request: Request, form: Mapping[str, str]) -> Token:
        """Return the token of whoever decides.

        Raises:
            Mistake: There is none.
        """
        secret = form.get("token", "").strip()
        guest = self._people.find(request.cookies.get(_GUEST_COOKIE))
        if secret:
            token = await self._tokens.find_own(secret) if len(secret) <= _SECRET_MAX else None
            if token is None:
                raise Mistake(401, "token", is_guess=True)
            if not token.scope.allows(TokenScope.PROXY):
                raise Mistake(403, "scope")
            return token
        if guest is None:
            raise Mistake(401, "empty")
        if not guest.is_own(form.get("csrf", "")):
            raise Mistake(403, "csrf")
        token = await self._tokens.get(guest.token_id)
        if token is None:
            raise Mistake(401, "ended")
        return token

    def _done(self, request: Request, verdict: Verdict) -> Response:
        self._people.leave(request.cookies.get(_GUEST_COOKIE))
        response = self._page(request, _Shown("", outcome=verdict.value))
        response.delete_cookie(_GUEST_COOKIE, path=PAGE)
        return response

    def _page(self, request: Request, shown: _Shown) -> Response:
        wanted = request.query_params.get("lang")
        words = load_words(language_of(wanted, request.headers.get("accept-language")))
        query = {"user_code": shown.code} if shown.code else {}
        html = standalone(
            "signin",
            words,
            root=PAGE,
            link=functools.partial(_address, query),
            action=f"{PAGE}?{urlencode({'lang': words.language})}" if wanted else PAGE,
            leave=f"{LEAVE}?{urlencode(query)}" if query else LEAVE,
            code=shown.code,
            guest=self._people.find(request.cookies.get(_GUEST_COOKIE)),
            provider=self._provider.name if self._provider is not None else "",
            mistake=shown.mistake,
            outcome=shown.outcome,
        )
        headers = {"content-language": words.language}
        if shown.wait_seconds:
            headers["retry-after"] = str(shown.wait_seconds)
        return HTMLResponse(html, shown.status, headers=headers)

    def _set_cookie(self, request: Request, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name,
            value,
            max_age=DEVICE_SECONDS,
            path=PAGE,
            secure=base_url(request, self._options).startswith("https://"),
            httponly=True,
            samesite="lax",  # the provider leads here from its own site
        )


def _address(query: Mapping[str, str], lang: str) -> str:
    return f"{PAGE}?{urlencode({**query, 'lang': lang})}"


def _code_of(typed: str) -> str:
    plain = plain_code(typed)
    return shown_code(plain) if plain is not None else ""
