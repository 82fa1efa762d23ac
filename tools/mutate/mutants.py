"""Small wrong changes of Python code: each compiles, and a test should notice it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: The file, below the root of the repository.
        line: Where the change is.
        before: The code that is replaced, in one line.
        after: What stands there instead.
        text: The whole file with the change.
    """

    path: Path
    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before}  ->  {self.after}"


def mutants_of(path: Path, text: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of the code."""
    tree = ast.parse(text)
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found: list[Mutant] = []
    for node, replaced in _changes(tree):
        begin = starts[node.lineno - 1] + node.col_offset
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        end = starts[node.end_lineno - 1] + node.end_col_offset
        after = ast.unparse(replaced)
        if isinstance(replaced, ast.expr):
            after = f"({after})"
        changed = (text.encode()[:begin] + after.encode() + text.encode()[end:]).decode()
        if _compiles(changed):
            found.append(Mutant(path, node.lineno, _one_line(node), _one_line(replaced), changed))
    return found


def _changes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]]:
    """Yield each node that can be changed, and what it becomes."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.expr | ast.stmt):
            yield from ((node, replaced) for replaced in _replacements(node))
        waiting += _inner(node)


def _inner(node: ast.AST) -> list[ast.AST]:
    """Return the children that do something when the program runs: no types, no docstrings."""
    passed_over = {"annotation", "returns", "type_params", "decorator_list"}
    if isinstance(node, ast.If) and _is_guard(node.test):
        return [*node.orelse]
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert | ast.JoinedStr):
        return []
    found: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if name not in passed_over:
            values: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
            found += [child for child in values if isinstance(child, ast.AST)]
    return found


def _replacements(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    match node:
        case ast.Compare(ops=[only]) if type(only) in _SWAPPED:
            yield _with(node, ops=[_SWAPPED[type(only)]()])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _SWAPPED:
            yield _with(node, op=_SWAPPED[type(op)]())
        case ast.Constant(value=int(value)):
            yield ast.Constant(not value if isinstance(value, bool) else value + 1)
        case ast.IfExp(test=test) | ast.If(test=test) | ast.While(test=test) if not _is_guard(test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case _:
            pass


def _with(node: ast.expr | ast.stmt, **changes: object) -> ast.expr | ast.stmt:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _is_guard(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in ast.unparse(test)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _one_line(node: ast.AST) -> str:
    """Return code in one line; of a block, only its head."""
    if isinstance(node, ast.If | ast.While):
        return f"{'if' if isinstance(node, ast.If) else 'while'} {ast.unparse(node.test)}:"
    return " ".join(ast.unparse(node).split())
