"""Expressions as PostgreSQL writes them, made comparable."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\s+(?:AND|OR)\s+|\s+|[^'"()\s]+|.""")


def flattened(definition: str) -> str:
    """The definition with ((a AND b) AND c) written as (a AND b AND c), and so for OR, however deep.

    x BETWEEN 1 AND 2 AND y is stored as the former, and as the latter after pg_dump and pg_restore.
    """
    chains: dict[str, tuple[str, list[str]]] = {}
    levels: list[tuple[str, list[str]]] = [("", [""])]
    for token in _TOKEN.findall(definition):
        operator, operands = levels[-1]
        word = token.strip()
        if token == "(":  # noqa: S105  no password
            levels.append(("", [""]))
        elif token == ")" and len(levels) > 1:  # noqa: S105  no password
            levels.pop()
            flat: list[str] = []
            for operand in operands:
                inner, parts = chains.get(operand, ("", []))
                flat += parts if operator and inner == operator else [operand]
            whole = f"({f' {operator} '.join(flat)})"
            chains[whole] = (operator, flat)
            levels[-1][1][-1] += whole
        elif word in {"AND", "OR"} and token != word and operator in {"", word}:
            levels[-1] = (word, [*operands, ""])
        else:
            operands[-1] += token
    operator, operands = levels[0]
    return f" {operator} ".join(operands)
