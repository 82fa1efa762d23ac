"""``corvus statusline``: the session, the day and what budgets have left, in one line (CLI-7).

Claude Code runs it after every answer, with JSON on standard input. So nothing is read here but a
card, which says which budgets are in force, and the store, by SQLite alone; a config is never
loaded. The card of a folder is written by a process in the background (``corvus.cli.everyday.card``
has the reasons) that this one starts and does not wait for. What cannot be read leaves the line
shorter, never late; the exit code is 0, as Claude Code shows nothing of a command that fails.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    Card: TypeAlias = dict[str, Any]
    Entry: TypeAlias = dict[str, Any]

CARD_VERSION = 2
STALE_SECONDS = 60.0
"""How old what is not read from the store may be before it is fetched again."""
_STARTING_SECONDS = 15.0
"""For so long after a process was started in the background no other is."""
_INPUT_MAX = 1 << 20
_INPUT_SECONDS = 0.5
_WAIT_SECONDS = 0.05
_SHOWN_MAX = 4
_NANO = 10**9
_GREEN, _YELLOW, _RED, _DIM = "32", "33", "31", "2"
_OWN_VARIABLES = ("CORVUS_SESSION_ID", "CORVUS_RUN", "CORVUS_BRANCH", "CORVUS_TRACEBACK")
_PLACES = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TZ")

_BALANCE = """
SELECT coalesce(sum(spent_nano_usd), 0), coalesce(sum(held_nano_usd), 0),
    coalesce(sum(tokens), 0), coalesce(sum(held_tokens), 0),
    coalesce(sum(calls), 0), coalesce(sum(held_calls), 0)
FROM balance
WHERE budget_id = (SELECT id FROM budget WHERE key = ?) AND part = ?
    AND window_start_us = ? AND session_id = ? AND mission_id = ? AND project = coalesce(?, project)
