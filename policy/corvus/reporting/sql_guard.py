"""Judges a statement of a user's before it runs: one SELECT over the ledger's own tables (REP-4).

The parser of DuckDB decides, not the text: the tree of the statement may hold only nodes, tables
and functions that are known to read nothing but the ledger. What is not known is refused, so that a
function which a later DuckDB brings cannot reach files, the network, settings or secrets. The
settings of the connection are locked behind this as a second wall.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast

import duckdb

from corvus.base.errors import ReportError
from corvus.ledger.connect import clean_message
from corvus.ledger.roll_ups import ROLL_UPS

_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*explain\b(?P<analyze>\s+analyze\b)?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLE_FUNCTIONS = {
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "json_each",
    "json_tree",
    "pragma_table_info",
    "range",
    "repeat",
    "unnest",
    *(f"{roll_up.table}_between" for roll_up in ROLL_UPS),
}
_REFUSED_FUNCTIONS = {
    "currval",
    "current_setting",
    "getenv",
    "getvariable",
    "json_execute_serialized_sql",
    "nextval",
    "pg_conf_load_time",
    "pg_sleep",
    "query",
    "query_table",
    "setseed",
    "sleep_ms",
    "which_secret",
    "write_log",
}
"""Functions of a value that read what is outside the tables, or do something."""
_SCHEMAS = {"", "main", "information_schema"}
_RELATIONS = """
SELECT table_name FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database()
UNION
SELECT view_name FROM duckdb_views()
WHERE NOT internal AND database_name = current_database()
ORDER BY table_name
"""
_COLUMNS = """
SELECT column_name, data_type, is_nullable
FROM duckdb_columns()
WHERE NOT internal AND database_name = current_database() AND table_name = lower(?)
ORDER BY column_index
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run.

    Attributes:
        sql: What to execute.
        explains: Whether the answer is a plan rather than rows.
    """

    sql: str
    explains: bool = False


def judge(connection: duckdb.DuckDBPyConnection, text: str, *, explain: bool = False) -> Statement:
    """Return a statement that may run on a ledger.

    Args:
        connection: To the ledger, whose tables may be named.
        text: One SELECT, or EXPLAIN [ANALYZE] of one; a semicolon may end it.
        explain: Ask for the plan of the SELECT.

    Raises:
        ReportError: It is something else, or reaches for more than the ledger.
    """
    kind = _kind(text)
    if kind is duckdb.StatementType.EXPLAIN:
        parts = _EXPLAIN.fullmatch(text)
        if parts is None or _kind(parts["rest"]) is not duckdb.StatementType.SELECT:
            raise ReportError("EXPLAIN explains a SELECT here, without options")
        _check(connection, parts["rest"])
        return Statement(f"EXPLAIN{parts['analyze'] or ''} {parts['rest']}", explains=True)
    if kind is not duckdb.StatementType.SELECT:
        hint = "; write PIVOT … ON … IN (…)" if kind is duckdb.StatementType.MULTI else ""
        raise ReportError(f"corvus sql only reads: it runs a SELECT, not {kind.name}{hint}")
    _check(connection, text)
    return Statement(f"EXPLAIN {text}" if explain else text, explains=explain)


def relations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the ledger's tables and views, sorted."""
    return [str(name) for (name,) in connection.execute(_RELATIONS).fetchall()]


def columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str, bool]]:
    """Return name, type and nullability of the columns of a table or view, in order.

    Raises:
        ReportError: The ledger has no such table.
    """
    known = relations(connection)
    if name.lower() not in known:
        raise _unknown_table(name, known)
    return [
        (str(column), str(kind), bool(nullable))
        for column, kind, nullable in connection.execute(_COLUMNS, [name]).fetchall()
    ]


def _kind(text: str) -> duckdb.StatementType:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise ReportError(clean_message(error)) from None
    if len(statements) != 1:
        found = f"{len(statements)} statements" if statements else "none"
        raise ReportError(f"corvus sql runs exactly one statement, got {found}")
    if statements[0].named_parameters:
        raise ReportError("corvus sql takes no parameters: write the values into the statement")
    return statements[0].type


def _check(connection: duckdb.DuckDBPyConnection, select: str) -> None:
    row = connection.execute("SELECT json_serialize_sql(?)", [select]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True, "error_message": "no tree"}
    if tree["error"]:
        raise ReportError(f"corvus sql cannot judge this statement: {tree['error_message']}")
    nodes = list(_nodes(tree["statements"]))
    own = {name.lower() for node in nodes for name in _common_table_names(node)}
    known = relations(connection)
    for node in nodes:
        _refuse_other_query(node)
        _refuse_other_function(node)
        _refuse_other_table(node, own, known)


def _nodes(tree: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object of a tree; not recursive, as an expression may be nested deeply."""
    pending = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            node = cast("dict[str, Any]", item)
            yield node
            pending.extend(node.values())
        elif isinstance(item, list):
            pending.extend(cast("list[object]", item))


def _common_table_names(node: Mapping[str, Any]) -> Iterator[str]:
    if "cte_map" in node:
        yield from (entry["key"] for entry in node["cte_map"]["map"])
    if "cte_name" in node:
        yield node["cte_name"]
    if node.get("type") == "RECURSIVE_CTE_NODE":
        yield node["cte_name"]


def _refuse_other_query(node: Mapping[str, Any]) -> None:
    kind = node.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERIES:
        raise ReportError(f"corvus sql only reads: it runs a SELECT, not {kind.split('_')[0]}")


def _refuse_other_function(node: Mapping[str, Any]) -> None:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise ReportError(
                f"{name or 'this table function'} may reach beyond the ledger and is refused; "
                f"these are not: {', '.join(sorted(_TABLE_FUNCTIONS))}"
            )
    elif node.get("class") == "FUNCTION":
        name = str(node["function_name"]).lower()
        if name in _REFUSED_FUNCTIONS:
            raise ReportError(f"{name} reaches beyond the rows of the ledger and is refused")


def _refuse_other_table(node: Mapping[str, Any], own: set[str], known: list[str]) -> None:
    if node.get("type") == "SHOW_REF" and node["query"] is None:
        if node["table_name"] != '"tables"':
            raise ReportError("of SHOW there is SHOW TABLES alone; take DESCRIBE TABLE for columns")
    elif node.get("type") == "BASE_TABLE":
        schema, name = str(node["schema_name"]).lower(), str(node["table_name"])
        if node["catalog_name"] or schema not in _SCHEMAS:
            # By the name of its database a table would lack its archive and its undrained tail.
            raise ReportError(
                f"name the table {name} alone, without a database or schema before it"
            )
        if schema != "information_schema" and name.lower() not in {*own, *known}:
            raise _unknown_table(name, known)


def _unknown_table(name: str, known: list[str]) -> ReportError:
    near = get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return ReportError(
        f"the ledger has no table {name!r}{hint} (it has: {', '.join(known)}; files are never read)"
    )
