"""The files that the editor shows, and what a check says of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pygls.uris import to_fs_path

from corvus.config.check.check import CheckedFile, Options, check_if_ours, check_text
from corvus.config.check.rule_settings import SettingsFinder
from corvus.config.check.walk import Exclusion, Search
from corvus.lsp.text import Text

if TYPE_CHECKING:
    from corvus.config.check.subject import PriceFacts

CONFIG_NAME = "corvus.toml"


@dataclass(slots=True)
class OpenFile:
    """A file that the editor shows; replaced by nothing until it is closed.

    Attributes:
        uri: As the editor names it.
        text: Its latest text.
        is_ours: Whether any of its texts was a config that corvus knows; it stays one while it is
            broken in the middle of a word.
        checked: What a check said of it last.
    """

    uri: str
    text: Text
    is_ours: bool = False
    checked: Checked | None = None

    @property
    def path(self) -> Path | None:
        """Where it is on disk; ``None`` when it was never saved."""
        path = to_fs_path(self.uri) if self.uri.startswith("file:") else None
        return Path(path) if path else None

    @property
    def name(self) -> str:
        """How a check calls it."""
        path = self.path
        return str(path) if path is not None else self.uri.rpartition("/")[2] or self.uri

    @property
    def is_named_ours(self) -> bool:
        """Whether its name alone makes it a config of corvus."""
        return Path(self.name).name == CONFIG_NAME


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says of one version of a text.

    Attributes:
        text: That version.
        file: What was found; ``None`` when the file is excluded, or of another tool.
    """

    text: Text
    file: CheckedFile | None


class Checker:
    """Checks texts as ``corvus check`` does, by the settings of the checker on disk.

    Args:
        facts: Answers about prices.
    """

    def __init__(self, facts: PriceFacts) -> None:
        self._facts = facts
        self._finder = SettingsFinder()

    @property
    def options(self) -> Options:
        """How files are checked."""
        return Options(facts=self._facts, finder=self._finder)

    def look_again(self) -> None:
        """Forget the settings of the checker: a file that states them may have been saved."""
        self._finder = SettingsFinder()

    def check_once(self, file: OpenFile, text: Text, again: bool = False) -> Checked:
        """Check a text of a file, unless the last check was of the same.

        Args:
            file: The file.
            text: One of its texts.
            again: Check it also if it was checked: how may have changed.
        """
        checked = file.checked
        if checked is None or checked.text is not text or again:
            checked = file.checked = Checked(text, self._check(file, text))
            file.is_ours = file.is_ours or checked.file is not None
        return checked

    def _check(self, file: OpenFile, text: Text) -> CheckedFile | None:
        options = self.options
        if file.path is not None and Exclusion(Search(), self._finder).has_file(file.name):
            return None
        if file.is_ours or file.is_named_ours:
            return check_text(text.raw, file.name, options)
        return check_if_ours(text.raw, file.name, options)