"""
_OPENED = """
SELECT max(window_start_us) FROM balance
WHERE budget_id = (SELECT id FROM budget WHERE key = ?) AND part = ? AND window_start_us <= ?
"""
_MEASURES = {"usd": 0, "tokens": 2, "calls": 4}


def main() -> int:
    """Print the line, and return 0."""
    environment = os.environ
    said = _said()
    directory = _directory(said)
    now_us = time.time_ns() // 1000
    card = read_card(environment, directory, now_us)
    is_stale = card is None or card["stale_after_us"] <= now_us
    if is_stale and not environment.get("CORVUS_RUN"):  # a run writes its own
        _start_refresh(environment, directory)
    print(line(said, card, environment, now_us))
    return 0


def line(
    said: Mapping[str, Any], card: Card | None, environment: Mapping[str, str], now_us: int
) -> str:
    """Return the line.

    Args:
        said: What Claude Code says: ``session_id``, ``cost.total_cost_usd``.
        card: What is in force; ``None`` while nobody has said so.
        environment: ``CORVUS_SESSION_ID`` names the session of a run; ``NO_COLOR`` is honoured.
        now_us: The present, microseconds since 1970.
    """
    session = environment.get("CORVUS_SESSION_ID") or _text(said.get("session_id"))
    own_cost = _cost_of(said)
    parts, is_coloured = list[str](), not environment.get("NO_COLOR")

    def add(text: str, colour: str) -> None:
        parts.append(f"\x1b[{colour}m{text}\x1b[0m" if is_coloured else text)

    spent_in_session: int | None = None
    lines: list[tuple[str, str]] = []
    if card is not None and card["fault"]:
        lines.append((card["fault"], _RED))
    elif card is not None:
        spent_in_session, lines = _budgets(card, session, now_us)
    cost = spent_in_session or own_cost
    if cost is not None and not any(text.startswith("session ") for text, _ in lines):
        add(f"session {usd(cost)}", _DIM)
    if card is not None and card["day"] is not None:
        add(f"today {usd(card['day'])}", _DIM)
    for text, colour in lines[:_SHOWN_MAX]:
        add(text, colour)
    if card is not None and not card["fault"] and not card["is_enforced"]:
        add("no budget", _DIM)
    return " · ".join(parts) or "corvus"


def _budgets(
    card: Card, session: str | None, now_us: int
) -> tuple[int | None, list[tuple[str, str]]]:
    """Return what the session cost under its budgets, and a text and a colour of each budget."""
    try:
        sums = _read(card, session, now_us)
    except OSError as fault:
        return None, [(f"the store cannot be read: {fault}", _RED)]
    of_session = next((spent for entry, spent, _ in sums if _is_session(entry)), None)
    found = [_budget(*one) for one in sums if one[0]["limit"]]
    if card["as_of_us"] is not None and found:
        minutes = (now_us - card["as_of_us"]) // 60_000_000
        if minutes >= 2:
            found.append((f"as of {minutes} min ago", _DIM))
    return of_session, found


def _is_session(entry: Entry) -> bool:
    return entry["name"] == "session" and entry["measure"] == "usd"


def _read(card: Card, session: str | None, now_us: int) -> list[tuple[Entry, int, int]]:
    """Return what is spent and held of each budget, as far as it can be said.

    Raises:
        OSError: The store cannot be read.
    """
    connection = _connect(card["store"])
    try:
        known = [(entry, _sums(connection, entry, session, now_us)) for entry in card["budgets"]]
    except _database_errors() as fault:
        raise OSError(str(fault)) from fault
    finally:
        if connection is not None:
            connection.close()
    return [(entry, *sums) for entry, sums in known if sums is not None]


def _sums(
    connection: sqlite3.Connection | None, entry: Entry, session: str | None, now_us: int
) -> tuple[int, int] | None:
    """Return what is spent and held of a budget now; ``None`` where nobody can say."""
    if entry["standing"] is not None:
        spent, held = entry["standing"]
        return spent, held
    session = entry["session"] or session
    if entry["of_session"] and not session:
        return None
    start = _start(connection, entry, now_us)
    if start is None or connection is None:
        return 0, 0
    whose = (session if entry["of_session"] else "", entry["mission"] or "", entry["project"])
    row = connection.execute(_BALANCE, (entry["key"], entry["part"], start, *whose)).fetchone()
    place = _MEASURES[entry["measure"]]
    return row[place], row[place + 1]


def _start(connection: sqlite3.Connection | None, entry: Entry, now_us: int) -> int | None:
    """Return when the present window of a budget began; ``None`` where none is open."""
    if entry["seconds"]:
        if connection is None:
            return None
        opened = connection.execute(_OPENED, (entry["key"], entry["part"], now_us)).fetchone()[0]
        is_open = opened is not None and opened + entry["seconds"] * 1_000_000 > now_us
        return opened if is_open else None
    if entry["windows"] is None:
        return 0
    for start, end in entry["windows"]:
        if start <= now_us < end:
            return start
    return None


def _budget(entry: Entry, spent: int, held: int) -> tuple[str, str]:
    limit, used = entry["limit"], spent + held
    percent, warns = used * 100 / limit, entry["warns"]
    colour = _RED if percent >= 100 else _GREEN
    if percent < 100 and warns is not None and percent >= warns:
        colour = _YELLOW
    left = max(0, limit - used)
    if entry["measure"] != "usd":
        text = f"{spent:,} of {limit:,} {entry['measure']}"
        return f"{entry['name']} {text}, {f'{left:,}' if left else 'nothing'} left", colour
    amounts = f"{usd(spent)} of {usd(limit)}"
    return f"{entry['name']} {amounts}, {usd(left) if left else 'nothing'} left", colour


def usd(nano_usd: int) -> str:
    """Write an amount with two decimals; below a cent with four."""
    cents = (nano_usd + _NANO // 200) // (_NANO // 100)
    if 0 < nano_usd < _NANO // 100:
        return f"${nano_usd / _NANO:.4f}"
    return f"${cents // 100:,}.{cents % 100:02}"


def _connect(store: str | None) -> sqlite3.Connection | None:
    """Open a store for reading; ``None`` where there is none yet.

    Raises:
        OSError: It cannot be read.
    """
    if store is None or not os.path.exists(store):
        return None
    import sqlite3

    path = store.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_WAIT_SECONDS)
        connection.execute("BEGIN")
    except sqlite3.Error as fault:
        raise OSError(str(fault)) from fault
    return connection


def _database_errors() -> tuple[type[Exception], ...]:
    """Return what the engine raises, if it was needed at all."""
    module = sys.modules.get("sqlite3")
    return (module.Error,) if module is not None else ()


def _said() -> Mapping[str, Any]:
    """Read what Claude Code says; nothing at a terminal, where a person would have to type it."""
    stream = sys.stdin
    if stream is None or stream.isatty():
        return {}
    try:
        return _object(json.loads(_input(stream.fileno())))
    except (ValueError, RecursionError, OSError):
        return {}


def _input(descriptor: int) -> bytes:
    """Read to the end, or as far as it comes in time: whoever writes may not close."""
    found, until = b"", time.monotonic() + _INPUT_SECONDS
    while len(found) < _INPUT_MAX:
        left = until - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        piece = os.read(descriptor, 65_536)
        if not piece:
            break
        found += piece
    return found


def _object(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON; anything else counts as one without members."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - members are looked at where they are read


def _directory(said: Mapping[str, Any]) -> str:
    """Return the folder whose config governs: where Claude Code works, else this one."""
    workspace = _object(said.get("workspace"))
    found = _text(workspace.get("current_dir")) or _text(said.get("cwd"))
    if found and os.path.isdir(found):
        return found
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return "/"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _cost_of(said: Mapping[str, Any]) -> int | None:
    """Return what Claude Code itself reckons for the session, nano-USD."""
    value = _object(said.get("cost")).get("total_cost_usd")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**9:
        return None
    return round(value * _NANO)


def state_folder(environment: Mapping[str, str]) -> str:
    """Return where cards are kept."""
    home = environment.get("HOME") or os.path.expanduser("~")
    state = environment.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state")
    return os.path.join(state, "corvus", "statusline")


def fingerprint(environment: Mapping[str, str]) -> int:
    """Return a checksum of the variables on which the config in force depends."""
    ours = sorted(
        f"{name}={text}"
        for name, text in environment.items()
        if name in _PLACES or (name.startswith("CORVUS_") and name not in _OWN_VARIABLES)
    )
    return zlib.crc32("\0".join(ours).encode("utf-8", "surrogateescape"))


def card_path(environment: Mapping[str, str], directory: str) -> str:
    """Return the file of the card of a folder, or of the run that this process belongs to."""
    run = environment.get("CORVUS_RUN")
    if run and run.replace("-", "").isalnum():
        return os.path.join(state_folder(environment), f"run-{run}.json")
    checksum = zlib.crc32(os.fsencode(directory))
    return os.path.join(state_folder(environment), f"{checksum:08x}.json")


def signature(path: str) -> list[int] | None:
    """Return what changes when a file does; ``None`` where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


