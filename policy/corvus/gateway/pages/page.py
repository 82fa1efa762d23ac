"""What a view gets and what it gives: a question of a visitor, and a page to be filled.

A view is a plain function, run beside the event loop, that asks the desk and returns data for a
template. Its live part is the same template's ``_live`` half, made again when something changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import urlencode

from corvus.base.errors import LedgerError, PolicyError, StoreError
from corvus.gateway.pages.desk import Desk
from corvus.gateway.pages.figures import Figures
from corvus.gateway.statuses import status_of
from corvus.model.token import TokenScope
from corvus.wording.words import Words

ROOT = "/dashboard"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a page.

    Attributes:
        path: Path of the page below ``ROOT``, such as ``/history``; ``""`` is the overview.
        query: Parameters, each given once.
        scope: What the visitor may do.
        principal: Under which name the audit keeps what they do.
    """

    desk: Desk
    words: Words
    figures: Figures
    path: str
    query: Mapping[str, str]
    scope: TokenScope
    principal: str

    @property
    def may_change(self) -> bool:
        """Whether the visitor may do more than look."""
        return self.scope is TokenScope.ADMIN

    def link(self, path: str | None = None, **query: object) -> str:
        """Return the address of a page; ``None`` values are left out.

        Args:
            path: As ``self.path``; the page itself by default, then with its own parameters, of
                which ``query`` replaces some.
            **query: Parameters.
        """
        merged = {**(self.query if path is None else {}), **query}
        told = urlencode({name: value for name, value in merged.items() if value is not None})
        where = ROOT + (self.path if path is None else path)
        return f"{where}?{told}" if told else where


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be shown.

    Attributes:
        template: Name without ending: ``overview``.
        data: What the template is filled with.
        headline: A sentence that is read out when it changes: the state of things.
    """

    template: str
    data: Mapping[str, object] = field(default_factory=dict[str, object])
    status: int = 200
    headline: str = ""

    def with_status(self, status: int) -> Page:
        """Return the page under another status."""
        return replace(self, status=status)


MISSING = Page("fault", {"kind": "missing", "detail": ""}, HTTPStatus.NOT_FOUND)
"""What is answered where there is nothing."""
View: TypeAlias = Callable[[Ask], Page]


def fault_kind(error: PolicyError) -> str:
    """Return under which name the catalogue words an error: ``store`` or ``refused``."""
    if isinstance(error, StoreError):
        return "store"
    if isinstance(error, LedgerError):
        return "ledger"
    status = status_of(error)
    if status == HTTPStatus.NOT_FOUND:
        return "missing"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "bug"
