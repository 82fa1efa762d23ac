"""What a search leaves out, besides what git ignores (DIA-6)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from corvus.config.check.discover import find
from corvus.config.check.walk import Search

_CHECK = "[governance.check]\nexclude = {}\n"


def searched(argument: str = ".", search: Search | None = None) -> list[str]:
    return [*find(argument, search=search).names]


def fill(*places: str) -> None:
    for place in places:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).touch()


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_folders_of_dependencies_and_builds_are_left_out() -> None:
    usual = ("build", "dist", "vendor", "node_modules", ".venv", "site-packages", "_build", "sub")
    fill("a.toml", *(f"{name}/a.toml" for name in usual))
    assert searched() == ["a.toml", "sub/a.toml"]


def test_a_file_of_such_a_name_is_none() -> None:
    fill("build.toml", "sub/vendor.toml")
    assert searched() == ["build.toml", "sub/vendor.toml"]


def test_a_folder_of_such_a_name_that_is_named_is_searched() -> None:
    fill("build/a.toml", "build/sub/b.toml")
    assert searched("build") == ["build/a.toml", "build/sub/b.toml"]
    assert searched("build/") == ["build/a.toml", "build/sub/b.toml"]


def test_an_excluded_folder_that_is_named_is_searched() -> None:
    fill("drafts/a.toml", "drafts/b.toml", "drafts/deep/c.toml", "drafts/drafts/d.toml")
    search = Search(extend_exclude=("drafts/", "b.toml"))
    assert searched(".", search) == []
    assert searched("drafts", search) == ["drafts/a.toml", "drafts/deep/c.toml"]
    assert searched("drafts/deep", search) == ["drafts/deep/c.toml"]
    places = Search(extend_exclude=("/drafts", "drafts/deep", "drafts/b.toml"))
    assert searched("drafts", places) == ["drafts/a.toml", "drafts/drafts/d.toml"]


@pytest.mark.parametrize("folder", [".", "sub", "../{here}", "a [b]*c"])
def test_what_is_excluded_everywhere_is_excluded_below_a_named_folder(folder: str) -> None:
    named = folder.format(here=Path.cwd().name)
    fill("a.toml", "sub/a.toml", "sub/keep.toml", "a [b]*c/a.toml")
    assert searched(named, Search(extend_exclude=("*",))) == []
    assert searched(named, Search(extend_exclude=("*.toml", "!keep.toml"))) in (
        ["sub/keep.toml"] if folder in {".", "sub"} else [f"{named}/sub/keep.toml"],
        [],
    )


def test_settings_never_exclude_the_file_that_they_stand_in() -> None:
    fill("a.toml", "sub/corvus.toml")
    Path("corvus.toml").write_text(_CHECK.format('["*"]'))
    assert searched() == ["corvus.toml"]


def test_a_pipe_below_a_folder_is_no_config() -> None:
    fill("sub/a.toml")
    os.mkfifo("sub/pipe.toml")
    Path("sub/nowhere.toml").symlink_to("absent")
    assert searched("sub") == ["sub/a.toml", "sub/nowhere.toml"]


def test_names_above_the_searched_folder_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    fill("home/team/a.toml", "work/x.toml")
    monkeypatch.chdir("work")
    search = Search(extend_exclude=("home", "a.tom"))
    assert searched("../home", search) == ["../home/team/a.toml"]
    assert searched("../home", Search(extend_exclude=("team/",))) == []
    assert searched("../home", Search(extend_exclude=("/team",))) == ["../home/team/a.toml"]


def test_the_suffix_may_be_in_capitals() -> None:
    fill("UP.TOML", "Mixed.Toml", "a.tomlx")
    assert searched() == ["Mixed.Toml", "UP.TOML"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("drafts", ["a.toml", "deep/b.toml"]),
        ("b.toml", ["a.toml"]),
        ("/b.toml", ["a.toml", "deep/b.toml", "deep/drafts/b.toml", "drafts/b.toml"]),
        ("deep/drafts", ["a.toml", "deep/b.toml", "drafts/b.toml"]),
        ("./deep/drafts/", ["a.toml", "deep/b.toml", "drafts/b.toml"]),
        ("deep/*.toml", ["a.toml", "deep/drafts/b.toml", "drafts/b.toml"]),
        ("{cwd}/deep", ["a.toml", "drafts/b.toml"]),
        ("[", ["a.toml", "deep/b.toml", "deep/drafts/b.toml", "drafts/b.toml"]),
    ],
)
def test_a_pattern_is_one_of_gitignore(pattern: str, left: list[str]) -> None:
    fill("a.toml", "deep/b.toml", "deep/drafts/b.toml", "drafts/b.toml")
    written = pattern.format(cwd=os.getcwd())
    assert searched(search=Search(extend_exclude=(written,))) == left
    assert searched(os.getcwd(), Search(extend_exclude=(written,))) == [
        f"{os.getcwd()}/{name}" for name in left
    ]


def test_exclude_takes_the_place_of_the_usual_and_of_the_settings() -> None:
    fill("build/a.toml", "drafts/a.toml", "sub/a.toml")
    Path("corvus.toml").write_text(_CHECK.format('["drafts/"]'))
    assert searched() == ["corvus.toml", "sub/a.toml"]
    assert searched(search=Search(exclude=("sub",))) == [
        "build/a.toml",
        "corvus.toml",
        "drafts/a.toml",
    ]
    assert searched(search=Search(extend_exclude=("sub",))) == ["corvus.toml"]


def test_an_exclamation_mark_takes_back_a_usual_folder() -> None:
    fill("build/a.toml", "dist/a.toml")
    Path("corvus.toml").write_text(_CHECK.format('["!build/"]'))
    assert searched() == ["build/a.toml", "corvus.toml"]
    assert searched(search=Search(extend_exclude=("!dist",))) == [
        "build/a.toml",
        "corvus.toml",
        "dist/a.toml",
    ]


def test_patterns_of_settings_start_at_their_file() -> None:
    fill("team/drafts/a.toml", "drafts/a.toml", "team/a.toml")
    Path("team/corvus.toml").write_text(_CHECK.format('["/drafts"]'))
    assert searched() == ["drafts/a.toml", "team/a.toml", "team/corvus.toml"]
    os.chdir("team")
    assert searched() == ["a.toml", "corvus.toml"]


def test_a_file_that_is_named_is_checked_unless_exclusion_is_forced() -> None:
    fill("vendor/a.toml", "drafts/b.toml", "c.toml")
    force = Search(extend_exclude=("drafts/",), force_exclude=True)
    for name in ("vendor/a.toml", "drafts/b.toml", "./vendor/../vendor/a.toml"):
        assert searched(name, Search(extend_exclude=("drafts/",))) == [name]
        match = find(name, search=force)
        assert (match.names, match.excluded) == ((), (name,))
    assert searched("c.toml", force) == ["c.toml"]
    assert searched(f"{os.getcwd()}/vendor/a.toml", force) == []
    os.chdir("vendor")
    assert searched("a.toml", force) == ["a.toml"]  # what lies above where we are does not count


def test_a_loop_of_links_ends() -> None:
    fill("sub/a.toml")
    Path("sub/loop").symlink_to("..", target_is_directory=True)
    assert searched() == ["sub/a.toml"]


def test_a_folder_that_may_not_be_searched_is_reported() -> None:
    fill("sub/a.toml", "b.toml")
    Path("sub").chmod(0)
    try:
        match = find(".")
    finally:
        Path("sub").chmod(0o755)
    if os.getuid() == 0:
        pytest.skip("root may search every folder")
    assert [folder for folder, _ in match.unsearched] == ["./sub"]
