"""Checks any number of files in one run (CFG-3, DIA-6): what ``corvus check`` does, as data.

It never prints and never stops at the first problem. Order is that of the arguments, sorted below a
directory or a pattern, and by place within a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from policy.config.dialects import Detected
from policy.config.document import Document, read_bytes, read_document, source_text
from policy.config.load import load_documents

if TYPE_CHECKING:
    from policy.config.rules import HasPrice
    from policy.diagnostics.model import Diagnostic

STDIN = "-"
_PATTERN = frozenset("*?[")
_SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".nox", ".tox", ".venv", "__pycache__", "node_modules", "target", "venv"}
)
_OTHER_TOOLS = frozenset(
    {
        ".taplo.toml", "Cargo.toml", "clippy.toml", "pixi.toml", "poetry.toml", "pyproject.toml",
        "ruff.toml", ".ruff.toml", "rust-toolchain.toml", "rustfmt.toml", "taplo.toml", "uv.toml",
    }
)  # fmt: skip


class CheckedFile(NamedTuple):
    """One file of a run.

    Attributes:
        shown: The file as the user named it.
        text: Its text without a BOM, for excerpts; ``None`` when it could not be read.
        detected: What it was checked as; ``None`` when it could not be parsed.
    """

    shown: str
    text: str | None = None
    detected: Detected | None = None
    deprecated_fields: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class Checked(NamedTuple):
    """A whole run.

    Attributes:
        files: Every file that was looked at, in order.
        unmatched: Diagnostics of arguments that name no file at all.
        unreadable: Whether some input could not be read, so that "clean" would be a lie (DIA-5).
    """

    files: tuple[CheckedFile, ...]
    unmatched: tuple[Diagnostic, ...]
    unreadable: bool

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All problems of all files, in stable order."""
        return (*self.unmatched, *(found for file in self.files for found in file.diagnostics))


class Options(NamedTuple):
    """How to check.

    Attributes:
        dialect: ``auto``, or the dialect every file must be.
        stdin: Reads standard input, for ``-``.
        stdin_name: How standard input is called in messages.
        has_price: Looks a model up in the bundled price book.
    """

    dialect: str = "auto"
    stdin: Callable[[], bytes] = bytes
    stdin_name: str = "<stdin>"
    has_price: HasPrice | None = None


def check_paths(arguments: Sequence[str], options: Options | None = None) -> Checked:
    """Check files, directories, patterns and standard input.

    Args:
        arguments: Paths, directories (``*.toml`` below them), glob patterns, or ``-``.
        options: How to check.
    """
    how = options or Options()
    files: dict[str, CheckedFile] = {}
    unmatched: list[Diagnostic] = []
    for argument in arguments:
        names = tuple(_expand(argument))
        if not names:
            unmatched.append(_no_file(argument))
        for name in names:
            key = name if name == STDIN else str(Path(name).absolute())
            if key not in files:
                files[key] = _check_one(name, how)
    checked = tuple(files.values())
    unreadable = bool(unmatched) or any(file.text is None for file in checked)
    return Checked(checked, tuple(unmatched), unreadable)


def _expand(argument: str) -> Iterator[str]:
    """Return the files an argument stands for; a missing file stands for itself."""
    path = Path(argument)
    if argument == STDIN:
        yield argument
    elif path.is_dir():
        yield from (str(found) for found in _below(path))
    elif path.exists() or not _PATTERN & set(argument):
        yield argument
    else:
        from glob import glob

        yield from (name for name in sorted(glob(argument, recursive=True)) if Path(name).is_file())


def _below(directory: Path) -> list[Path]:
    """Return the ``*.toml`` files below a directory, but not those of well-known tools."""
    found = (
        path
        for path in directory.rglob("*.toml")
        if path.name not in _OTHER_TOOLS
        and not _SKIPPED_FOLDERS & set(path.relative_to(directory).parts[:-1])
        and path.is_file()
    )
    return sorted(found)


def _check_one(name: str, how: Options) -> CheckedFile:
    shown = how.stdin_name if name == STDIN else name
    raw, errors = (how.stdin(), []) if name == STDIN else read_bytes(Path(name), shown)
    if raw is None:
        too_large = any(error.code == "file-too-large" for error in errors)
        return CheckedFile(shown, text="" if too_large else None, diagnostics=tuple(errors))
    document, diagnostics = read_document(raw, shown)
    if document is None:
        return CheckedFile(shown, text=source_text(raw), diagnostics=tuple(diagnostics))
    return _checked(document, diagnostics, how)


def _checked(document: Document, diagnostics: list[Diagnostic], how: Options) -> CheckedFile:
    loaded = load_documents((document,), how.dialect, has_price=how.has_price, want_settings=False)
    return CheckedFile(
        shown=document.file,
        text=document.text,
        detected=loaded.dialects[0],
        deprecated_fields=loaded.deprecated_fields,
        diagnostics=(*diagnostics, *loaded.diagnostics),
    )


def _no_file(argument: str) -> Diagnostic:
    from policy.diagnostics.model import Diagnostic, Severity

    directory = Path(argument).is_dir()
    message = (
        f"no *.toml file below the directory `{argument}`"
        if directory
        else f"no file matches `{argument}`"
    )
    return Diagnostic(
        code="no-file-matched",
        severity=Severity.ERROR,
        message=message,
        file=argument,
        span=None,
        help=("Name a file, a directory that holds one, or a pattern that matches one.",),
    )
