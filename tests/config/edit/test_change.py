"""One key is set or taken out; every other byte of the file stays, and so does its verdict."""

from __future__ import annotations

import tempfile
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corvus.base.errors import EditRefused
from corvus.config.check.check import check_paths
from corvus.config.check.documents import load_documents
from corvus.config.edit import change as changes
from corvus.config.edit.change import Change
from corvus.config.toml.document import read_document
from corvus.config.toml.values import Route, shown, value_at, written
from corvus.diagnostics.model import ConfigError

CORPUS = sorted((Path(__file__).parents[3] / ".." / "shared" / "configs").glob("*.toml"))

EACH = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nper = ["user"]\n'
"""A budget for each user."""
BEFORE_AND_AFTER = {
    "a value, its spelling and comment apart": (
        "cost.daily_limit_usd", "25",
        "[cost]\ndaily_limit_usd   =  1_0.50  # a\nenabled = true\n",
        "[cost]\ndaily_limit_usd   =  25  # a\nenabled = true\n",
    ),
    "the spelling of the user": (
        "cost.warn_at_percent", "0x1F", "cost.warn_at_percent = 1\n",
        "cost.warn_at_percent = 0x1F\n",
    ),
    "behind the last key of the table": (
        "cost.enabled", "true",
        "[cost]\n  daily_limit_usd = 1 # b\n\n# c\n[mission]\n",
        "[cost]\n  daily_limit_usd = 1 # b\n  enabled = true\n\n# c\n[mission]\n",
    ),
    "in an empty table": (
        "cost.enabled", "true", "  [cost] # b\n[mission]\n",
        "  [cost] # b\n  enabled = true\n[mission]\n",
    ),
    "behind a value of several lines": (
        "autonomy.level", "full",
        '[autonomy]\nalways_ask = [\n  "a", # x\n]\n\n[mission]\n',
        '[autonomy]\nalways_ask = [\n  "a", # x\n]\nlevel = "full"\n\n[mission]\n',
    ),
    "in braces": (
        "cost.enabled", "true", "cost = { daily_limit_usd = 1 }\n",
        "cost = { daily_limit_usd = 1, enabled = true }\n",
    ),
    "in empty braces": ("cost.enabled", "true", "cost = {}\n", "cost = { enabled = true }\n"),
    "in empty braces with a space": (
        "cost.enabled", "true", "cost = { }\n", "cost = { enabled = true }\n",
    ),
    "deep in braces": (
        "governance.ledger.path", "a.db", "governance = { gateway = { port = 1 } }\n",
        'governance = { gateway = { port = 1 }, ledger = { path = "a.db" } }\n',
    ),
    "beside dotted keys": (
        "cost.enabled", "true", "cost.daily_limit_usd = 1\nmission.enabled = true\n",
        "cost.daily_limit_usd = 1\ncost.enabled = true\nmission.enabled = true\n",
    ),
    "beside dotted keys below a header": (
        "governance.ledger.path", "a b", "[governance]\nledger.retention_days = 1\n[mission]\n",
        '[governance]\nledger.retention_days = 1\nledger.path = "a b"\n[mission]\n',
    ),
    "in a table that has only subtables": (
        "cost.enabled", "true", '# a\n[cost.prices."x"]\ninput = 1\noutput = 1\n',
        '# a\n[cost]\nenabled = true\n\n[cost.prices."x"]\ninput = 1\noutput = 1\n',
    ),
    "in a new table behind its relatives": (
        "governance.gateway.port", "1",
        "[governance.ledger]\nretention_days = 1\n# about it\n\n# about the mission\n[mission]\n",
        "[governance.ledger]\nretention_days = 1\n# about it\n\n[governance.gateway]\nport = 1\n"
        "\n# about the mission\n[mission]\n",
    ),
    "in a new table at the end": (
        "mission.enabled", "true", "[cost]\n# enabled = true\n",
        "[cost]\n# enabled = true\n\n[mission]\nenabled = true\n",
    ),
    "in an empty file": ("mission.enabled", "true", "", "[mission]\nenabled = true\n"),
    "behind a last line without an end": (
        "mission.enabled", "true", "[cost]\nenabled = true",
        "[cost]\nenabled = true\n\n[mission]\nenabled = true",
    ),
    "in the item of an array of tables": (
        "cost.budgets[1].warn_at_percent", "5",
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n\n'
        '[[cost.budgets]]\nname = "b"\nperiod = "day"\nlimit_usd = 1\n',
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n\n'
        '[[cost.budgets]]\nname = "b"\nperiod = "day"\nlimit_usd = 1\nwarn_at_percent = 5\n',
    ),
    "in the item of an array in brackets": (
        "cost.budgets[0].limit_usd", "5",
        'cost.budgets = [{ name = "a", period = "day", limit_usd = 1 }]\n',
        'cost.budgets = [{ name = "a", period = "day", limit_usd = 5 }]\n',
    ),
    "exceptions to a limit": (
        "cost.budgets[0].limits", '{ ana = 2, "b*" = 3 }',
        f"{EACH}\n[cost]\nenabled = true\n",
        EACH + 'limits = { ana = 2, "b*" = 3 }\n'
        "\n[cost]\nenabled = true\n",
    ),
    "one exception of several": (
        "cost.budgets[0].limits.ana", "4",
        EACH + 'limits = { ana = 2, "b*" = 3 }\n',
        EACH + 'limits = { ana = 4, "b*" = 3 }\n',
    ),
    "models to downgrade to": (
        'cost.downgrade."a.1-*"', '["b"]', '[cost]\non_exceeded = ["downgrade"] # cheaper\n',
        '[cost]\non_exceeded = ["downgrade"] # cheaper\n\n'
        '[cost.downgrade]\n"a.1-*" = ["b"]\n',
    ),
    "a price as a whole": (
        'cost.prices."a/b.c"', "{ input = 1, output = 2 }", "[cost]\nenabled = false\n",
        '[cost]\nenabled = false\n\n[cost.prices."a/b.c"]\ninput = 1\noutput = 2\n',
    ),
    "a price beside others in one table": (
        'cost.prices."a/b.c"', "{input=1,output=2}",
        '[cost.prices]\nx = { input = 1, output = 2 }\n',
        '[cost.prices]\nx = { input = 1, output = 2 }\n"a/b.c" = { input = 1, output = 2 }\n',
    ),
    "a price beside others with headers": (
        "cost.prices.y", "{ input = 1, output = 2 }",
        "[cost.prices.x]\ninput = 1\noutput = 2\n\n# AUTONOMY\n[autonomy]\n",
        "[cost.prices.x]\ninput = 1\noutput = 2\n\n[cost.prices.y]\ninput = 1\noutput = 2\n"
        "\n# AUTONOMY\n[autonomy]\n",
    ),
    "a price that has a header, key by key": (
        "cost.prices.x", "{ input = 3, output = 2, cache_read = 1 }",
        "[cost.prices.x] # a\n# in\ninput = 1 # b\noutput = 2.00\n",
        "[cost.prices.x] # a\n# in\ninput = 3 # b\noutput = 2\ncache_read = 1\n",
    ),
    "a price that has less keys than before": (
        "cost.prices.x", "{ input = 1, output = 2 }",
        "[cost.prices.x]\ncache_read = 1\ninput = 1\noutput = 2\n",
        "[cost.prices.x]\ninput = 1\noutput = 2\n",
    ),
    "a price beside dotted keys in braces": (
        'cost.prices."n/y"', "{input=1,output=2}",
        'cost = { enabled = true, prices."a/m" = { input = 1, output = 2 } }\n',
        'cost = { enabled = true, prices."a/m" = { input = 1, output = 2 }, '
        'prices."n/y" = { input = 1, output = 2 } }\n',
    ),
    "a price between dotted keys, where a header would take in the next": (
        'cost.prices."n/y"', "{input=1,output=2}",
        'cost.enabled = true\nautonomy.level = "full"\n',
        'cost.enabled = true\ncost.prices."n/y" = { input = 1, output = 2 }\n'
        'autonomy.level = "full"\n',
    ),
    "behind the last of dotted keys that others stand between": (
        "cost.warn_at_percent", "5",
        'cost.enabled = true\nautonomy.level = "full"\ncost.daily_limit_usd = 2\n'
        "mission.enabled = true\n",
        'cost.enabled = true\nautonomy.level = "full"\ncost.daily_limit_usd = 2\n'
        "cost.warn_at_percent = 5\nmission.enabled = true\n",
    ),
    "an exception to a limit that has none": (
        "cost.budgets[0].limits.ana", "4", EACH, EACH + "limits.ana = 4\n",
    ),
    "a boolean below an indented header": (
        "cost.enabled", "true", "  [cost]\n", "  [cost]\n  enabled = true\n",
    ),
    "behind the last line of a table without an end": (
        "cost.enabled", "true", "[cost]\nwarn_at_percent = 1",
        "[cost]\nwarn_at_percent = 1\nenabled = true",
    ),
    "in a new table, with the line ends of the file": (
        "mission.enabled", "true", "[cost]\r\nenabled = true\r\n",
        "[cost]\r\nenabled = true\r\n\r\n[mission]\r\nenabled = true\r\n",
    ),
    "with the line ends of the file": (
        "cost.enabled", "true", "[cost]\r\nwarn_at_percent = 1\r\n",
        "[cost]\r\nwarn_at_percent = 1\r\nenabled = true\r\n",
    ),
    "behind a byte order mark": (
        "cost.warn_at_percent", "2", "\ufeff[cost]\nwarn_at_percent = 1\n",
        "\ufeff[cost]\nwarn_at_percent = 2\n",
    ),
}  # fmt: skip


