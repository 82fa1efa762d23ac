"""Keeps a token for each person whom the company's OpenID provider knows (PRX-8).

It is what a log-in of theirs hangs on: it is listed, matched by budgets and revoked like any other,
and nobody is given its secret.
"""

from __future__ import annotations

from typing import Final

from corvus.base.errors import SignInRefused
from corvus.governor import tokens
from corvus.model.signin import Person
from corvus.model.token import Token, TokenRequest, TokenScope, new_secret
from corvus.store.unit import Unit

_BY_PROVIDER: Final = "oidc:"
"""Begins the name of who made such a token, see ``Person.account``."""


def token_of(unit: Unit, person: Person) -> Token:
    """Return the token of a person whom the OpenID provider knows, made where there is none.

    One whose name or project is another by now is revoked, and its log-ins with it. Nobody is given
    its secret: it is there to be listed, bound and revoked.

    Raises:
        SignInRefused: Another account has the person's name already.
    """
    own = [token for token in tokens.good(unit) if token.created_by == person.account]
    kept: Token | None = None
    for token in own:
        if (token.user, token.project) == (person.name, person.project):
            kept = token
        else:
            tokens.revoke(unit, token.id, person.account)
    if kept is not None:
        return kept
    name = _free_name(unit, person)
    wanted = TokenRequest(name, TokenScope.PROXY, project=person.project, user=person.name)
    return tokens.create(unit, wanted, new_secret(), person.account)


def _free_name(unit: Unit, person: Person) -> str:
    """Return a name for a token that no good one has.

    Raises:
        SignInRefused: The provider has two accounts of this name, and the other was first.
    """
    held = {token.name: token for token in tokens.good(unit)}
    for name in (person.name, f"{person.name} (oidc)"):
        holder = held.get(name)
        if holder is None:
            return name
        if holder.created_by.startswith(_BY_PROVIDER):
            break
    raise SignInRefused(f"another account of the provider has the name {person.name!r}")
