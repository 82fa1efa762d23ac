"""What went wrong at PostgreSQL, in words that say where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from corvus.base.errors import StoreCorrupt, StoreError, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store.api import Collided

_CONFLICTS: Final = ("40001", "40P01")

GRANT_IT: Final = (
    "grant it what `corvus store init --sql` prints, or make it the owner of the schema"
)
_NO_CONNECTION_LEFT: Final = (
    "has no connection left; raise max_connections, or the limit of the database or the role, or "
    "put pgbouncer in front of it"
)
_BY_STATE: dict[str, tuple[type[StoreError], str]] = {
    "08": (StoreUnavailable, "lost the connection; look at the network and the server"),
    "25006": (
        StoreUnavailable,
        "can only be read: a standby, or a failover is under way; nothing was changed",
    ),
    "25P03": (
        StoreUnavailable,
        "has ended a transaction in which this host fell silent; nothing was changed: try again",
    ),
    "25P04": (StoreUnavailable, "has ended a transaction that took too long; try again"),
    "28": (
        StoreUnavailable,
        "refuses the user or the password; look at the URL, PGPASSFILE and pg_hba.conf",
    ),
    "26000": (
        StoreUnavailable,
        "has forgotten a prepared statement, as a pooler that is not recognised as one makes it; "
        "use pgbouncer 1.21 or newer; nothing was changed: try again",
    ),
    "3D000": (StoreUnavailable, "has no such database; make it, or mend the URL"),
    "3F000": (
        StoreCorrupt,
        "has lost the schema of the store; restore it from a backup",
    ),
    "42501": (
        StoreUnavailable,
        f"refuses this role what the store needs; {GRANT_IT}",
    ),
    "42P01": (
        StoreCorrupt,
        "has lost tables of the store; restore it from a backup",
    ),
    "53100": (StoreUnavailable, "has a full disk; nothing was changed: make room and try again"),
    "53200": (StoreUnavailable, "has run out of memory; nothing was changed: try again"),
    "53300": (StoreUnavailable, _NO_CONNECTION_LEFT),
    "55P03": (
        StoreUnavailable,
        "is in use by others, who did not let go in time; nothing was changed: try again",
    ),
    "57014": (
        StoreUnavailable,
        "has stopped a statement that took too long or was cancelled; nothing was changed: "
        "try again",
    ),
    "57P": (StoreUnavailable, "is being stopped or started; try again in a moment"),
    "XX001": (StoreCorrupt, "has a damaged table; restore the store from a backup"),
    "XX002": (StoreCorrupt, "has a damaged index; REINDEX it, or restore from a backup"),
}
"""What an SQLSTATE means, by its beginning; the longest that fits."""

_BY_WORDS: tuple[tuple[str, str], ...] = (
    (
        r"Connection refused|No such file or directory",
        "does not answer: nothing listens there; start it, or mend host and port",
    ),
    (
        r"timeout expired|timed out|no answer in|No route to host|unreachable",
        "did not answer in time; look at the network, the firewall and the server",
    ),
    (
        r"failed to resolve host|could not translate host name|Name or service not known"
        r"|nodename nor servname|name resolution|No address associated",
        "has a name that is not known here; mend it, or look at the network",
    ),
    (
        r"certificate|SSL|TLS|sslmode",
        "cannot be reached over TLS as the URL wants it; look at sslmode, sslrootcert and the "
        "server's certificate",
    ),
    (
        r"password authentication failed|no password supplied|authentication failed"
        r"|no pg_hba.conf entry|role \".*\" (?:does not exist|is not permitted to log in)"
        r"|SCRAM|SASL",
        "refuses the user or the password; look at the URL, PGPASSFILE and pg_hba.conf",
    ),
    (r"database \".*\" does not exist", "has no such database; make it, or mend the URL"),
    (
        r"too many clients|too many connections|remaining connection slots"
        r"|no more connections allowed",
        _NO_CONNECTION_LEFT,
    ),
    (
        r"starting up|shutting down|recovery mode|not yet accepting",
        "is being stopped or started; try again in a moment",
    ),
    (
        r"session is read-only|hot standby mode|server is not in|not writable",
        "can only be read: a standby, or default_transaction_read_only is on; name the primary as "
        "well, or reset the setting",
    ),
    (
        r"closed the connection|connection (?:is )?(?:lost|closed|bad)|consuming input failed"
        r"|pipeline mode"
        r"|sending query failed|broken pipe|reset by peer",
        "lost the connection; look at the network and the server",
    ),
)
"""The same by what the client writes where no server has answered with an SQLSTATE."""

_SHOWN_MAX: Final = 300


def explain(fault: BaseException, address: PostgresAddress) -> StoreError:
    """Turn a fault of PostgreSQL or of its client into ours.

    Args:
        fault: What the client raised.
        address: Where; shown without user and password.
    """
    state = getattr(fault, "sqlstate", None) or ""
    if state in _CONFLICTS:
        return Collided(
            f"the store {address.shown} has put another transaction first; nothing was changed: "
            "try again"
        )
    said = _said(fault, address)
    kind, words = _meaning(state) or (StoreUnavailable, _meaning_of_words(said))
    return kind(f"the server of the store {address.shown} {words}{_in_brackets(said)}")


def _meaning(state: str) -> tuple[type[StoreError], str] | None:
    for length in range(len(state), 1, -1):
        if found := _BY_STATE.get(state[:length]):
            return found
    return None


def _meaning_of_words(said: str) -> str:
    for pattern, words in _BY_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return words
    return "failed"


def _in_brackets(said: str) -> str:
    return f" ({said})" if said else ""


def _said(fault: BaseException, address: PostgresAddress) -> str:
    """Return what the client wrote, on one line, bounded, without the password."""
    diag: Callable[[], object] | None = getattr(fault, "diag", None)
    primary = getattr(diag, "message_primary", None)
    text = str(primary or fault)
    if address.password:
        text = text.replace(address.password, "***")
    return " ".join(text.split())[:_SHOWN_MAX]
