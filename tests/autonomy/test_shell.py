"""Commands are read as the shells of this machine read them, or refused (ACT-1)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.autonomy.shell import Segment, UnreadableCommand, read_command
from tests.properties import examples

SHELLS = [name for name in ("dash", "bash", "sh") if shutil.which(name)]
PIECES = (
    *("ok", "ok", "ok", "evil", " ", " ", "  ", "\t", "\n", ";", "&&", "&", "||", "|", "|&", ";;"),
    *("'", '"', "\\", "\\\n", "$", "$(", ")", "`", "${", "}", "{", "{a,b}", "<", ">", ">>", "<<<"),
    *("#", "!", "*", "?", "[a]", "~", "X=1", "=", "-c", "$IFS", "$'", '$"', "a", "é", "\r", "\x00"),
    *("\u00a0", "\u2028", "/", "..", "%", "^", "@", ":", ",", "+", "'ok'", '"ok"', "'a b'"),
)
"""What a hostile command may be made of; ``evil`` leaves a mark when it runs."""


def words(command: str) -> list[list[str]] | str:
    found = read_command(command)
    if isinstance(found, UnreadableCommand):
        return found.rule.value
    return [[word.text for word in segment] for segment in found]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git status", [["git", "status"]]),
        ("  git\tstatus ;", [["git", "status"]]),
        ("\n\na\nb\n", [["a"], ["b"]]),
        ("a && b || c; d | e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a 'b; c' \"d && e\"", [["a", "b; c", "d && e"]]),
        ("a b'c'\"d\"e ''", [["a", "bcde", ""]]),
        (r"a \; b\ c \'", [["a", ";", "b c", "'"]]),
        (r'a "\"\\\$\`\n"', [["a", '"\\$`\\n']]),
        ("grep 'foo$' \"bar$\" $", [["grep", "foo$", "bar$", "$"]]),
        ("a x#y", [["a", "x#y"]]),
        ("git commit -m 'a\n\nb'", [["git", "commit", "-m", "a\n\nb"]]),
        ("a;b", [["a"], ["b"]]),
        ("a&&b", [["a"], ["b"]]),
        ("", "empty"),
        (" \n ", "empty"),
        ("a ;; b", "empty"),
        ("; a", "empty"),
        ("a |", "empty"),
        ("a || | b", "empty"),
        ("a &&\nb", "empty"),
        ("a & b", "operator"),
        ("a |& b", "operator"),
        ("a &", "operator"),
        ("a > b", "redirect"),
        ("a 2>&1", "redirect"),
        ("a <(b)", "redirect"),
        ("a << END", "redirect"),
        ("$(a)", "substitution"),
        ('a "$(b)"', "substitution"),
        ('a "${b}"', "substitution"),
        ("a $HOME", "substitution"),
        ("a $'\\x3b'", "substitution"),
        ('a $"b"', "substitution"),
        ("a `b`", "substitution"),
        ('a "`b`"', "substitution"),
        ("(a)", "grouping"),
        (":(){ :|:& };:", "grouping"),
        ("a {b,c}", "grouping"),
        ("a # '\nb'", "comment"),
        ("a \\\nb", "quoting"),
        ('a "b\\\nc"', "quoting"),
        ("a 'b", "quoting"),
        ('a "b', "quoting"),
        ('a "b\\', "quoting"),
        ("a \\", "quoting"),
        ("a\r\nb", "character"),
        ("a\x00b", "character"),
        ("a\u00a0b", "character"),
        ("a '\u202e'", "character"),
    ],
)
def test_commands_and_what_is_read_of_them(command: str, expected: list[list[str]] | str) -> None:
    assert words(command) == expected


def test_a_pattern_is_one_only_where_the_shell_sees_it() -> None:
    (segment,) = _read("find *.py '*.py' \"a?\" \\* a[b]")
    assert [word.has_glob for word in segment] == [False, True, False, False, False, True]


def test_a_long_command_is_read_in_time_that_grows_with_it() -> None:
    (segment,) = _read('a "' + "x\\\\" * 200_000 + '"')
    assert len(segment[1].text) == 400_000


def _read(command: str) -> tuple[Segment, ...]:
    found = read_command(command)
    assert not isinstance(found, UnreadableCommand), found
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two programs: ``ok`` tells its words, ``evil`` leaves a mark."""
    folder = Path(os.fspath(tmp_path_factory.mktemp("programs")))
    (folder / "ok").write_text("#!/bin/sh\nprintf '%s\\0' ok \"$@\"\nprintf '\\1'\n")
    (folder / "evil").write_text(f"#!/bin/sh\n: > {folder}/mark\n")
    for name in ("ok", "evil"):
        (folder / name).chmod(0o755)
    return folder


def told_by(shell: str, command: str, folder: Path) -> bytes:
    """Run a command in an empty folder of its own with nothing else on its path."""
    place = folder / "place"
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        [shutil.which(shell) or shell, "-c", command],
        cwd=place,
        env={"PATH": str(folder), "HOME": "/nowhere", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert not [*place.iterdir()], f"{command!r} wrote a file"
    return done.stdout


def same_as_the_shell(command: str, folder: Path) -> bool:
    """Hold a command against real shells; return whether it was one that may run at all."""
    found = read_command(command)
    if isinstance(found, UnreadableCommand) or any(
        segment[0].text != "ok" or any(word.has_glob or word.text[:1] == "~" for word in segment)
        for segment in found
    ):
        return False
    own = b"".join(
        b"\0".join(word.text.encode() for word in segment) + b"\0\1" for segment in found
    )
    for shell in SHELLS:
        told = told_by(shell, command, folder)
        assert not (folder / "mark").exists(), f"{shell} ran evil for {command!r}"
        # Of a pipe only the last command is heard, and || runs nothing after a success.
        runs = own.split(b"\1")
        assert set(told.split(b"\1")) <= set(runs), (shell, command, told)
        if len(found) == 1:
            assert told == own, (shell, command)
    return True


def test_no_smuggled_command_runs_and_words_are_those_of_the_shell(programs: Path) -> None:
    """The oracle is the shell itself: what is read as ``ok`` alone never runs ``evil``."""
    assert SHELLS, "a POSIX shell is the oracle of this test"
    ran = 0

    @settings(
        max_examples=examples(1500, by_day=500), deadline=None, derandomize=True, database=None
    )
    @given(parts=st.lists(st.sampled_from(PIECES), min_size=1, max_size=7))
    def smuggle(parts: list[str]) -> None:
        nonlocal ran
        ran += same_as_the_shell("ok " + "".join(parts), programs)

    smuggle()
    assert ran > examples(1500, by_day=500) // 15


def test_the_oracle_sees_what_is_smuggled(programs: Path) -> None:
    """The control: each of these runs ``evil`` in every shell, and none is read as ``ok`` alone."""
    for command in ("ok;evil", "ok `evil`", 'ok "$(evil)"', "ok & evil", "ok # '\nevil # '"):
        for shell in SHELLS:
            told_by(shell, command, programs)
            assert (programs / "mark").exists(), (shell, command)
            (programs / "mark").unlink()
        assert not same_as_the_shell(command, programs)
    assert same_as_the_shell("ok 'a;evil' \"b&&evil\" c\\;evil", programs)
