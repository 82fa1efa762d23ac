"""What can be read in the sources: sizes, definitions, imports."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import Checkout


@dataclass(frozen=True, slots=True)
class Import:
    """One module that another imports.

    Attributes:
        target: The module, by its name below the package; the package itself is ``__init__``.
        is_type_only: Whether it stands below ``if TYPE_CHECKING``.
        is_lazy: Whether it stands in a function, so that it is executed late or never.
    """

    target: str
    is_type_only: bool
    is_lazy: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the package.

    Attributes:
        name: Below the package: ``cli.main``; of a package's ``__init__``, the package's own.
        lines: Of each kind: ``all``, ``code``, ``docstring``, ``blank``, ``import``, ``comment``.
        functions: Their lengths in lines.
        loop_names: Names that loops and comprehensions give to what they go through.
    """

    name: str
    path: Path
    lines: dict[str, int]
    imports: tuple[Import, ...]
    functions: tuple[int, ...]
    classes: tuple[str, ...]
    loop_names: tuple[str, ...]

    @property
    def room(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]


def read_modules(checkout: Checkout) -> dict[str, Module]:
    """Return the modules of a checkout by name."""
    paths = sorted(checkout.sources.rglob("*.py"))
    names = {_name(path, checkout.sources): path for path in paths}
    return {name: _read(name, path, checkout.package, set(names)) for name, path in names.items()}


def _name(path: Path, sources: Path) -> str:
    parts = list(path.relative_to(sources).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def _read(name: str, path: Path, package: str, names: set[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    loops = [node for node in nodes if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)]
    return Module(
        name,
        path,
        _lines(text, tree),
        tuple(sorted(_imports(tree, package, names), key=lambda found: found.target)),
        tuple(_length(node) for node in functions),
        tuple(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        tuple(
            inner.id
            for loop in loops
            for inner in ast.walk(loop.target)
            if isinstance(inner, ast.Name)
        ),
    )


def _length(node: ast.AST) -> int:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _lines(text: str, tree: ast.Module) -> dict[str, int]:
    """Count the lines of each kind; a line of code with a comment is code."""
    kinds = ["code" if line.strip() else "blank" for line in text.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            kinds[token.start[0] - 1] = "comment"
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                _mark(kinds, node, "import")
            case ast.Expr(value=ast.Constant(value=str())):
                _mark(kinds, node, "docstring")
            case _:
                pass
    counted = ("code", "docstring", "blank", "import", "comment")
    return {"all": len(kinds), **{kind: kinds.count(kind) for kind in counted}}


def _mark(kinds: list[str], node: ast.stmt, kind: str) -> None:
    for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        kinds[line - 1] = kind


def _imports(tree: ast.Module, package: str, names: set[str]) -> Iterator[Import]:
    found: dict[str, Import] = {}

    def visit(node: ast.AST, is_type_only: bool, is_lazy: bool) -> None:
        for target in _targets(node, package, names):
            before = found.get(target)
            found[target] = Import(
                target,
                is_type_only and (before is None or before.is_type_only),
                is_lazy and (before is None or before.is_lazy),
            )
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_guard = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            is_guarded = is_guard and child in getattr(node, "body", ())
            visit(child, is_type_only or is_guarded, is_lazy or is_function)

    visit(tree, is_type_only=False, is_lazy=False)
    yield from found.values()


def _targets(node: ast.AST, package: str, names: set[str]) -> Iterator[str]:
    """Yield the modules of the package that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.partition(".")[0] == package:
                yield alias.name.partition(".")[2] or "__init__"
    elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
        base = (node.module or "").partition(".")[2]
        for alias in node.names:
            inner = f"{base}.{alias.name}" if base else alias.name
            yield inner if inner in names else base or "__init__"
