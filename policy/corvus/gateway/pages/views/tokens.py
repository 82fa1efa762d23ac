"""Access tokens: whose they are, what they allow, and since when."""

from __future__ import annotations

from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.model.token import Token, TokenScope


@page("/tokens", menu=9)
def tokens(request: PageRequest) -> Page:
    """Show all tokens, the good ones first."""
    known = request.service.store.run(lambda unit: [*unit.tokens().values()])
    known.sort(key=lambda token: (token.revoked_at is not None, token.name, token.id))
    return Page("tokens", {"tokens": [(token, bindings(token)) for token in known]})


def bindings(token: Token) -> list[tuple[str, str]]:
    """Return what a token is bound to, each by the name of its column."""
    bound = {**token.bound._asdict(), "upstream": token.upstream}
    return [(name, value) for name, value in bound.items() if value is not None]


def may_rotate(token: Token) -> bool:
    """Return whether the dashboard makes tokens of its scope (API-8)."""
    return token.scope is not TokenScope.ADMIN
