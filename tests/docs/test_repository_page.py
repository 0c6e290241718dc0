from pathlib import Path

import psycopg

from atb_db.repository import statements
from tests.docs import meanings
from tests.docs.described import Described
from tests.docs.repository_page import named_tables, page

PAGE = Path(__file__).parents[2] / "docs" / "repository.md"


def test_the_page_is_what_the_declarations_say(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert PAGE.read_text(encoding="utf-8") == page(connection), "make docs writes it again"


def test_every_parameter_has_a_meaning_and_none_that_its_domain_would_say_of_any_other(url: str) -> None:
    with psycopg.connect(url) as connection:
        described = Described(connection)
        meant = {
            (one.name, parameter.name): meanings.of(one, parameter.name, described, named_tables(one))
            for one in statements()
            for parameter in one.parameters
        }
    assert [place for place, meaning in meant.items() if not meaning] == []
    assert [place for place, meaning in meant.items() if meaning in described.domains.values()] == []


def test_what_is_said_of_a_parameter_is_of_one_that_there_is() -> None:
    parameters = {(one.name, parameter.name) for one in statements() for parameter in one.parameters}
    assert set(meanings.OF_ONE) <= parameters
    assert set(meanings.OF_ALL) <= {parameter for _, parameter in parameters}
    assert set(meanings.TABLES) <= {name for name, _ in parameters}