def file_with(folder: Path, text: str) -> Path:
    path = folder / "corvus.toml"
    path.write_bytes(text.encode())
    return path


def set_key(path: Path, key: str, value: str) -> Change:
    return changes.set_keys(path.read_bytes(), str(path), {key: value})


def unset_key(path: Path, key: str) -> Change:
    return changes.unset_key(path.read_bytes(), str(path), key)


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_a_key_is_set_where_it_belongs(name: str, tmp_path: Path) -> None:
    key, value, before, after = BEFORE_AND_AFTER[name]
    assert set_key(file_with(tmp_path, before), key, value).after.decode() == after


WITHOUT = {
    "a line with its comment": (
        "cost.enabled", "# a\n[cost]\n# b\nenabled = true # c\n# d\n", "# a\n[cost]\n# b\n# d\n"
    ),
    "a value of several lines": (
        "autonomy.always_ask", '[autonomy]\nalways_ask = [\n "a",\n]\nlevel = "full"\n',
        '[autonomy]\nlevel = "full"\n',
    ),
    "the first in braces": (
        "cost.enabled", "cost = { enabled = true, warn_at_percent = 1 }\n",
        "cost = { warn_at_percent = 1 }\n",
    ),
    "the last in braces": (
        "cost.enabled", "cost = { warn_at_percent = 1, enabled = true }\n",
        "cost = { warn_at_percent = 1 }\n",
    ),
    "the only one in braces": ("cost.enabled", "cost = { enabled = true }\n", "cost = {}\n"),
    "a table with a header": (
        'cost.prices."a"', '[cost]\n\n[cost.prices.a]\ninput = 1\noutput = 1\n\n# m\n[mission]\n',
        "[cost]\n\n# m\n[mission]\n",
    ),
    "the last table of a file": (
        "mission", "[cost]\n\n[mission]\nenabled = true\n", "[cost]\n"
    ),
    "a table with the banner above it and the note below it": (
        "cost.prices",
        '[cost]\nenabled = true\n\n# -----\n# PRICES\n# -----\n[cost.prices."a/m"]\ninput = 1\n'
        "output = 2\n# cached = 3\n\n# --------\n# AUTONOMY\n# --------\n[autonomy]\n",
        "[cost]\nenabled = true\n\n# --------\n# AUTONOMY\n# --------\n[autonomy]\n",
    ),
    "the last table of a file without an end": (
        "mission", "[cost]\r\n\r\n[mission]\r\nenabled = true", "[cost]",
    ),
    "the last line of a file without an end": (
        "cost.enabled", "[cost]\nwarn_at_percent = 1\nenabled = true",
        "[cost]\nwarn_at_percent = 1",
    ),
    "a table whose banner stands apart": (
        "mission", "[cost]\n\n# PART TWO\n\n# its\n[mission]\nenabled = true\n",
        "[cost]\n\n# PART TWO\n",
    ),
    "the first table, below the comment of the file": (
        "cost", "#:schema x.json\n# our limits\n[cost]\nenabled = true\n\n[mission]\n",
        "#:schema x.json\n# our limits\n[mission]\n",
    ),
    "tables of which each has a comment": (
        "cost.prices",
        "[cost]\n# x\n[cost.prices.x]\ninput = 1\noutput = 1\n# y\n[cost.prices.y]\ninput = 1\n"
        "output = 1\n# m\n[mission]\n",
        "[cost]\n# m\n[mission]\n",
    ),
    "a table of dotted keys": (
        "cost.prices.a",
        "cost.prices.a.input = 1\ncost.prices.a.output = 1\ncost.enabled = false\n",
        "cost.enabled = false\n",
    ),
    "one item of an array of tables": (
        "cost.budgets[0]",
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n'
        '[[cost.budgets]]\nname = "b"\nperiod = "day"\nlimit_usd = 1\n',
        '[[cost.budgets]]\nname = "b"\nperiod = "day"\nlimit_usd = 1\n',
    ),
    "a key that no table has": ("cost.daly", "[cost]\ndaly = 1\nenabled = false\n",
                                "[cost]\nenabled = false\n"),
    "a deprecated key": ("autonomy.max_cost_per_day_cents",
                         "[autonomy]\nmax_cost_per_day_cents = 1\n", "[autonomy]\n"),
    "nothing, when the file has no such key": ("cost.enabled", "[cost]\n", "[cost]\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT)
def test_a_key_is_taken_out(name: str, tmp_path: Path) -> None:
    key, before, after = WITHOUT[name]
    assert unset_key(file_with(tmp_path, before), key).after.decode() == after


ZEROCLAW = '[storage]\npath = "x"\n[proxy]\n[cost]\nenabled = false\n[autonomy]\nlevel = "full"\n'
REFUSED = {
    "a host section": ("storage.path", "y", ZEROCLAW, "belongs to the zeroclaw runtime"),
    "a host key of a governed table": (
        "autonomy.allowed_roots", "[]", ZEROCLAW, "belongs to the zeroclaw runtime",
    ),
    "a deprecated key that the host reads": (
        "autonomy.max_cost_per_day_cents", "5", ZEROCLAW, "belongs to the zeroclaw runtime",
    ),
    "a key the dialect does not have": (
        "cost.unpriced_models", "warn", 'default_temperature = 1\n[audio]\nx = 1\n',
        "native-only-key",
    ),
    "an unknown key": ("cost.daly_limit_usd", "1", "", "did you mean `cost.daily_limit_usd`?"),
    "an unknown table": ("nonsense.x", "1", "", "no setting `nonsense.x`"),
    "a whole table": ("cost", "{}", "", "is a table"),
    "an array of tables with headers": ("cost.budgets", "[]", EACH, "a table of its own"),
    "a number for a table with a header": (
        "governance.ledger", "1", "[governance.ledger]\nretention_days = 1\n",
        "a table of its own",
    ),
    "a deprecated key": (
        "autonomy.max_cost_per_day_cents", "1", "", "set `autonomy.max_actions_per_hour`",
    ),
    "a wrong type": ("cost.enabled", "yes", "", "wrong-type"),
    "a value out of range": ("cost.warn_at_percent", "101", "", "out-of-range"),
    "another wrong value in place of one": (
        "cost.warn_at_percent", "102", "[cost]\nwarn_at_percent = 101\n", "out-of-range",
    ),
    "broken TOML": ("autonomy.always_ask", '["a"', "", "syntax-error"),
    "half a price": ('cost.prices."a".input', "1", "", "missing-key"),
    "a second unit": (
        "cost.budgets[0].limit_calls", "1",
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n', "conflicting-keys",
    ),
    "an attribute that is none": (
        "cost.budgets[0].per", '["usr"]',
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n', "invalid-value",
    ),
    "an item that is not there": (
        "cost.budgets[0].limit_usd", "1", "", "there is no `[[cost.budgets]]`",
    ),
    "a key in no table": ("cost.enabled", "true", "cost = 5\n", "`cost` is no table"),
    "no key": ("cost..enabled", "true", "", "is no key"),
    "a broken file": ("cost.enabled", "true", "[cost\n", "run `corvus check` on it"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_make_the_file_worse_is_refused(name: str, tmp_path: Path) -> None:
    key, value, text, reason = REFUSED[name]
    path = file_with(tmp_path, text)
    with pytest.raises((EditRefused, ConfigError)) as caught:
        set_key(path, key, value)
    codes = [one.code for one in getattr(caught.value, "diagnostics", ())]
    assert reason in codes or reason in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cost.prices.a.input", "[cost.prices.a]\ninput = 1\noutput = 1\n"),
        ("cost.budgets[0]", 'cost.budgets = [{ name = "a", period = "day", limit_usd = 1 }]\n'),
        ("storage", ZEROCLAW),
        ("cost.daly", ""),
    ],
)
def test_what_cannot_be_taken_out_is_refused(key: str, text: str, tmp_path: Path) -> None:
    with pytest.raises((EditRefused, ConfigError)):
        unset_key(file_with(tmp_path, text), key)


@pytest.mark.parametrize("key", ["autonomy", "autonomy.max_cost_per_day_cents"])
def test_what_a_host_needs_is_not_taken_out_with_its_table(key: str, tmp_path: Path) -> None:
    """DEP-7: a runtime that requires the key would not load what is left."""
    path = file_with(tmp_path, f"{ZEROCLAW}max_cost_per_day_cents = 5\n")
    with pytest.raises(EditRefused, match="belongs to the zeroclaw runtime"):
        unset_key(path, key)
    native = file_with(tmp_path, "[autonomy]\nmax_cost_per_day_cents = 5\n")
    assert b"max_cost" not in unset_key(native, key).after


def test_old_errors_are_in_nobodys_way_and_new_warnings_are_told(tmp_path: Path) -> None:
    text = '[mission]\nnonsense = 1\n[cost]\nwarn_at_percent = "80"\n'
    change = set_key(file_with(tmp_path, text), "cost.session_limit_usd", "500")
    assert change.after.endswith(b"session_limit_usd = 500\n")
    assert [one.code for one in change.warnings] == ["limit-never-binds"]


KEYS: dict[Route, st.SearchStrategy[object]] = {
    ("cost", "enabled"): st.booleans(),
    ("cost", "daily_limit_usd"): st.decimals(0, 90, places=9),
    ("cost", "monthly_limit_usd"): st.integers(100, 200),
    ("autonomy", "level"): st.sampled_from(["readonly", "supervised", "full"]),
    ("autonomy", "always_ask"): st.lists(st.text(max_size=3), max_size=3),
    ("mission", "max_steps"): st.integers(0, 9),
    ("governance", "ledger", "path"): st.text("ab #=\"'\\[]é\n", min_size=1, max_size=5),
    ("governance", "gateway", "port"): st.integers(1, 9),
}
NOTES = st.sampled_from(["", "# note\n", "\n", "# a\n\n# b\n", "\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Valid documents that write their tables in every way, with comments all around."""
    parts: list[str] = []
    for name in draw(st.permutations(["cost", "autonomy", "mission"])):
        known = [route for route in KEYS if route[0] == name]
        chosen = draw(st.lists(st.sampled_from(known), unique=True))
        lines = {route: written(draw(KEYS[route])) for route in chosen}
        match draw(st.sampled_from(["header", "dotted", "braces"])):
            case "header":
                body = [f"{route[-1]} = {value} # its\n" for route, value in lines.items()]
                parts.append(f"[{name}]\n{draw(NOTES)}{draw(NOTES).join(body)}{draw(NOTES)}")
            case "dotted":
                parts[:0] = [f"{shown(route)} = {value}\n" for route, value in lines.items()]
            case _:
                inner = ", ".join(f"{route[-1]} = {value}" for route, value in lines.items())
                parts.insert(0, f"{name} = {{ {inner} }}\n{draw(NOTES)}")
    text = "".join(parts)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text


@settings(deadline=None)  # it writes files
@given(text=documents(), data=st.data())
def test_what_is_set_is_read_back_and_only_its_line_changes(text: str, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(list(KEYS)))
    value = data.draw(KEYS[route])
    with tempfile.TemporaryDirectory() as folder:
        path = file_with(Path(folder), text)
        change = set_key(path, shown(route), written(value))
        assert value_at(parsed(change.after), route) == value
        assert_only_this_line(change)
        path.write_bytes(change.after)
        assert set_key(path, shown(route), written(value)).after == change.after
        removed = unset_key(path, shown(route))
        assert value_at(parsed(removed.after), route) is None
        assert_only_this_line(removed)


def parsed(raw: bytes) -> dict[str, object]:
    return tomllib.loads(raw.decode().removeprefix("\ufeff"), parse_float=Decimal)


def changed(change: Change) -> tuple[list[str], list[str]]:
    """Return the lines that went and those that came; what is alike before and behind is not."""
    texts = (raw.decode().removeprefix("\ufeff") for raw in (change.before, change.after))
    old, new = (text.splitlines() for text in texts)
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return old, new


def assert_only_this_line(change: Change) -> None:
    """At most one line went, one of this key; a new table may come with its key."""
    gone, come = changed(change)
    name, table = str(change.routes[0][-1]), change.routes[0][0]
    # The blank line above the last one of a file without an end becomes the end of that before it.
    gone = gone[gone[:1] == [""] and not change.before.endswith(b"\n") :]
    assert len(gone) <= 1
    assert all(name in line or line.startswith(f"{table} = {{") for line in gone)
    assert len([line for line in come if line]) <= 2
    assert all("#" not in line or name in line for line in come)


@settings(deadline=None)  # it writes files
@example("[a]\nx = nan\n[cost]\nenabled = true\n")
@given(documents())
def test_a_change_of_nothing_changes_nothing(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file_with(Path(folder), text)
        assert unset_key(path, "governance.observability.log").after == path.read_bytes()


def comments(raw: bytes) -> list[bytes]:
    return [line[line.index(b"#") :] for line in raw.splitlines() if b"#" in line]


@pytest.mark.skipif(not CORPUS, reason="the corpus of real configs is not there")
@pytest.mark.parametrize("source", CORPUS, ids=lambda path: path.stem[-8:])
@pytest.mark.parametrize(
    ("key", "value"),
    [("cost.daily_limit_usd", "25"), ("autonomy.level", "full"), ("mission.max_steps", "7")],
)
def test_real_configs_keep_every_comment_and_every_other_line(
    source: Path, key: str, value: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(source.read_bytes())
    change = set_key(path, key, value)
    gone, come = changed(change)
    assert [line.partition("=")[0].strip() for line in gone] in ([], [key.rpartition(".")[2]])
    assert len(come) <= 3
    assert not any("#" in line for line in come if not gone)
    assert comments(change.after) == comments(change.before)
    document, _ = read_document(change.after, "config.toml")
    assert document is not None
    errors = [one for one in load_documents((document,)).diagnostics if one.is_error]
    assert len(errors) == len([one for one in check_paths([str(path)]).diagnostics if one.is_error])