def read_card(environment: Mapping[str, str], directory: str, now_us: int) -> Card | None:
    """Return the card of a folder; ``None`` where there is none that still holds."""
    try:
        with open(card_path(environment, directory), "rb") as file:
            card: Card = json.loads(file.read(_INPUT_MAX))
        if card["version"] != CARD_VERSION or card["until_us"] <= now_us:
            return None
        if environment.get("CORVUS_RUN"):
            return card
        if card["directory"] != directory or card["environment"] != fingerprint(environment):
            return None
        is_same = all(signature(path) == seen for path, seen in card["places"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return card if is_same else None


def _start_refresh(environment: Mapping[str, str], directory: str) -> None:
    """Write the card in a process of its own, at most one at a time."""
    mark = f"{card_path(environment, directory)}.starting"
    try:
        if time.time() - os.stat(mark).st_mtime < _STARTING_SECONDS:
            return
    except OSError:
        pass
    try:
        os.makedirs(os.path.dirname(mark), mode=0o700, exist_ok=True)
        with open(mark, "wb"):
            pass
        _spawn([sys.executable, "-m", "corvus", "statusline", "--refresh", directory])
    except OSError:
        return


def _spawn(words: list[str]) -> None:
    """Start a process that outlives this one, and neither reads nor writes what this one has."""
    if not hasattr(os, "posix_spawn"):
        return
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    os.posix_spawn(words[0], words, os.environ, file_actions=null, setsid=True)
