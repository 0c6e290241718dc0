"""The page as HTML, by templates that escape whatever they are given; needs the extra `report`."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from atb_db.report.view import Page

_TEMPLATES: Final = Environment(
    loader=PackageLoader("atb_db.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(page: Page) -> str:
    """The page as one HTML document that loads nothing else."""
    return _TEMPLATES.get_template("page.html.j2").render(page=page)
