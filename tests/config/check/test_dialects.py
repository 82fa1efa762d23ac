"""What a file is checked as, and what that lets it have (CFG-2)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.model.dialects import (
    DIALECTS,
    GOVERNED,
    HOSTS,
    Detection,
    Dialect,
    detect,
    host_keys,
    native_only_keys,
)
from corvus.config.model.price_table import PriceSettings
from corvus.config.toml.document import read_document


def loaded(text: str, dialect: str = "auto", file: str = "agent.toml") -> LoadedConfig:
    document, problems = read_document(text.encode(), file)
    assert document is not None
    assert not problems
    return load_documents((document,), dialect)


def codes(text: str, dialect: str = "auto", file: str = "agent.toml") -> list[str]:
    return [diagnostic.code for diagnostic in loaded(text, dialect, file).diagnostics]


def test_a_file_without_host_keys_is_native() -> None:
    assert detect({"cost": {}, "autonomy": {}}) == Detection(Dialect.NATIVE)


def test_keys_that_only_zeroclaw_has_make_it_zeroclaw() -> None:
    found = detect({"gateway": {}, "storage": {}, "schema_version": 2, "proxy": {}})
    assert found.dialect is Dialect.ZEROCLAW
    assert found.evidence == ("[storage]", "schema_version", "[proxy]")


def test_keys_that_both_runtimes_have_decide_nothing() -> None:
    found = detect({"gateway": {}, "default_temperature": 0.7, "cost": {}})
    assert found == Detection(Dialect.UNDECIDED)


def test_a_key_inside_a_governed_table_counts_beside_a_host_key() -> None:
    found = detect({"gateway": {}, "autonomy": {"allowed_roots": []}})
    assert found == Detection(Dialect.ZEROCLAW, ("autonomy.allowed_roots",))


def test_a_key_inside_a_governed_table_does_not_count_alone() -> None:
    """A typo in corvus.toml must not turn it into a stranger's file."""
    assert detect({"autonomy": {"allowed_roots": []}}).dialect is Dialect.NATIVE
    assert codes("[autonomy]\nallowed_roots = []\n") == ["unknown-key"]


def test_a_pinned_dialect_wins_over_the_evidence() -> None:
    assert detect({"storage": {}}, "native") == Detection(Dialect.NATIVE, pinned=True)
    assert codes("[storage]\n", "native") == ["unknown-key"]


def test_a_misspelt_governed_table_never_passes_silently() -> None:
    for context in ("", "[gateway]\n", "[storage]\n"):
        found = loaded(f"{context}[costs]\nenabled = true\n").diagnostics
        assert [diagnostic.code for diagnostic in found] == ["unknown-key"]
        assert found[0].help == ("Did you mean `[cost]`?",)


