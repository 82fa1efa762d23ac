"""How risky a program is with its arguments, and which arguments are refused whatever the risk.

Tables of names: what destroys, reaches the network or changes who may do what is of high risk; so
is what runs other commands, for a judged command could hide any other in it. What changes files or
remotes is of medium risk, all else of low. Arguments are refused that make an innocent program run
others or write where it is told (``find -exec``, ``git -c``). Refuses to guess: a subcommand of git
that is not in the tables may be an alias for anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from corvus.autonomy.paths import LETTERS_MAX, letters_of
from corvus.autonomy.shell import Segment, quoted


class Risk(StrEnum):
    """How much harm a command may do."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def program_of(name: str) -> str:
    """Return the name that the tables know a program by: without its folder."""
    return name.rpartition("/")[2]


def risk_of(segment: Segment) -> tuple[Risk, str]:
    """Return the risk of one simple command, and what makes it so, for a person."""
    program, *arguments = (word.text for word in segment)
    program = program_of(program)
    if program in _HIGH:
        return Risk.HIGH, f"{program} {_HIGH[program]}"
    if program.startswith("mkfs"):
        return Risk.HIGH, f"{program} destroys"
    if _evaluates(program, arguments):
        return Risk.HIGH, f"{program} with these arguments may run other commands"
    if program in _MEDIUM:
        return Risk.MEDIUM, f"{program} changes files"
    verb = _verb(program, arguments)
    if verb is not None and verb in _MEDIUM_VERBS[program]:
        return Risk.MEDIUM, f"{program} {verb} changes files, packages or remotes"
    return Risk.LOW, f"{program} is of low risk"


def refused_argument(segment: Segment) -> str | None:
    """Return why arguments are refused whatever the risk; ``None`` when they are not."""
    program, *arguments = (word.text for word in segment)
    program = program_of(program)
    globs = [word.text for word in segment[1:] if word.has_glob]
    if (refused := _refused_of_all(program, arguments, globs)) is not None:
        return refused
    match program:
        case "find":
            return _refused_of_find(arguments, globs)
        case "git":
            return _refused_of_git(arguments)
        case "cd" | "pushd" | "popd" if len(arguments) != 1 or arguments[0].startswith("-"):
            return f"{program} must name one folder"
        case "tee":
            return "tee writes where it is told"
        case _:
            return _named(program, arguments, _LONG.get(program, ()))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _refused_of_all(program: str, arguments: Sequence[str], globs: Sequence[str]) -> str | None:
    if any(word[:1] == "-" != word[1:2] and letters_of(word) > LETTERS_MAX for word in arguments):
        return f"a word begins with more than {LETTERS_MAX} letters of options"
    if globs and program != "find":
        return f"the shell would put file names in place of {quoted(globs[0])}; quote it"
    return None


_HIGH = {
    **dict.fromkeys(_names("rm mkfs dd shutdown reboot halt poweroff shred"), "destroys"),
    **dict.fromkeys(
        _names(
            "sudo su doas chown chmod useradd userdel usermod passwd mount umount iptables ufw "
            "firewall-cmd"
        ),
        "changes who may do what",
    ),
    **dict.fromkeys(
        _names("curl wget nc ncat netcat scp ssh ftp sftp telnet"), "reaches other machines"
    ),
    **dict.fromkeys(
        _names(
            "sh bash dash zsh ksh mksh ash fish csh tcsh busybox toybox env xargs eval exec source "
            ". trap command builtin alias nohup nice ionice timeout time coproc ! watch setsid "
            "stdbuf script parallel strace ltrace gdb flock chroot unshare nsenter systemd-run at "
            "batch crontab npx uvx bunx pipx"
        ),
        "runs other commands",
    ),
}
_MEDIUM = _names("touch mkdir rmdir mv cp ln install truncate")

