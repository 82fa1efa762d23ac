"""Which config governs where none is named (CFG-6): the nearest one of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from corvus.config.layers.load import load
from corvus.config.layers.locate import locate
from corvus.diagnostics.model import ConfigError


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def found(start: Path, **environment: str) -> tuple[Path, ...]:
    return locate(environment=environment, directory=start).paths


def test_a_subfolder_is_governed_by_the_config_of_its_repository(tmp_path: Path) -> None:
    folder(tmp_path / "repo" / ".git")
    config = write(tmp_path / "repo" / "corvus.toml")
    deep = folder(tmp_path / "repo" / "src" / "deep")
    assert found(deep) == (config,)
    nearer = write(tmp_path / "repo" / "src" / "corvus.toml")
    assert found(deep) == (nearer,)


@pytest.mark.parametrize("is_worktree", [False, True])
def test_nothing_above_the_repository_governs_it(tmp_path: Path, is_worktree: bool) -> None:
    write(tmp_path / "corvus.toml")
    deep = folder(tmp_path / "repo" / "src")
    if is_worktree:
        write(tmp_path / "repo" / ".git", "gitdir: /elsewhere\n")
    else:
        folder(tmp_path / "repo" / ".git")
    assert found(deep) == ()
    located = locate(environment={}, directory=deep)
    assert located.looked_at == (deep / "corvus.toml", tmp_path / "repo" / "corvus.toml")
    assert "here or above, up to" in located.shown


def test_outside_of_a_repository_the_search_ends_at_the_home_of_the_user(tmp_path: Path) -> None:
    outside = write(tmp_path / "corvus.toml")
    work = folder(tmp_path / "home" / "work")
    assert found(work, HOME=str(tmp_path / "home")) == ()
    own = write(tmp_path / "home" / "corvus.toml")
    assert found(work, HOME=str(tmp_path / "home")) == (own,)
    assert found(folder(tmp_path / "srv"), HOME=str(tmp_path / "home")) == (outside,)


def test_a_link_to_a_folder_of_a_repository_leads_to_its_config(tmp_path: Path) -> None:
    folder(tmp_path / "repo" / ".git")
    config = write(tmp_path / "repo" / "corvus.toml")
    link = folder(tmp_path / "desk") / "link"
    link.symlink_to(folder(tmp_path / "repo" / "src"))
    assert found(link) == (config,)


def test_the_repository_comes_before_the_environment_and_the_user(tmp_path: Path) -> None:
    folder(tmp_path / "repo" / ".git")
    named = write(tmp_path / "named.toml")
    own = write(tmp_path / "xdg" / "corvus" / "config.toml")
    work = folder(tmp_path / "repo" / "src")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert found(work, **environment) == (own,)
    environment["CORVUS_CONFIG"] = str(named)
    assert found(work, **environment) == (named,)
    config = write(tmp_path / "repo" / "corvus.toml")
    assert found(work, **environment) == (config,)


def test_a_link_to_nowhere_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    """Before, budgets that a link was meant to bring were void without a word."""
    (tmp_path / "corvus.toml").symlink_to(tmp_path / "absent.toml")
    paths = found(tmp_path)
    assert paths == (tmp_path / "corvus.toml",)
    assert [one.code for one in load(paths).diagnostics] == ["file-missing"]


def test_a_folder_of_that_name_is_no_config(tmp_path: Path) -> None:
    folder(tmp_path / "corvus.toml")
    folder(tmp_path / ".git")
    assert found(tmp_path) == ()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_config_that_a_stranger_left_above_is_refused(tmp_path: Path) -> None:
    """It could send the user's keys to a provider of its own."""
    work = folder(tmp_path / "tmp" / "work")
    config = write(tmp_path / "tmp" / "corvus.toml")
    os.chown(config, 4_711, 4_711)
    with pytest.raises(ConfigError, match="another user owns it"):
        found(work)
    os.chown(work, 4_711, 4_711)
    assert found(work) == (config,), "as in a container that mounts somebody's repository"
