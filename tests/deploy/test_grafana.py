"""The Grafana dashboard: each of its queries is run against a database, as the login that dashboards have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
import pytest
import yaml

from atb_db import Database
from atb_db.admin.access.roles import Members, set_roles
from atb_db.config import Settings
from atb_db.embedded import Server
from tests.admin.roles import remove_roles
from tests.conftest import TEMPLATE
from tests.statements.examples import prepare

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "grafana"
BOARD: Final = json.loads((FOLDER / "dashboards" / "atb.json").read_text(encoding="utf-8"))
EXPORTED: Final = re.compile(r'"(atb_[a-z_]+)"')


class Query(NamedTuple):
    panel: str
    format: str
    text: str


def queries() -> Iterator[Query]:
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            if "rawSql" in target:
                yield Query(panel["title"], target["format"], target["rawSql"])
    for one in BOARD["annotations"]["list"]:
        yield Query(one["name"], "annotation", one["target"]["rawSql"])
    for one in BOARD["templating"]["list"]:
        if one["type"] == "query":
            yield Query(one["name"], "variable", one["query"])
            yield Query(f"all of {one['name']}", "variable", one["allValue"])


def substituted(text: str, session: str) -> str:
    """As Grafana sends it."""
    text = text.replace("$session", session).replace("$mode", "PAPER")
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2024-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'", text)
    assert "$" not in text
    return text


@pytest.fixture(scope="module")
def reader(server: Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of the login that dashboards have, to a database with the example's rows."""
    remove_roles(server)
    url = server.create_database("grafana", template=TEMPLATE)
    with Database(url) as db:
        prepare(db)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE grafana LOGIN")
    assert not set_roles(Settings.load(url, environ={}), Members(readers=("grafana",))).undone
    with psycopg.connect(url.replace("postgres@", "grafana@"), autocommit=True) as connection:
        yield connection
    remove_roles(server, "grafana")


@pytest.mark.parametrize(
    "query", [*queries()], ids=[f"{number} {query.panel}" for number, query in enumerate(queries())]
)
def test_the_reader_can_run_each_query(reader: psycopg.Connection[tuple[object, ...]], query: Query) -> None:
    everything = next(one for one in BOARD["templating"]["list"] if one["name"] == "session")["allValue"]
    for session in ("1", "1, 2", everything):
        cursor = reader.execute(substituted(query.text, session.replace("$mode", "PAPER")).encode())
        assert cursor.description is not None
        columns = [column.name for column in cursor.description]
        if query.format == "time_series":
            assert columns == ["time", "metric", "value"]
        if query.format == "annotation":
            assert columns == ["time", "text", "tags"]
        if query.panel in {"session", "Equity", "Recent trades", "Net P&L by day", "Performance", "Open positions"}:
            assert cursor.fetchall(), query


def test_only_views_for_dashboards_are_read() -> None:
    for query in queries():
        assert set(re.findall(r"\bFROM ([\w.]+)", query.text)) <= set(re.findall(r"reporting\.\w+", query.text))


def test_every_metric_is_one_that_is_exported() -> None:
    package = Path(__file__).parents[2] / "atb_db"
    texts = [(package / name).read_text(encoding="utf-8") for name in ("admin/metrics.py", "monitoring/prometheus.py")]
    named = {name for text in texts for name in EXPORTED.findall(text)}
    asked = {
        re.sub(r"_(bucket|total|count|sum)$", "", name)
        for panel in BOARD["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"atb_[a-z_]+", target.get("expr", ""))
    }
    assert asked <= named
    assert len(asked) >= 8


def test_panels_have_their_own_places_and_ids() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken = set[tuple[int, int]]()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_provisioning_names_the_data_sources_that_the_dashboard_uses() -> None:
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/atb.yaml").read_text())["datasources"]
    known = {source["uid"]: source["type"] for source in sources}
    panels = [panel["datasource"] for panel in BOARD["panels"] if "datasource" in panel]
    used = {(source["uid"], source["type"]) for source in panels}
    assert used == set(known.items())
    [provider] = yaml.safe_load((FOLDER / "provisioning/dashboards/atb.yaml").read_text())["providers"]
    assert provider["type"] == "file"
