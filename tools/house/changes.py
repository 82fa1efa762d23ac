"""The twelve changes that come up most, and how many files each touches.

Counted by one method: a member that is there today stands for the next one, and every file that
spells it in code (identifiers and literals, not docstrings and comments), in SQL, in a template or
in a wording would have to be touched. Generated files, schemas, tests and texts do not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import Checkout

COLUMNS = [
    "id", "corrects_id", "calls", "import_key", "requested_at", "admitted_at", "first_token_at",
    "settled_at", "session_id", "mission_id", "surface", "provider", "requested_model",
    "answering_model", "service_tier", "project", "user_name", "agent", "tags", "input_tokens",
    "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "web_search_requests", "cost_nano_usd", "price_book", "price_entry",
    "source", "outcome", "policy_hash", "reservation_id", "provider_request_id",
]  # fmt: skip
"""The columns of ``usage_record`` (design: one row, one representation)."""
_SPELLED_OUT = 20
_SUFFIXES = {".py", ".sql", ".html", ".toml", ".js", ".css"}
_GENERATED = re.compile(r"/(compiled|book|quick_schema)[^/]*\.(py|json)$")


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change.

    Attributes:
        pattern: Matches a spelling of the member that stands for it.
        where: Part of the paths that count; all by default.
    """

    name: str
    member: str
    pattern: str
    where: str = ""


CHANGES = (
    Change("report", "by-provider", r"by[-_]provider\b"),
    Change("lint rule", "extreme-threshold", r"extreme[-_]threshold"),
    Change("config key", "reservation_ttl_seconds", r"reservation_ttl_seconds"),
    Change("provider", "anthropic", r"anthropic"),
    Change("importer", "litellm", r"litellm"),
    Change("language", "es", r"(?<![\w.])es(\.toml)?(?!\w)"),
    Change("CLI command", "cost history", r"(?<![\w-])history(?!\w)", "cli/"),
    Change("budget period", "week", r"(?<![a-z-])weeks?(?![a-z])"),
    Change("store backend", "SqliteBackend", r"SqliteBackend"),
    Change("price", "claude-sonnet-4-5", r"claude-sonnet-4-5"),
    Change("event", "LimitPassed", r"LimitPassed|limit[._]passed"),
    Change("page", "missions", r"(?<![\w.])missions(_live)?(?!\w)", "pages/|dashboard/|wording/"),
)


def files_of(change: Change, sources: dict[Path, str]) -> list[Path]:
    """Return the files that a change touches.

    Args:
        change: The kind of change.
        sources: Each file with what counts of it, see ``read_sources``.
    """
    wanted = re.compile(change.pattern, re.IGNORECASE)
    place = re.compile(change.where)
    return [
        path
        for path, text in sources.items()
        if place.search(path.as_posix()) and (wanted.search(text) or wanted.search(path.name))
    ]


def spelled_out(sources: dict[Path, str]) -> list[Path]:
    """Return the files that spell out the columns of ``usage_record``: twenty of them or more."""
    return [
        path
        for path, text in sources.items()
        if len({*re.findall(r"\w+", text)} & {*COLUMNS}) >= _SPELLED_OUT
    ]


def read_sources(checkout: Checkout) -> dict[Path, str]:
    """Return the hand-written files that ship, by path, with what counts of them."""
    found: dict[Path, str] = {}
    for folder in (checkout.sources, checkout.folder / "reports"):
        for path in sorted(folder.rglob("*")):
            shown = path.relative_to(checkout.folder)
            if path.suffix in _SUFFIXES and not _GENERATED.search(f"/{shown.as_posix()}"):
                text = path.read_text(encoding="utf-8")
                found[shown] = _TEXTS.get(path.suffix, str)(text)
    return found


def spellings(text: str) -> str:
    """Return the identifiers and literals of Python code, one a line, without docstrings."""
    tree = ast.parse(text)
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return "\n".join(
        word for node in ast.walk(tree) if id(node) not in documents for word in _words(node)
    )


def _words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.keyword(arg=str(name)) | ast.ClassDef(name=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Constant(value=str(value)):
            yield value
        case ast.ImportFrom(module=str(module)):
            yield module
        case ast.alias(name=name):
            yield name
        case _:
            pass


def _sql(text: str) -> str:
    return re.sub(r"--.*", "", text)


_TEXTS: dict[str, Callable[[str], str]] = {".py": spellings, ".sql": _sql}
