"""Rows that the tables of a ledger show and its file does not have: temporary tables (LED-2).

They hold what is still in a store's outbox, and, where new rows are kept aside instead of being
written (``corvus.ledger.capture``), those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from corvus.ledger.outbox import Staging, by_table, removing
from corvus.model.outbox import REMOVABLE, LedgerTable, OutboxEvent, Row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LIKE = "CREATE TEMP TABLE {name} AS SELECT * FROM {table} LIMIT 0"
_REMOVED = "CREATE TEMP TABLE removed_{name} ({columns})"
_NOTE_REMOVED = "INSERT INTO temp.removed_{name} VALUES ({marks})"
_STANDING = """
(SELECT * FROM {table} WHERE ({texts}) NOT IN (SELECT ({columns}) FROM temp.removed_{name}))
"""


class Tails:
    """Rows next to those of the file, by table.

    Args:
        connection: To a migrated ledger.
        store_id: The store of the events.
        whole: Gives a table of the file as SQL writes it.
    """

    def __init__(
        self, connection: DuckDBPyConnection, store_id: str, whole: Callable[[str], str]
    ) -> None:
        self._connection = connection
        self._whole = whole
        self._staging = Staging(connection, store_id)
        self._tables: dict[str, list[str]] = {}
        self._removed: set[str] = set()

    @property
    def names(self) -> set[str]:
        """The tables that show other rows than the file has."""
        return {*self._tables, *self._removed}

    def add(self, batches: Iterable[Sequence[OutboxEvent]]) -> None:
        """Show events that the file does not have."""
        for batch in batches:
            for table, events in by_table(batch):
                if table is LedgerTable.REMOVAL:
                    for event in events:
                        self.remove(event.row)
                else:
                    self._staging.insert(table, self.table("tail", table), events)

    def table(self, prefix: str, name: str) -> str:
        """Return a temporary table of the shape of a table; it is made when first needed."""
        own = f"{prefix}_{name}"
        if own not in self._tables.get(name, ()):
            self._connection.execute(_LIKE.format(name=own, table=self._whole(name)))
            self._tables.setdefault(name, []).append(own)
        return f"temp.{own}"

    def remove(self, removal: Row) -> None:
        """Show the rows no more that a removal names; what comes after it is shown."""
        name = str(removal["table"])
        for own in self._tables.get(name, ()):
            self._connection.execute(*removing(f"temp.{own}", removal))
        keys = REMOVABLE[LedgerTable(name)]
        self.track_removals(name)
        values = [removal[key] for key in keys]
        marks = ", ".join("?" for _ in keys)
        self._connection.execute(_NOTE_REMOVED.format(name=name, marks=marks), values)

    def track_removals(self, name: str) -> None:
        """Have what is removed from a table be seen, also once it is shown."""
        if name not in self._removed:
            self._removed.add(name)
            columns = ", ".join(f"{key} VARCHAR" for key in REMOVABLE[LedgerTable(name)])
            self._connection.execute(_REMOVED.format(name=name, columns=columns))

    def sources(self, name: str) -> list[str]:
        """Return what a table is made of, as SQL writes it."""
        file = self._whole(name)
        if name in self._removed:
            keys = REMOVABLE[LedgerTable(name)]
            texts = ", ".join(f"{key}::VARCHAR" for key in keys)
            file = _STANDING.format(table=file, texts=texts, columns=", ".join(keys), name=name)
        return [file, *(f"temp.{own}" for own in self._tables.get(name, ()))]
