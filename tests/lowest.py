"""The lowest versions that pyproject.toml allows, as constraints for pip: `make lowest` tests with them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"
_REQUIREMENT: Final = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?\s*>=\s*([\w.]+)")


def constraints() -> Iterator[str]:
    """One for each dependency at runtime, such as `orjson==3.13`.

    Raises:
        ValueError: a dependency has no lower bound.
    """
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["embedded"]):
        found = _REQUIREMENT.match(requirement)
        if found is None:
            raise ValueError(f"{requirement}: no lower bound")
        yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*constraints(), sep="\n")  # noqa: T201
