from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.postgres_address import AddressInvalid, PostgresAddress, PostgresHost

SECRET = "s3cret"


def test_a_plain_url_has_the_defaults() -> None:
    address = PostgresAddress.of("postgresql://db.example/budgets")
    assert address.hosts == (PostgresHost("db.example", 5432),)
    assert (address.database, address.user, address.password) == ("budgets", None, None)
    assert (address.schema, address.options) == ("corvus", ())
    assert address.shown == "db.example:5432/budgets"


@pytest.mark.parametrize(
    ("authority", "hosts", "shown"),
    [
        ("one,two:6000", [("one", 5432), ("two", 6000)], "one:5432,two:6000"),
        ("[::1]", [("::1", 5432)], "[::1]:5432"),
        ("[fe80::1%25eth0]:6000,two", [("fe80::1%eth0", 6000), ("two", 5432)], None),
        ("%2Fvar%2Frun", [("/var/run", 5432)], "/var/run:5432"),
        ("127.0.0.1:1", [("127.0.0.1", 1)], "127.0.0.1:1"),
    ],
)
def test_hosts_are_names_addresses_and_sockets(
    authority: str, hosts: list[tuple[str, int]], shown: str | None
) -> None:
    address = PostgresAddress.of(f"postgres://ana:x@{authority}/d")
    assert [(host.name, host.port) for host in address.hosts] == hosts
    if shown is not None:
        assert address.shown == f"{shown}/d"


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("host=/var/run/postgresql", [("/var/run/postgresql", 5432)]),
        ("host=%2Ftmp&port=6000", [("/tmp", 6000)]),
        ("host=one,two&port=1,2", [("one", 1), ("two", 2)]),
        ("host=one,two&port=,2", [("one", 5432), ("two", 2)]),
        ("host=one,two&port=7", [("one", 7), ("two", 7)]),
    ],
)
def test_hosts_can_be_options(query: str, hosts: list[tuple[str, int]]) -> None:
    address = PostgresAddress.of(f"postgresql:///d?{query}")
    assert [(host.name, host.port) for host in address.hosts] == hosts
    assert address.options == ()


def test_names_and_passwords_are_decoded() -> None:
    address = PostgresAddress.of("postgresql://a%40b:p%2Fw%20%25%27%5C@h/d%20b?schema=team_a")
    assert (address.user, address.password) == ("a@b", "p/w %'\\")
    assert (address.database, address.schema) == ("d b", "team_a")
    assert "password='p/w %\\'\\\\'" in address.conninfo()
    assert address.shown == "h:5432/d b (schema team_a)"


def test_options_of_the_url_go_before_the_defaults() -> None:
    address = PostgresAddress.of("postgresql://h/d?sslmode=verify-full&connect_timeout=5")
    found = address.parameters({"connect_timeout": "2", "sslmode": "prefer", "keepalives": "1"})
    assert (found["sslmode"], found["connect_timeout"]) == ("verify-full", "5")
    assert found["keepalives"] == "1"
    assert "schema" not in found
    assert address.option("sslmode") == "verify-full"
    assert address.option("sslcert") is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://h/d", "begins with postgresql://"),
        ("", "begins with postgresql://"),
        ("postgresql:/h/d", "begins with postgresql://"),
        ("postgresql://h", "names no database"),
        ("postgresql://h/", "names no database"),
        ("postgresql:///d", "names no host"),
        ("postgresql://u@/d", "names no host"),
        ("postgresql://a,,b/d", "an empty host"),
        ("postgresql://h:0/d", "from 1 to 65535"),
        ("postgresql://h:65536/d", "from 1 to 65535"),
        ("postgresql://h:x/d", "from 1 to 65535"),
        ("postgresql://::1/d", "stands in brackets"),
        ("postgresql://[::1/d", "stands in brackets"),
        ("postgresql://h/d?host=x", "names hosts twice"),
        ("postgresql:///d?host=a,b&port=1,2,3", "2 hosts and 3 ports"),
        ("postgresql://h/d#x", "write %23"),
        ("postgresql://h/d%zz", "two hex digits"),
        ("postgresql://h/d%ff", "not UTF-8"),
        ("postgresql://h/d%00", "NUL"),
        ("postgresql://h/a b", "%20"),
        ("postgresql://h/d?options=-c%20synchronous_commit%3Doff", "'options' of the URL is not"),
        ("postgresql://h/d?fallback_application_name=x", "these are: application_name, "),
        ("postgresql://h/d?sslmode=on", "sslmode of the URL is one of disable"),
        ("postgresql://h/d?sslmode", "sslmode of the URL has no value"),
        ("postgresql://h/d?sslmode=require&sslmode=disable", "in the URL twice"),
        ("postgresql://h/d?connect_timeout=0", "seconds from 1 to 600"),
        ("postgresql://h/d?target_session_attrs=standby", "one of read-write"),
        ("postgresql://h/d?schema=Team", "is a plain name"),
        ("postgresql://h/d?schema=a;drop", "is a plain name"),
        ("postgresql://h/d?schema=1a", "is a plain name"),
        ("postgresql://h/d?schema=" + "a" * 64, "at most 63"),
        ("postgresql://h/d?schema=pg_catalog", "of PostgreSQL itself"),
        ("postgresql://h/d?schema=information_schema", "of PostgreSQL itself"),
        ("postgresql://" + ",".join(["h"] * 17) + "/d", "at most 16"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(AddressInvalid, match=words.replace("?", r"\?")) as refused:
        PostgresAddress.of(url)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ana:{SECRET}@h/d",
        f"postgresql://ana:{SECRET}@h:99999/d",
        f"postgresql://ana:{SECRET}/d",
        f"postgresql://ana:{SECRET}@h",
        f"postgresql://ana:%zz{SECRET}@h/d",
        f"postgresql://ana:%ff{SECRET}@h/d",
        f"postgresql://ana:{SECRET}#@h/d",
        f"postgresql://ana:{SECRET}?x@h/d",
        f"postgresql://ana:{SECRET} @h/d",
        f"postgresql://ana:a/{SECRET}@h/d",
        f"postgresql://ana:a@{SECRET}@h/d",
        f"postgresql://ana:5432/{SECRET}@h/d",
        f"postgresql://ana:5432?{SECRET}@h/d",
        f"postgresql://ana:[{SECRET}@[h/d",
        f"postgresql://h/d?password={SECRET}",
        f"postgresql://h/d?{SECRET}=1",
        f"postgresql://h/d?sslpassword={SECRET}",
        f"ana:{SECRET}@h/d",
        f"{SECRET}://ana",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    shown = _shown(url)
    assert shown
    assert SECRET not in shown


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_written_is_read_or_refused(front: str, back: str) -> None:
    assert _shown(f"postgresql://{front}@{back}")


def _shown(url: str) -> str:
    """Return all that is shown of a URL or of what is wrong with it."""
    try:
        address = PostgresAddress.of(url)
    except AddressInvalid as fault:
        return str(fault)
    assert address.hosts
    return f"{address.shown} {address!r}"


def test_reading_a_url_imports_no_client() -> None:
    code = (
        "import sys; from corvus.base.postgres_address import PostgresAddress;"
        "PostgresAddress.of('postgresql://h/d'); print('psycopg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
