"""What a view gets and what it gives: a question of a visitor, and a page to be filled.

A view is a plain function, run off the event loop, that asks the service and returns data for a
template. Its live part is the same template's ``_live`` half, made again when something changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import urlencode

from corvus.base.errors import ApprovalNotFound, LedgerError, PolicyError, StoreError
from corvus.diagnostics.secrets import scrub
from corvus.gateway.pages.figures import Figures
from corvus.gateway.problems import status_of
from corvus.gateway.service import Service
from corvus.model.token import TokenScope
from corvus.wording.words import Words

ROOT = "/dashboard"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request for a page.

    Attributes:
        path: Path of the page below ``ROOT``, such as ``/history``; ``""`` is the overview.
        query: Parameters, each given once.
        scope: What the visitor may do.
        principal: Under which name the audit keeps what they do.
        token_id: Their token; ``None`` for who has not logged in.
    """

    service: Service
    words: Words
    figures: Figures
    path: str
    query: Mapping[str, str]
    scope: TokenScope
    principal: str
    token_id: str | None = None

    @property
    def may_change(self) -> bool:
        """Whether the visitor may do more than look."""
        return self.scope is TokenScope.ADMIN

    def detail(self, error: PolicyError) -> str:
        """Return what an error says, in the visitor's language; nothing without words for it."""
        return self.words.said(scrub(str(error)))

    def link(self, path: str | None = None, **query: object) -> str:
        """Return the address of a page; ``None`` values are left out.

        Args:
            path: As ``self.path``; the page itself by default, then with its own parameters, of
                which ``query`` replaces some.
            **query: Parameters.
        """
        merged = {**(self.query if path is None else {}), **query}
        parameters = urlencode({name: value for name, value in merged.items() if value is not None})
        where = ROOT + (self.path if path is None else path)
        return f"{where}?{parameters}" if parameters else where


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
View: TypeAlias = Callable[[PageRequest], Page]


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One page of the table of pages.

    Attributes:
        path: Below ``ROOT``, as the router writes it: ``/reports/{name:path}``.
        view: What answers.
        live_seconds: How old an open page may get; ``None`` leaves it as it was loaded.
        menu: Its place in the menu that every page has; ``None`` keeps it out.
    """

    path: str
    view: View
    live_seconds: float | None = None
    menu: int | None = None

    def matches(self, path: str) -> bool:
        """Return whether the page answers a path."""
        return bool(re.fullmatch(re.sub(r"\\\{[^}]*path\\\}", ".+", re.escape(self.path)), path))


PAGES: dict[str, PageEntry] = {}
"""Every page by its path. Modules of ``views`` fill it with ``page``."""


def page(
    path: str, *, live_seconds: float | None = None, menu: int | None = None
) -> Callable[[View], View]:
    """Register a view as a page; its template has the name that the view gives.

    Args:
        path: As in ``PageEntry``.
        live_seconds: As in ``PageEntry``.
        menu: As in ``PageEntry``; words for it are in the catalogue under ``menu.NAME``.
    """

    def register(view: View) -> View:
        assert path not in PAGES, f"two pages at {path!r}"
        PAGES[path] = PageEntry(path, view, live_seconds, menu)
        return view

    return register


def find_page(path: str) -> PageEntry | None:
    """Return the page that answers a path, if there is one."""
    return next((entry for entry in PAGES.values() if entry.matches(path)), None)


def fault_kind(error: PolicyError) -> str:
    """Return under which name the catalogue words an error: ``store`` or ``refused``."""
    if isinstance(error, StoreError):
        return "store"
    if isinstance(error, LedgerError):
        return "ledger"
    if isinstance(error, ApprovalNotFound):
        return "gone"
    status = status_of(error)
    if status == HTTPStatus.NOT_FOUND:
        return "missing"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "bug"
