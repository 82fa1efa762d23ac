"""Which files are configs of corvus by their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PureWindowsPath

import pytest
from lsprotocol import types

from corvus.lsp import files, hover
from corvus.lsp.files import OpenFile
from corvus.lsp.text import UTF16, Text
from tests.lsp.views import view_of


@pytest.mark.parametrize(
    ("uri", "is_ours"),
    [
        ("file:///home/ana/corvus.toml", True),
        ("file:///home/ana/my-corvus.toml", False),
        ("file:///home/corvus.toml/x.toml", False),
        ("untitled:/corvus.toml", True),
        ("untitled:Untitled-1", False),
    ],
)
def test_a_file_is_known_by_the_end_of_its_path(uri: str, is_ours: bool) -> None:
    assert OpenFile(uri, Text("", UTF16, 1)).is_named_ours is is_ours


def test_a_path_of_windows_ends_behind_its_last_backslash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "Path", PureWindowsPath)
    monkeypatch.setattr(hover, "Path", PureWindowsPath)
    path = r"C:\work\corvus.toml"
    monkeypatch.setattr(OpenFile, "name", path)
    assert OpenFile("file:///c:/work/corvus.toml", Text("", UTF16, 1)).is_named_ours
    view = replace(view_of("[cost]\ndaily_limit_usd = 5\n"), name=path)
    shown = hover.hover(view, types.Position(1, 2))
    assert shown is not None
    assert "from corvus.toml:2:1" in getattr(shown.contents, "value", "")
