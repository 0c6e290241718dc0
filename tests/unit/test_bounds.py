"""Each dependency has a lower bound that `make lowest` tries, and an upper one: their next major may be another."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.lowest import constraints

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [*PROJECT["dependencies"], *EXTRAS["embedded"]]
AT_RUNTIME = sorted(
    {
        one
        for extra, wanted in {**EXTRAS, "": PROJECT["dependencies"]}.items()
        for one in wanted
        if extra != "dev" and not one.startswith("atb-db")
    }
)


def test_there_is_a_lowest_version_of_each() -> None:
    assert len(list(constraints())) == len(REQUIREMENTS)


@pytest.mark.parametrize("requirement", AT_RUNTIME)
def test_each_is_bounded_on_both_sides(requirement: str) -> None:
    bounds = requirement.partition(";")[0]
    assert ">=" in bounds
    assert ",<" in bounds
