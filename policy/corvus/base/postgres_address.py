"""The URL of a store in PostgreSQL: what it may say, and how it is shown.

``corvus check`` reads URLs, so that nothing here imports the client of PostgreSQL. An option that
is not taken is refused rather than passed on: it might make commits less durable, or not be known
to the client's library on the next host. A tenant is a schema of the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

SCHEMES: Final = ("postgresql", "postgres")
DEFAULT_PORT: Final = 5432
DEFAULT_SCHEMA: Final = "corvus"

_SCHEMA_MAX = 63  # PostgreSQL cuts longer names off
_HOSTS_MAX = 16
_NAME_MAX = 63
_TIMEOUT_MAX = 600


class AddressInvalid(ValueError):
    """A URL that names no store; the message has no password."""


@dataclass(frozen=True, slots=True)
class PostgresHost:
    """A server that is tried.

    Attributes:
        name: Host name, address, or the folder of a Unix socket.
        port: 1 to 65,535.
    """

    name: str
    port: int = DEFAULT_PORT

    @property
    def is_socket(self) -> bool:
        """Whether it is reached over a Unix socket, which no network can cut or read."""
        return self.name.startswith(("/", "@"))

    def __str__(self) -> str:
        """Write it as in a URL."""
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where a store in PostgreSQL is, and how it is reached.

    Attributes:
        hosts: The servers that are tried in turn, at least one.
        database: Its name.
        user: ``None`` leaves it to the client (``PGUSER``, the user of the system).
        password: ``None`` leaves it to the client (``PGPASSWORD``, ``PGPASSFILE``).
        schema: The schema with the tables; a tenant.
        options: What else the client of PostgreSQL is given, in the order of the URL.
    """

    hosts: tuple[PostgresHost, ...]
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str = DEFAULT_SCHEMA
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, url: str) -> PostgresAddress:
        """Read a URL.

        Raises:
            AddressInvalid: It cannot be used; the message says why, without password.
        """
        return _parsed(url)

    @property
    def shown(self) -> str:
        """Hosts, database and schema, for people: no user, no password."""
        hosts = ",".join(map(str, self.hosts))
        tail = "" if self.schema == DEFAULT_SCHEMA else f" (schema {self.schema})"
        return f"{hosts}/{self.database}{tail}"

    @property
    def has_password(self) -> bool:
        """Whether the URL itself has a password."""
        return self.password is not None

    def option(self, name: str) -> str | None:
        """Return the value of an option; ``None`` when the URL does not have it."""
        return dict(self.options).get(name)

    def parameters(self, defaults: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what the client of PostgreSQL is given, by keyword; a password among it.

        Args:
            defaults: What holds where the URL says nothing.
        """
        given = {
            "host": ",".join(host.name for host in self.hosts),
            "port": ",".join(str(host.port) for host in self.hosts),
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
        }
        known = {name: value for name, value in given.items() if value is not None}
        return {**known, **(defaults or {}), **dict(self.options)}

    def conninfo(self, defaults: Mapping[str, str] | None = None) -> str:
        """Return the connection string of ``libpq``; it has the password, so show it to nobody."""
        found = self.parameters(defaults)
        return " ".join(f"{name}={_quoted(value)}" for name, value in found.items())


def _parsed(url: str) -> PostgresAddress:
    _refuse_unprintable(url)
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in SCHEMES:
        raise AddressInvalid("the URL of a store on many hosts begins with postgresql://")
    rest, _, fragment = rest.partition("#")
    if fragment:
        raise AddressInvalid("the URL has a part after '#'; write %23 for a '#' in a name")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    user, password, hosts_text = _split_authority(authority)
    options = _options(query)
    hosts = _hosts(hosts_text, options.pop("host", ""), options.pop("port", ""))
    if "@" in path or "/" in path:  # it may be the rest of a password
        raise AddressInvalid("write %40 for a '@' in a name or password of the URL, %2F for a '/'")
    database = _decoded("the database", path)
    if not database:
        raise AddressInvalid("the URL names no database: postgresql://host:5432/database")
    schema = options.pop("schema", DEFAULT_SCHEMA)
    return PostgresAddress(hosts, database, user, password, schema, tuple(options.items()))


def _refuse_unprintable(url: str) -> None:
    if any(char.isspace() or not char.isprintable() for char in url):
        raise AddressInvalid("the URL has a space or an unprintable character; write it as in %20")


def _split_authority(authority: str) -> tuple[str | None, str | None, str]:
    """Split off user and password; a password may hold an ``@`` that nobody has escaped."""
    login, at, hosts = authority.rpartition("@")
    if not at:
        return None, None, hosts
    user, colon, password = login.partition(":")
    return (
        _decoded("the user", user) or None,
        _decoded("the password", password) if colon else None,
        hosts,
    )


def _decoded(what: str, text: str) -> str:
    """Undo percent-encoding; the message of a failure does not repeat the text."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise AddressInvalid(f"{what} of the URL has a '%' that is not followed by two hex digits")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AddressInvalid(f"{what} of the URL is not UTF-8 once decoded") from None
    if "\0" in decoded:
        raise AddressInvalid(f"{what} of the URL holds a NUL")
    return decoded


def _hosts(authority: str, named: str, ports: str) -> tuple[PostgresHost, ...]:
    """Return the servers, named in front of the database or by ``host=``, never in both ways."""
    if authority and (named or ports):
        raise AddressInvalid("the URL names hosts twice, in front of the database and by host=")
    if not authority and not named:
        raise AddressInvalid(
            "the URL names no host: postgresql://host:5432/database, or "
            "postgresql:///database?host=/var/run/postgresql for a Unix socket"
        )
    if authority:
        found = [_host(one) for one in authority.split(",")]
    else:
        found = _named_hosts(named.split(","), ports)
    if len(found) > _HOSTS_MAX:
        raise AddressInvalid(f"the URL names {len(found)} hosts, at most {_HOSTS_MAX} are taken")
    return tuple(found)


def _named_hosts(names: list[str], ports: str) -> list[PostgresHost]:
    numbers = [_port(port) if port else DEFAULT_PORT for port in ports.split(",")]
    if len(numbers) == 1:
        numbers *= len(names)
    if len(numbers) != len(names):
        raise AddressInvalid(f"the URL names {len(names)} hosts and {len(numbers)} ports")
    if not all(names):
        raise AddressInvalid("the URL names an empty host")
    return [PostgresHost(*one) for one in zip(names, numbers, strict=True)]


_BRACKETED = re.compile(r"\[(?P<name>[0-9A-Fa-f:.]+(?:%25[\w.-]+)?)\](?::(?P<port>.*))?")


def _host(text: str) -> PostgresHost:
    if text.startswith("["):
        address = _BRACKETED.fullmatch(text)
        if address is None:
            raise AddressInvalid("an IPv6 address of the URL stands in brackets: [::1]:5432")
        name, port = unquote(address["name"]), address["port"]
    else:
        name, _, port = text.partition(":")
        if port and ":" in port:
            raise AddressInvalid("an IPv6 address of the URL stands in brackets: [::1]:5432")
        name = _decoded("a host", name)
    if not name:
        raise AddressInvalid("the URL names an empty host")
    if re.search(r"[\s,@]", name) and not name.startswith(("/", "@")):
        raise AddressInvalid("a host of the URL has a space, comma or '@' in its name")
    return PostgresHost(name, _port(port) if port else DEFAULT_PORT)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65_535:
        # What is no number may be the end of a password in which an '@' is missing.
        raise AddressInvalid("a port of the URL is a number from 1 to 65535")
    return int(text)


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in query.split("&") if query else ():
        name, equals, text = item.partition("=")
        if name not in _TAKEN:
            raise AddressInvalid(_not_taken(name))
        if not equals or not text:
            raise AddressInvalid(f"option {name} of the URL has no value")
        if name in found:
            raise AddressInvalid(f"option {name} is in the URL twice")
        value = _decoded(f"option {name}", text)
        if problem := _TAKEN[name](value):
            raise AddressInvalid(f"option {name} of the URL {problem}")
        found[name] = value
    return found


def _not_taken(name: str) -> str:
    if name == "password":
        return (
            "the password of a URL stands in front of the host, not in an option; "
            "better, leave it out and name a file in PGPASSFILE"
        )
    shown = repr(name) if re.fullmatch(r"[A-Za-z_-]{1,40}", name) else "of an unknown name"
    return f"option {shown} of the URL is not taken; these are: {', '.join(sorted(_TAKEN))}"


def _one_of(*choices: str) -> Callable[[str], str]:
    def problem(value: str) -> str:
        return "" if value in choices else f"is one of {', '.join(choices)}"

    return problem


def _timeout_problem(value: str) -> str:
    if re.fullmatch(r"[0-9]{1,3}", value) and 1 <= int(value) <= _TIMEOUT_MAX:
        return ""
    return f"is a number of seconds from 1 to {_TIMEOUT_MAX}"


def _name_problem(value: str) -> str:
    if value.isascii() and value.isprintable() and len(value) <= _NAME_MAX:
        return ""
    return f"is printable ASCII, at most {_NAME_MAX} characters"


def _schema_problem(value: str) -> str:
    """Return what is wrong with a schema; a plain name means the same with and without quotes."""
    is_plain = re.fullmatch(r"[a-z_][a-z0-9_]*", value) and len(value) <= _SCHEMA_MAX
    if not is_plain:
        return (
            "is a plain name: lower-case letters, digits and '_', not a digit first, "
            f"at most {_SCHEMA_MAX} characters"
        )
    if value.startswith("pg_") or value == "information_schema":
        return "names a schema of PostgreSQL itself"
    return ""


def _file_problem(value: str) -> str:
    return "" if value.isprintable() else "names no file"


def _any(_value: str) -> str:
    return ""


_TAKEN: Mapping[str, Callable[[str], str]] = {
    "application_name": _name_problem,
    "channel_binding": _one_of("disable", "prefer", "require"),
    "connect_timeout": _timeout_problem,
    "gssencmode": _one_of("disable", "prefer", "require"),
    "host": _any,
    "load_balance_hosts": _one_of("disable", "random"),
    "passfile": _file_problem,
    "port": _any,
    "schema": _schema_problem,
    "sslcert": _file_problem,
    "sslcrl": _file_problem,
    "sslkey": _file_problem,
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslrootcert": _file_problem,
    # A store is written: a server that cannot be written to is never the one.
    "target_session_attrs": _one_of("read-write", "primary", "any"),
}
"""The options of a URL, each with what says what is wrong with a value."""


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