@pytest.mark.parametrize("name", ["autonmy", "misson", "governence", "csot"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_misspelt_table_of_ours_is_an_error_in_every_dialect(name: str, dialect: str) -> None:
    text = f"default_temperature = 1\n[{name}]\nenabled = true\nlevel = 'full'\npath = 'x'\n"
    found = loaded(text if dialect != "native" else text.partition("\n")[2], dialect).diagnostics
    assert [diagnostic.code for diagnostic in found] == ["unknown-key"]
    assert "Did you mean" in found[0].help[0]


@pytest.mark.parametrize("line", ["daily_limit_usd = 5", "max_cost_per_day_cents = 5"])
def test_a_key_of_ours_above_all_tables_is_an_error_in_the_file_of_a_host(line: str) -> None:
    found = loaded(f"{line}\n[storage]\n[proxy]\n").diagnostics
    assert [diagnostic.code for diagnostic in found] == ["unknown-key"]
    assert "is a key of" in found[0].help[0]


HOST_FILES = {
    "corvus": "default_temperature = 1\n[audio]\n",
    "zeroclaw": "[storage]\n",
    "corvus or zeroclaw": "[memory]\n",
}


@pytest.mark.parametrize(("host", "text"), HOST_FILES.items(), ids=HOST_FILES)
@pytest.mark.parametrize("section", ["[swarm_router]", "[[swarm_router]]", "[host]", "[my.own]"])
def test_a_section_of_a_host_that_is_not_known_yet_is_a_warning(
    host: str, text: str, section: str
) -> None:
    """CFG-2: a new version of a runtime must not fail a check until corvus knows its sections."""
    (found,) = loaded(f"{text}{section}\nname = 'x'\n").diagnostics
    assert (found.code, found.severity) == ("unknown-host-key", "warning")
    assert f"of the {host} runtime" in found.message
    assert codes(f"{section}\nname = 'x'\n") == ["unknown-key"]


def test_a_section_of_another_runtime_is_refused_by_the_corvus_runtime_alone() -> None:
    assert codes("default_temperature = 1\n[storage]\n", "corvus") == ["unknown-key"]
    assert codes("[audio]\n", "zeroclaw") == ["unknown-host-key"]


@pytest.mark.parametrize("dialect", ["corvus", "zeroclaw"])
def test_host_sections_are_never_looked_into(dialect: str) -> None:
    keys = sorted(host_keys(Dialect(dialect)) | {"default_temperature"})
    text = "".join(f"[{key}]\ncost = true\nlevel = 7\nnonsense.deep = []\n" for key in keys)
    assert codes(text, dialect) == []


def test_no_governed_table_is_a_host_key() -> None:
    for dialect in DIALECTS:
        assert not host_keys(dialect) & set(GOVERNED)


@pytest.mark.parametrize(
    "line",
    [
        'cost.unpriced_models = "warn"',
        "cost.default_output_tokens = 100",
        "cost.reservation_ttl_seconds = 100",
        'cost.budgets = [{ name = "a", period = "day", limit_usd = 1 }]',
        "governance.ledger.retention_days = 1",
        'cost.prices."m" = { input = 1, output = 1, reasoning = 1 }',
    ],
)
def test_a_native_only_key_is_refused_where_the_runtime_would_refuse_it(line: str) -> None:
    assert codes(line, "native") == []
    found = loaded(f"default_temperature = 1\n{line}", "corvus").diagnostics
    assert [diagnostic.code for diagnostic in found] == ["native-only-key"]
    assert "runtime would refuse" in found[0].message


def test_a_native_only_key_is_reported_once_also_when_its_value_is_wrong() -> None:
    text = 'default_temperature = 1\ncost.unpriced_models = "sometimes"'
    assert codes(text, "corvus") == ["native-only-key"]


def test_the_kinds_of_price_that_only_corvus_has_are_all_but_two() -> None:
    of_prices = {route[-1] for route in native_only_keys() if "*" in route}
    assert frozenset(PriceSettings.model_fields) - {"input", "output"} == of_prices


def test_session_limit_is_no_native_only_key() -> None:
    assert codes("default_temperature = 1\ncost.session_limit_usd = 1", "corvus") == []


@pytest.mark.parametrize("key", ["workspace_dir", "config_path"])
def test_a_key_that_the_runtime_sets_itself_is_refused_in_a_file(key: str) -> None:
    text = f'default_temperature = 1\n{key} = "/srv"\n'
    assert codes(text, "corvus") == codes(text) == ["runtime-only-key"]
    assert codes(f'{key} = "/srv"\n', "zeroclaw") == []


def test_keys_that_zeroclaw_adds_to_governed_tables_pass_silently() -> None:
    text = (
        '[storage]\n[cost]\ntrack_per_agent = 3\n[cost.enforcement]\nmode = "warn"\n'
        "[autonomy]\nshell_timeout_secs = 60\n"
    )
    assert codes(text) == []
    assert codes(text + "shell_timeout_sec = 60\n") == ["unknown-key"]


@pytest.mark.parametrize(
    ("file", "dialect"),
    [
        (".zeroclaw/config.toml", "zeroclaw"),
        ("/home/me/.zeroclaw/config.toml", "zeroclaw"),
        ("docker/zeroclaw/conf/config.toml", "zeroclaw"),
        ("zeroclaw.toml.example", "zeroclaw"),
        (".corvus/config.toml", "corvus"),
        ("zeroclaw/.corvus/config.toml", "corvus"),
        ("zeroclaw/corvus.toml", "native"),
        ("learn-zeroclaw/config.toml", "zeroclaw"),
        ("config.toml", "native"),
        ("<stdin>", "native"),
        ("a\0b", "native"),
    ],
)
def test_the_path_says_whose_file_it_is(file: str, dialect: str) -> None:
    found = detect({"cost": {}, "autonomy": {}}, file=file)
    assert found.dialect == dialect
    if found.dialect.is_host:
        assert any(part in file for part in found.evidence[0].split())


def test_the_evidence_names_the_path() -> None:
    found = detect({"memory": {}}, file="/srv/.zeroclaw/config.toml")
    assert found == Detection(Dialect.ZEROCLAW, (".zeroclaw/ in the path",))


def test_a_relative_path_and_a_link_lead_to_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".zeroclaw"
    folder.mkdir()
    (folder / "config.toml").touch()
    (tmp_path / "agent.toml").symlink_to(folder / "config.toml")
    (tmp_path / "corvus.toml").symlink_to(folder / "config.toml")
    (tmp_path / "conf").symlink_to(folder)
    monkeypatch.chdir(folder)
    for file in ("config.toml", "../agent.toml", "../corvus.toml", "../conf/new.toml"):
        assert detect({}, file=file).dialect is Dialect.ZEROCLAW, file
    monkeypatch.chdir(tmp_path)
    assert detect({}, file="agent.toml").dialect is Dialect.ZEROCLAW
    assert detect({}, file="other.toml").dialect is Dialect.NATIVE


def test_a_working_directory_that_is_gone_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert detect({}, file="agent.toml").dialect is Dialect.NATIVE
    assert detect({}, file="zeroclaw/agent.toml").dialect is Dialect.ZEROCLAW


@pytest.mark.parametrize(
    ("keys", "dialect"),
    [
        (["gateway"], "native"),
        (["proxy"], "native"),
        (["default_temperature"], "corvus|zeroclaw"),
        (["gateway", "memory"], "corvus|zeroclaw"),
        (["storage", "proxy"], "zeroclaw"),
        (["gateway", "audio"], "corvus"),
    ],
)
def test_a_corvus_toml_is_native_until_two_host_keys_say_otherwise(
    keys: list[str], dialect: str
) -> None:
    """One is a mistake of its author: silently passed over, a limit on it would not exist."""
    assert detect({key: {} for key in keys}, file="corvus.toml").dialect == dialect


@pytest.mark.parametrize(
    ("data", "dialect"),
    [
        ({"config_path": "/zeroclaw-data/.zeroclaw/config.toml"}, "zeroclaw"),
        ({"workspace_dir": "/srv/zeroclaw/work"}, "zeroclaw"),
        ({"workspace_dir": "/root/.corvus/workspace", "storage": {}}, "zeroclaw"),
        ({"workspace_dir": "/root/.corvus/zeroclaw/x", "memory": {}}, "zeroclaw"),
        ({"workspace_dir": "/zeroclaw/.corvus/x", "memory": {}}, "corvus"),
        ({"workspace_dir": "./workspace", "config_path": "./config.toml"}, "corvus"),
        ({"workspace_dir": "./workspace", "storage": {}}, "zeroclaw"),
        ({"workspace_dir": 7, "memory": {}}, "corvus"),
        ({"mission": {}, "memory": {}}, "corvus|zeroclaw"),
        ({"audio": {}, "storage": {}}, "corvus|zeroclaw"),
    ],
)
def test_the_keys_that_the_corvus_runtime_refuses_are_evidence(
    data: dict[str, object], dialect: str
) -> None:
    assert detect(data).dialect == dialect


def test_a_word_of_the_name_decides_for_a_file_with_host_keys() -> None:
    assert detect({"memory": {}}, file="zeroclaw-config.toml").dialect is Dialect.ZEROCLAW
    assert detect({"memory": {}}, file="c/zeroclaws.toml").dialect is Dialect.UNDECIDED


def test_a_file_of_the_corvus_runtime_needs_its_temperature() -> None:
    """UP-CFG-20; who reads an undecided file is not known, so nothing is demanded of it."""
    (found,) = loaded("[audio]\n").diagnostics
    assert (found.code, found.path) == ("missing-key", ())
    assert "`default_temperature`" in found.message
    assert codes("[memory]\n") == codes("", "zeroclaw") == codes("", "native") == []


_LINES = (
    'workspace_dir = "./w"', 'default_temperature = 0.7', 'api_key = "x"', "x_y_z = 1",
    "daily_limit_usd = 5", "[memory]", "[gateway]", "[storage]", "[audio]", "[swarm_router]",
    "[costs]\nenabled = true", "[mission]\nmax_steps = 3",
    "[autonomy]\nmax_cost_per_day_cents = 7\nallowed_roots = []\nlevell = 'full'",
    "[cost]\nenabled = true\nunpriced_models = 'warn'\nenforcement = {}\nwarn_at_percent = 900",
    "[governance.gateway]\nport = 1\n",
)  # fmt: skip
_PARTS = st.lists(st.sampled_from(_LINES), unique=True, max_size=8)


@given(_PARTS, st.randoms())
def test_detection_never_depends_on_the_order_of_keys(
    parts: list[str], random: random.Random
) -> None:
    def dialects(file: str) -> set[Dialect]:
        mixed = sorted(parts, key=lambda part: part.startswith("["))
        top = [part for part in mixed if not part.startswith("[")]
        below = [part for part in mixed if part.startswith("[")]
        found: set[Dialect] = set()
        for _ in range(3):
            random.shuffle(top)
            random.shuffle(below)
            found.add(loaded("\n".join((*top, *below)), file=file).dialects[0].dialect)
        return found

    for file in ("agent.toml", "corvus.toml", "zeroclaw-x.toml"):
        assert len(dialects(file)) == 1


@given(_PARTS)
def test_an_undecided_file_has_no_finding_that_one_of_the_two_would_not_have(
    parts: list[str],
) -> None:
    text = "\n".join(sorted(parts, key=lambda part: part.startswith("[")))
    found = loaded(text)
    if found.dialects[0].dialect is not Dialect.UNDECIDED:
        return
    for host in HOSTS:
        there = {
            diagnostic.path: diagnostic.severity for diagnostic in loaded(text, host).diagnostics
        }
        for diagnostic in found.diagnostics:
            assert diagnostic.path in there
            assert there[diagnostic.path].rank <= diagnostic.severity.rank


@pytest.mark.parametrize(
    ("file", "dialect"),
    [
        ("zeroclaw-config/config.toml", Dialect.ZEROCLAW),
        ("deploy/docker-zeroclaw-config.toml", Dialect.ZEROCLAW),
        ("zeroclaw-config/corvus.toml", Dialect.NATIVE),
        ("config/config.toml", Dialect.NATIVE),
        ("zeroclawed/config.toml", Dialect.NATIVE),
    ],
)
def test_a_name_decides_whose_file_it_is_where_nothing_else_does(
    file: str, dialect: Dialect
) -> None:
    """DEP-7: the only key may be one that the runtime cannot do without."""
    data = {"autonomy": {"max_cost_per_day_cents": 500}}
    assert detect(data, file=file).dialect is dialect
    ours = {**data, "governance": {"ledger": {"retention_days": 1}}}
    assert detect(ours, file=file).dialect is Dialect.NATIVE
