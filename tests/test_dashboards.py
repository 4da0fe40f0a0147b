"""Dashboard and alerts ask for figures that there are, and say what to do."""

import json
import re
from pathlib import Path

import pytest
import yaml

from pipelines import metrics
from scripts import dashboards

ROOT = Path(__file__).parents[1]
ALERTS = ROOT / "config" / "grafana" / "alerts.yml"
OF_OTHERS = {"up", "process_resident_memory_bytes"}
"""Of Prometheus itself, and of every process that its client runs in."""
FUNCTIONS = set(
    """sum max min count rate increase deriv histogram_quantile time topk absent and or on by
    unless""".split()
)


def panels() -> list[dict]:
    return [panel for panel in dashboards.dashboard()["panels"] if panel["type"] != "row"]


def rules() -> list[dict]:
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


def series_of(query: str) -> set[str]:
    """The metrics in a query: names outside of labels, ranges and strings."""
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', " ", query)
    bare = re.sub(r"\b(by|on)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - FUNCTIONS


QUERIES = [
    (panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]
] + [(rule["alert"], rule["expr"]) for rule in rules()]


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_what_is_asked_for_is_there(title, query):
    asked = series_of(query)
    assert asked and asked - metrics.names() - OF_OTHERS == set()


def test_a_query_for_something_else_would_be_noticed():
    assert series_of('sum by (topic) (rate(kizuna_nothing{le="1.0"}[5m])) > 3') == {
        "kizuna_nothing"
    }


def test_every_metric_is_on_the_dashboard():
    asked = {
        re.sub("_(bucket|sum|count)$", "", name)
        for panel in panels()
        for target in panel["targets"]
        for name in series_of(target["expr"])
    }
    there = {re.sub("_(bucket|sum|count)$", "", name) for name in metrics.names()}
    assert there - asked == set()


def test_the_committed_dashboard_is_the_generated_one():
    assert dashboards.PATH.read_text() == dashboards.text(), "run: python -m scripts.dashboards"


def test_the_dashboard_is_one_that_grafana_takes():
    board = json.loads(dashboards.text())
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == [
        "Traffic",
        "Latency",
        "Lag and watermarks",
        "State and snapshots",
        "Sinks",
        "Quarantine",
    ]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(column < dashboards.COLUMNS for column, _ in cells), panel["title"]
        taken |= cells


def anchors() -> set[str]:
    text = (ROOT / "docs" / "operations.md").read_text()
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule):
    said = rule["annotations"]
    page, _, anchor = said["runbook_url"].partition("#")
    assert page == "docs/operations.md" and anchor in anchors()
    assert len(said["summary"]) > 20
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert re.fullmatch(r"\d+m", rule["for"])


def test_every_runbook_has_its_alert():
    text = (ROOT / "docs" / "operations.md").read_text()
    runbooks = text.split("\n## Runbooks\n", 1)[1].split("\n## ", 1)[0]
    titles = re.findall(r"^### (.+)$", runbooks, re.MULTILINE)
    linked = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in rules()}
    assert len(titles) == len(linked) == 6
    assert {title.lower().replace(" ", "-") for title in titles} == linked


def test_alerts_do_not_count_as_configuration_of_a_run():
    """Their file may change while a run is interrupted; a run is bound to every .yaml."""
    assert ALERTS.suffix == ".yml"
