"""What is written twice, for threads and for asyncio, says the same; each difference that has a reason is listed."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.unit.twins import DIFFERENCES

ROOT = Path(__file__).parents[2] / "atb_db"
MODULES = [
    *(
        (f"database/sync/{path.name}", f"database/aio/{path.name}")
        for path in sorted((ROOT / "database/sync").glob("*.py"))
    ),
    ("journal/sync.py", "journal/aio.py"),
]
BOTH_IN_ONE = ["database/connections.py"]

# Async… is taken off; these are called otherwise.
NAMES = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "assemble_async": "assemble",
    "async_lock_of": "lock_of",
    "asynccontextmanager": "contextmanager",
    "enter_async_context": "enter_context",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


class Synchronous(ast.NodeTransformer):
    """The same without `async`, `await`, the names that go with them, docstrings, and nested `with`s."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit(ast.FunctionDef(**dict(ast.iter_fields(node)), lineno=node.lineno))  # type: ignore[no-any-return]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = plain(node.name)
        node.body = undocumented(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.name = plain(node.name)
        node.body = undocumented(node.body)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.visit(ast.With(node.items, node.body, lineno=node.lineno))  # type: ignore[no-any-return]

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        if len(node.body) == 1 and isinstance(inner := node.body[0], ast.With):
            return ast.With([*node.items, *inner.items], inner.body, lineno=node.lineno)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.visit(ast.For(node.target, node.iter, node.body, node.orelse, lineno=node.lineno))  # type: ignore[no-any-return]

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.is_async = 0
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)  # type: ignore[no-any-return]

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        return node.slice if isinstance(node.value, ast.Name) and node.value.id == "Awaitable" else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = plain(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = plain(node.attr)
        if isinstance(node.value, ast.Name) and node.value.id == "asyncio" and node.attr in {"Lock", "sleep"}:
            return ast.Name(node.attr)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):  # a type that is cast to
            node.value = re.sub(r"\w+", lambda found: plain(found[0]), node.value)
        return node


def plain(name: str) -> str:
    return NAMES.get(name, re.sub(r"^(_?)Async(?=[A-Z])", r"\1", name))


def undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    return [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))] or [
        ast.Pass()
    ]


def definitions(nodes: Sequence[ast.stmt]) -> Iterator[tuple[str, list[str]]]:
    """Each function and method as it would be for threads, line by line, by its name; imports are left out."""
    for node in nodes:
        made = Synchronous().visit(node)
        if isinstance(made, ast.ClassDef):
            methods = [one for one in made.body if isinstance(one, ast.FunctionDef)]
            yield from ((f"{made.name}.{one.name}", ast.unparse(one).splitlines()) for one in methods)
            made.body = [one for one in made.body if one not in methods] or [ast.Pass()]
        if not isinstance(made, ast.Import | ast.ImportFrom):
            text = ast.unparse(made)
            yield getattr(made, "name", text.partition(" ")[0]), text.splitlines()


def body(path: str) -> list[ast.stmt]:
    return undocumented(ast.parse((ROOT / path).read_text()).body)


def twins() -> Iterator[tuple[str, dict[str, list[str]], dict[str, list[str]]]]:
    for threads, tasks in MODULES:
        yield threads, dict(definitions(body(threads))), dict(definitions(body(tasks)))
    for path in BOTH_IN_ONE:
        classes = {node.name: node for node in body(path) if isinstance(node, ast.ClassDef)}
        pairs = [(classes[plain(name)], node) for name, node in classes.items() if plain(name) != name]
        yield (
            path,
            dict(definitions([one for one, _ in pairs])),
            dict(definitions([other for _, other in pairs])),
        )


def differences() -> dict[str, tuple[str, ...]]:
    """The lines that only one of two twins has, by module and definition."""
    found = {}
    for path, threads, tasks in twins():
        for name in sorted({*threads, *tasks}):
            lines = difflib.unified_diff(threads.get(name, []), tasks.get(name, []), lineterm="", n=0)
            changed = tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
            if changed:
                found[f"{path}: {name}"] = changed
    return found


def test_twins_say_the_same() -> None:
    found = differences()
    listed = {place: tuple(difference.lines.strip("\n").splitlines()) for place, difference in DIFFERENCES.items()}
    unlisted = {place: lines for place, lines in found.items() if listed.get(place) != lines}
    shown = "\n\n".join("\n".join((place, *lines)) for place, lines in unlisted.items())
    assert not unlisted, f"differences between twins that tests/unit/twins.py does not list so:\n{shown}"
    assert set(listed) <= set(found), "twins that differ no more are listed"


def test_the_twins_are_found() -> None:
    found = list(twins())
    same = {path: sum(lines == tasks.get(name) for name, lines in threads.items()) for path, threads, tasks in found}
    assert all(same.values()), same
    assert sum(same.values()) > sum(len(threads) for _, threads, _ in found) * 3 / 4
    assert {path for path, _, _ in found} == {*(threads for threads, _ in MODULES), *BOTH_IN_ONE}
    assert {path.name for path in (ROOT / "database/aio").glob("*.py")} == {
        path.name for path in (ROOT / "database/sync").glob("*.py")
    }


@pytest.mark.parametrize(
    ("threads", "tasks"),
    [
        ("def f(): return a.b(1)", "async def f(): return await a.b(1)"),
        ("def f():\n with a: pass", "async def f():\n async with a: pass"),
        ("def f():\n with a, b: pass", "async def f():\n with a:\n  async with b: pass"),
        (
            "def f(x: Callable[[Connection], R]): pass",
            "async def f(x: Callable[[AsyncConnection], Awaitable[R]]): pass",
        ),
        ("def f():\n return [x for x in y]", "async def f():\n return [x async for x in y]"),
        ('def f(): return cast("Iterator[T]", x)', 'async def f(): return cast("AsyncIterator[T]", x)'),
    ],
)
def test_what_counts_as_the_same(threads: str, tasks: str) -> None:
    assert dict(definitions(ast.parse(threads).body)) == dict(definitions(ast.parse(tasks).body))


@pytest.mark.parametrize(
    ("threads", "tasks"),
    [
        ("def f(): return a.b(1)", "async def f(): return await a.b(2)"),
        ("def f(): g(); h()", "async def f(): await g()"),
        ("def f():\n with a: pass", "async def f():\n async with b: pass"),
    ],
)
def test_what_does_not(threads: str, tasks: str) -> None:
    assert dict(definitions(ast.parse(threads).body)) != dict(definitions(ast.parse(tasks).body))
