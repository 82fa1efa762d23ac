"""Makes, rotates and revokes tokens on pages, by the rules and with the audit of every other way.

A token is shown once, on the page after it was made. Refuses to make one of scope ``admin``: who
has stolen a visit of an operator could stay by it. That takes a command on the gateway's machine.
"""

from __future__ import annotations

from corvus.base.errors import SteeringRefused
from corvus.gateway.pages.actions import Action, Form, Invalid, way_back
from corvus.gateway.pages.page import Page, PageRequest
from corvus.gateway.pages.views.tokens import bindings, may_rotate
from corvus.governor import tokens
from corvus.model.token import Token, TokenRequest, TokenScope, new_secret

_SCOPES = (TokenScope.PROXY, TokenScope.READ, TokenScope.RESERVE)
_BOUND = ("user", "project", "agent", "session", "mission", "upstream")
_TEXT_MAX = 1000


def _ask_new(request: PageRequest) -> Page:
    return _form(request, request.query)


def _form(request: PageRequest, form: Form, mistake: str = "") -> Page:
    data: dict[str, object] = {
        "values": {name: form.get(name, "") for name in ("name", "scope", *_BOUND)},
        "scopes": _SCOPES,
        "bound": _BOUND,
        "upstreams": [one.name for one in request.service.runtime.gateway.upstreams],
        "mistake": mistake,
    }
    return Page("token_new", data)


def _make(request: PageRequest, form: Form) -> str:
    given = {name: form.get(name, "").strip()[:_TEXT_MAX] or None for name in _BOUND}
    scope = next((one for one in _SCOPES if one == form.get("scope")), TokenScope.READ)
    secret = new_secret()
    try:
        wanted = TokenRequest(form.get("name", "").strip()[:_TEXT_MAX], scope, **given)
        made = request.service.store.run(
            lambda unit: tokens.create(unit, wanted, secret, request.principal)
        )
    except SteeringRefused:
        words = request.words("tokens.name_taken", name=form.get("name", "").strip())
        raise Invalid(_form(request, form, words)) from None
    except ValueError:
        raise Invalid(_form(request, form, request.words("tokens.name_invalid"))) from None
    return request.words("tokens.made", name=made.name, secret=secret)


def _ask(template: str, request: PageRequest) -> Page:
    token = _found(request, request.query)
    data: dict[str, object] = {
        "token": token,
        "bound": bindings(token),
        "is_own": token.id == request.token_id,
        "back": way_back(request.query),
    }
    return Page(template, data)


def _ask_rotate(request: PageRequest) -> Page:
    _refuse_admin(request, _found(request, request.query))
    return _ask("token_rotate", request)


def _ask_revoke(request: PageRequest) -> Page:
    return _ask("token_revoke", request)


def _rotate(request: PageRequest, form: Form) -> str:
    token, secret = _found(request, form), new_secret()
    _refuse_admin(request, token)
    made = request.service.store.run(
        lambda unit: tokens.rotate(unit, token.id, secret, request.principal)
    )
    return request.words("tokens.rotated", name=made.name, secret=secret)


def _revoke(request: PageRequest, form: Form) -> str:
    token = _found(request, form)
    request.service.store.run(lambda unit: tokens.revoke(unit, token.id, request.principal))
    return request.words("tokens.revoked", name=token.name)


def _found(request: PageRequest, form: Form) -> Token:
    known = request.service.store.run(tokens.good)
    token = next((one for one in known if one.id == form.get("id")), None)
    if token is None:
        raise SteeringRefused(request.words("tokens.gone"))
    return token


def _refuse_admin(request: PageRequest, token: Token) -> None:
    if not may_rotate(token):
        raise SteeringRefused(request.words("tokens.admin_elsewhere"))


TOKEN_ACTIONS = (
    Action("token-new", _ask_new, _make),
    Action("token-rotate", _ask_rotate, _rotate),
    Action("token-revoke", _ask_revoke, _revoke),
)
