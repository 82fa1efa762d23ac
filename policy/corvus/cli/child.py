"""Runs the command of an agent: what it is given, signals to it, and its exit code (CLI-4).

The real keys stay here: the command gets the key of this run, which is worth nothing elsewhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType

from corvus.base.errors import CommandNotExecutable, CommandNotFound
from corvus.cli.credentials import RUN_KEYS
from corvus.cli.guarded import MARK, guarded
from corvus.metering.providers import PROVIDERS

_OWN_HOSTS = "127.0.0.1,localhost"
_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_CODEX = (
    'model_providers.corvus={{name="corvus",base_url="{url}/v1",env_key="OPENAI_API_KEY",'
    'wire_api="responses",stream_max_retries=0,request_max_retries=0}}'
)


def environment_of(
    base: Mapping[str, str], url: str, key: str | None, *, session_id: str, run_id: str
) -> dict[str, str]:
    """Return the environment of the command.

    Args:
        base: That of this process, without what is withheld.
        url: Where the proxy listens, without ``/v1``.
        key: The key of the run; ``None`` leaves the command its own credentials.
        session_id: Of the run.
        run_id: Marks the command and what it starts.
    """
    found = dict(base)
    if key is not None:
        found |= dict.fromkeys(RUN_KEYS, key)
    for provider in PROVIDERS.values():
        former = (name for name in provider.former_base_variables if name in found)
        found |= dict.fromkeys((*provider.base_variables, *former), provider.base_at(url))
    found["CORVUS_SESSION_ID"] = session_id
    found[MARK] = run_id
    for name in ("NO_PROXY", "no_proxy"):
        before = found.get(name)
        found[name] = f"{before},{_OWN_HOSTS}" if before else _OWN_HOSTS
    return found


def find_command(name: str, search: str | None) -> str:
    """Return the file that a command is, as a shell finds it.

    Args:
        name: A path, or a name to look for.
        search: The folders to look in, as in ``PATH``; ``None`` takes the system's own.

    Raises:
        CommandNotFound: There is none.
        CommandNotExecutable: It is there and cannot be executed.
    """
    path = shutil.which(name, path=search)
    if path is not None:
        return path
    folders = [""] if os.path.dirname(name) else (search or os.defpath).split(os.pathsep)
    if name and any(os.path.exists(os.path.join(folder, name)) for folder in folders):
        raise CommandNotExecutable(f"cannot run {name}: it is no program that may be executed")
    raise CommandNotFound(f"there is no command {name!r}: check its name and PATH")


def command_of(command: Sequence[str], url: str, *, has_key: bool) -> list[str]:
    """Return the command with what it must be told on its command line.

    Codex reads no variable for the address of its provider, and would try again after a refusal.
    """
    if os.path.basename(command[0]) != "codex":
        return [*command]
    told = [f'openai_base_url="{url}/v1"']
    if has_key:
        told = ['model_provider="corvus"', _CODEX.format(url=url)]
    return [command[0], *(word for one in told for word in ("-c", one)), *command[1:]]


def run_child(path: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end, and return its exit code; 128 + N when signal N ended it.

    Signals that ask this process to end are passed on, but for those of a terminal, which reach the
    command by themselves. The command does not outlive this process.

    Args:
        path: The file to execute.
        command: Its arguments, its own name first.
        environment: All its variables.

    Raises:
        CommandNotExecutable: It cannot be started.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if number in _FROM_TERMINAL and _is_in_foreground():
            return
        if child is None:
            early.append(number)  # it may run already, but nobody has told us how to reach it
        else:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    try:
        with guarded(path, command, environment) as child:
            for number in early:
                child.send_signal(number)
            code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _is_in_foreground() -> bool:
    """Tell whether what is typed at a terminal reaches this process and its command alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
