"""The usage record as it is exported: every column of the ledger, every row of it.

A call that was corrected has three rows, as in the ledger: the sum of any column over all rows is
right. ``schemas/usage-record.schema.json`` describes the object of each JSON line.
"""

from __future__ import annotations

from corvus.model.columns import COLUMNS
from corvus.usage.exporters.lines import Field

FIELDS = tuple(Field(column.name, column.type, f"record.{column.name}") for column in COLUMNS)
"""Every column of ``usage_record``, in its order."""
