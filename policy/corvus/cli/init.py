"""``corvus init``: a commented config to start from, with the schema that its first line names."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from corvus.base.errors import EditRefused

NAME = "corvus.toml"
SCHEMA = "corvus.schema.json"
_WAIT_SECONDS = 20.0


class Starter(StrEnum):
    """Whom a starter config is for; each is a file of this folder."""

    AGENT = "agent"
    TEAM = "team"

    @property
    def text(self) -> bytes:
        """The config."""
        name = "starter.toml" if self is Starter.AGENT else f"starter_{self.value}.toml"
        return Path(__file__).with_name(name).read_bytes()


def init(
    path: Annotated[
        Path,
        typer.Argument(metavar="[PATH]", help="A file that ends in .toml, or a folder for it."),
    ] = Path(NAME),
    *,
    starter: Annotated[
        Starter,
        typer.Option(
            "--for",
            help="agent: coding agents on this machine; team: an own budget for each user.",
        ),
    ] = Starter.AGENT,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a config that is there.")
    ] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Write a key with this value, as `corvus config set` does; repeatable.",
        ),
    ] = None,
) -> None:
    """Write a commented starter config; it checks clean, and refuses to overwrite one.

    A coding agent can work all day under its limits, and use the whole of them.

    Example: corvus init --for team --set cost.daily_limit_usd=50
    """
    from corvus.base.resources import shipped

    file = path if path.suffix == ".toml" and not os.path.isdir(path) else path / NAME
    schema = shipped("schemas").joinpath("config.native.schema.json").read_bytes()
    text = _with_values(starter.text, str(file), sets or ())
    _make_folder(file.parent)
    _write({file: text, file.with_name(SCHEMA): schema}, force=force)
    print("\n".join(_next_steps(file, starter)))


def _with_values(text: bytes, file: str, sets: Sequence[str]) -> bytes:
    """Return a config with keys set.

    Raises:
        ConfigError: It would have an error.
        EditRefused: A word sets nothing, or a key cannot be set.
    """
    if not sets:
        return text
    from corvus.cli.config_edit import values_of_pairs
    from corvus.config.edit.change import set_keys

    return set_keys(text, file, values_of_pairs(sets)).after


def _write(contents: Mapping[Path, bytes], *, force: bool) -> None:
    """Write files of one folder; nobody else of us writes to it meanwhile.

    Raises:
        EditRefused: One of them says something else already, or cannot be written.
    """
    from corvus.base.files import replace_file
    from corvus.base.locks import lock_within

    folder = next(iter(contents)).parent
    try:
        with lock_within(folder, _WAIT_SECONDS):
            for target, data in contents.items():
                _refuse_to_lose(target, data, force=force)
            for target, data in contents.items():
                replace_file(target, data)
    except TimeoutError:
        raise EditRefused(f"another program is writing to {folder}: nothing is written") from None


def _refuse_to_lose(path: Path, data: bytes, *, force: bool) -> None:
    """Refuse to write over a file that says something else.

    Raises:
        EditRefused: It does, and nobody forces us.
    """
    if force or not os.path.lexists(path):
        return
    if not os.path.isfile(path) or path.read_bytes() != data:
        raise EditRefused(
            f"{path} exists: --force overwrites it, `corvus config set` changes a key"
        )


def _make_folder(folder: Path) -> None:
    """Make the folder of the config; the one above must be there.

    Raises:
        EditRefused: The system refused.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as fault:
        raise EditRefused(f"the folder {folder} cannot be made: {fault.strerror}") from fault


def _next_steps(file: Path, starter: Starter) -> list[str]:
    quoted = shlex.quote(str(file))
    config = "" if file == Path(NAME) else f" --config {quoted}"
    lines = [
        f"wrote {file}, and {file.with_name(SCHEMA)} for completion in your editor; next:",
        f"  corvus check{config and f' {quoted}'}",
        f"  corvus config show --origin{config}",
    ]
    if starter is Starter.TEAM:
        return [
            *lines,
            f"  corvus token create ana --scope proxy --user ana{config}",
            f"  corvus gateway{config}",
        ]
    return [
        *lines,
        f"  corvus usage import ~/.claude/projects{config}",
        f"  corvus cost summary{config}",
    ]
