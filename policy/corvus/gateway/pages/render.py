"""Fills templates. Everything that is put in is escaped; a name that is not there is an error."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup, escape

from corvus.gateway.pages.page import PAGES, ROOT, Page, PageRequest
from corvus.version import __version__
from corvus.wording.words import LANGUAGES, Words

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class _WithoutIndentation(Extension):
    """Leaves out the indentation of templates: twenty budgets would carry 1.4 KB of it.

    A line break stays, so that words on two lines are still two words.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"\n[ \t]+", "\n", source)


def marked(text: str) -> Markup:
    """Return text with what stands in backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    codes = (
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )
    return Markup("").join(codes)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("corvus.gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        extensions=[_WithoutIndentation],
    )
    environment.filters["marked"] = marked
    return environment


def whole(page_request: PageRequest, page: Page, **more: object) -> str:
    """Return a page as HTML.

    Args:
        page_request: What was requested.
        page: What is answered.
        **more: What belongs to the visit: ``visit``, ``notices``, ``live``.
    """
    return (
        _environment()
        .get_template(f"{page.template}.html")
        .render(**_common(page_request), **page.data, **more)
    )


def standalone(template: str, words: Words, **data: object) -> str:
    """Return a page that belongs to no visit of the dashboard as HTML.

    Args:
        template: Its name without ending.
        words: In the reader's language.
        **data: What it is filled with; ``root`` is where the name of corvus leads, ``link`` takes a
            language as ``lang`` and returns the address of the page in it.
    """
    common = {
        "t": words,
        "languages": LANGUAGES,
        "version": __version__,
        "asset": asset_address,
        "visit": None,
        "live": "",
        "notices": (),
    }
    return _environment().get_template(f"{template}.html").render(**common, **data)


def live(page_request: PageRequest, page: Page) -> str:
    """Return the part of a page that changes by itself."""
    template = _environment().get_template(f"{page.template}_live.html")
    return template.render(**_common(page_request), **page.data)


def _menu() -> list[str]:
    """Return the paths that every page links to, in their order."""
    listed = [(entry.menu, path) for path, entry in PAGES.items() if entry.menu is not None]
    return [path for _, path in sorted(listed)]


def _common(page_request: PageRequest) -> dict[str, object]:
    return {
        "request": page_request,
        "t": page_request.words,
        "f": page_request.figures,
        "link": page_request.link,
        "root": ROOT,
        "menu": _menu(),
        "languages": LANGUAGES,
        "version": __version__,
        "asset": asset_address,
    }


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of the pages and its media type, if there is such a file."""
    kind = _TYPES.get(name.rpartition(".")[2])
    if kind is None or name not in _names():
        return None
    return files("corvus.gateway.pages").joinpath("static", name).read_bytes(), kind


@cache
def asset_address(name: str) -> str:
    """Return the address of a file of the pages, another one whenever its content is."""
    found = asset(name)
    assert found is not None, f"no file {name}"
    return f"{ROOT}/static/{name}?{hashlib.sha256(found[0]).hexdigest()[:12]}"


@cache
def _names() -> frozenset[str]:
    return frozenset(one.name for one in files("corvus.gateway.pages").joinpath("static").iterdir())