_GIT_READS = _names(
    "status log diff show blame annotate grep ls-files ls-tree ls-remote rev-parse rev-list "
    "describe shortlog cat-file merge-base name-rev for-each-ref show-ref count-objects "
    "check-ignore cherry range-diff whatchanged version"
)
_GIT_CHANGES = _names(
    "add am apply archive branch checkout cherry-pick clean clone commit fetch format-patch gc "
    "init merge mv notes pull push rebase reflog remote reset restore revert rm stash switch tag "
    "worktree"
)
_PACKAGES = _names(
    "install i ci add remove rm uninstall un update upgrade up publish unpublish link unlink init "
    "create version dedupe prune rebuild pack config set deprecate owner access login logout "
    "dist-tag audit"
)
_SYSTEM_PACKAGES = _names("install remove purge update upgrade autoremove")
_PIP = _names("install uninstall download wheel config cache")
_MEDIUM_VERBS = {
    "git": _GIT_CHANGES,
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun"), _PACKAGES),
    "cargo": _names(
        "add remove rm install uninstall clean publish yank owner login logout new init update fix "
        "generate-lockfile vendor"
    ),
    **dict.fromkeys(("pip", "pip3"), _PIP),
    "uv": _names("add remove sync lock pip tool publish init venv cache python"),
    "go": _names("get install mod work clean generate"),
    "gem": _names("install uninstall update push yank"),
    "brew": _names("install uninstall upgrade update link unlink tap"),
    **dict.fromkeys(("apt", "apt-get"), _SYSTEM_PACKAGES),
    "docker": _names("run exec build push pull rm rmi stop kill cp compose"),
}

_INLINE = {
    **dict.fromkeys(("python", "python3", "pypy", "pypy3"), "c"),
    **dict.fromkeys(("node", "nodejs"), "ep"),
    **dict.fromkeys(("perl", "ruby", "lua"), "eE"),
    "php": "rBRE",
}
"""Single letters that hand an interpreter a program as an argument."""
_EVALUATING_VERBS = {
    "npm": {"exec", "x", "explore", "edit"},
    "pnpm": {"exec", "dlx"},
    "yarn": {"exec", "dlx", "node"},
    "bun": {"x"},
    "deno": {"eval", "run"},
}
_SANDBOXED = ("sed", "awk", "gawk", "mawk", "nawk")
"""Their own languages can run commands; GNU's have ``--sandbox``, which forbids it."""

_FIND_ACTIONS = (
    *("-exec", "-execdir", "-ok", "-okdir", "-delete"),
    *("-fprint", "-fprint0", "-fprintf", "-fls", "-files0-from"),
)
_LONG = {
    "cargo": ("--config",),
    "wc": ("--files0-from",),
    "sort": ("--compress-program", "--output", "--files0-from"),
    "tar": ("--to-command", "--use-compress-program", "--checkpoint-action", "--rsh-command"),
    "rsync": ("--rsh", "--rsync-path"),
    "node": ("--eval", "--print", "--require", "--import"),
    "npm": ("--script-shell", "--node-options", "--call", "--editor", "--viewer"),
    "rg": ("--pre", "--hostname-bin"),
}
_GIT_LONG = (
    *("--config", "--config-env", "--exec-path", "--exec", "--ext-diff", "--output"),
    *("--upload-pack", "--receive-pack", "--open-files-in-pager", "--template", "--paginate"),
)
_GIT_LETTERS = {"clone": "u", "grep": "O", "rebase": "x", "ls-remote": "u"}
_HELPER = re.compile(r"[A-Za-z0-9.+-]+::")
_GIT_VALUED = ("-C", "--git-dir", "--work-tree", "--namespace")
_GIT_GLOBAL = frozenset(
    (*_GIT_VALUED, "-P", "--no-pager", "--bare", "--no-optional-locks", "--literal-pathspecs")
)
"""What may stand before a subcommand; anything else there could hide which one it is."""


