from pathlib import Path

import psycopg

from tests.docs.repository_page import page

PAGE = Path(__file__).parents[2] / "docs" / "repository.md"


def test_the_page_is_what_the_declarations_say(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert PAGE.read_text(encoding="utf-8") == page(connection), "make docs writes it again"
