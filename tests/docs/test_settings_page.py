from pathlib import Path
from typing import get_type_hints

from atb_db.config import DEFAULTS, Given, Settings
from tests.docs.settings_page import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs writes it again"


def test_every_setting_is_an_argument_of_its_type() -> None:
    fields = get_type_hints(Settings)
    assert get_type_hints(Given) == {name: fields[name] | None for name in DEFAULTS}