def _evaluates(program: str, arguments: Sequence[str]) -> bool:
    if program in _SANDBOXED:
        return "--sandbox" not in arguments
    letters = _INLINE.get(program, "")
    if any(_bundles(word, letters) for word in arguments):
        return True
    verbs = _EVALUATING_VERBS.get(program, set[str]())
    return not verbs.isdisjoint(_verbs(arguments))


def _bundles(word: str, letters: str) -> bool:
    """Return whether a word has one of these among its single-letter options."""
    if not word.startswith("-") or word.startswith("--"):
        return False
    options = word[1:]
    count = next((place for place, char in enumerate(options) if not char.isalpha()), len(options))
    return any(char in letters for char in options[:count])


def _verb(program: str, arguments: Sequence[str]) -> str | None:
    """Return the subcommand that is of medium risk, if there is one."""
    changing = _MEDIUM_VERBS.get(program, frozenset[str]())
    verbs = [_git_verb(arguments)[0]] if program == "git" else _verbs(arguments)
    return next((verb for verb in verbs if verb in changing), None)


def _verbs(arguments: Sequence[str]) -> list[str]:
    """Return the subcommand; where options come first, every word that could be it."""
    words = [word for word in arguments if not word.startswith("+")]  # a toolchain of cargo
    if words and not words[0].startswith("-"):
        return words[:1]
    return [word for word in words if not word.startswith("-")]


def _git_verb(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the subcommand of git and the options before it; empty when there is none."""
    options: list[str] = []
    is_value = False
    for word in arguments:
        if is_value:
            is_value = False
        elif word.startswith("-"):
            options.append(word)
            is_value = word in _GIT_VALUED
        else:
            return word, options
    return "", options


def _refused_of_find(arguments: Sequence[str], globs: Sequence[str]) -> str | None:
    for word in arguments:
        if word in _FIND_ACTIONS:
            return f"find {word} runs commands, writes or deletes"
    for glob in globs:
        climbs = any(part[0] == "." and fnmatchcase("..", part) for part in glob.split("/") if part)
        if climbs or glob.startswith(("/", "~")):
            return f"{quoted(glob)} may stand for paths outside the workspace; quote it"
        if any(fnmatchcase(action, glob) for action in _FIND_ACTIONS):
            return f"{quoted(glob)} may stand for a file that is named like an action; quote it"
    return None


def _refused_of_git(arguments: Sequence[str]) -> str | None:
    verb, before = _git_verb(arguments)
    if verb == "config" or any(word.startswith(("config.", "alias")) for word in arguments):
        return "git config can make git run anything"
    if any(_bundles(word, "c") for word in arguments):
        return "git -c can make git run anything; long options say the rest, such as --create"
    if any(_HELPER.match(word) for word in arguments):
        return "an address with :: makes git run a helper"
    if (refused := _named("git", arguments, _GIT_LONG)) is not None:
        return refused
    if any(_bundles(word, _GIT_LETTERS.get(verb, "")) for word in arguments):
        return f"an option of git {verb} runs a program"
    return None if arguments == ["--version"] else _unknown_of_git(verb, before)


def _unknown_of_git(verb: str, before: Sequence[str]) -> str | None:
    strange = next((word for word in before if word.partition("=")[0] not in _GIT_GLOBAL), None)
    if strange is not None:
        return f"git {quoted(strange)} before the subcommand is not known here"
    if verb not in _GIT_READS | _GIT_CHANGES:
        known = f"git {quoted(verb)}" if verb else "git without a subcommand"
        return f"{known} is not known here: it may be an alias"
    return None


def _named(program: str, arguments: Sequence[str], refused: Sequence[str]) -> str | None:
    """Return why a long option is refused; programs take any beginning of it for the whole."""
    for word in arguments:
        name = word.partition("=")[0]
        is_long = name.startswith("--") and len(name) > 2
        if is_long and any(option.startswith(name) for option in refused):
            return f"{quoted(name)} can make {program} run or overwrite what it is told"
    return None
