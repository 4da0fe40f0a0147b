"""Writes the Grafana dashboard: rows of panels below, JSON in `config/grafana/kizuna.json`.

    python -m scripts.dashboards

In: the table `ROWS`. Out: a file that Grafana imports (Dashboards, New, Import). Promised: the same
table makes the same bytes, so that the committed file can be compared with it; every panel's
metrics are of `pipelines.metrics`.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).resolve().parents[1] / "config" / "grafana" / "kizuna.json"
COLUMNS = 24
"""How wide Grafana's grid is."""
HEIGHT = 8
RATE = "$__rate_interval"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Panel(NamedTuple):
    """A graph. `queries`: (PromQL, legend); `unit`: Grafana's name of it."""

    title: str
    said: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _quantile(share: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[{RATE}])))"


def _each(metric: str, label: str, legend: str = "") -> tuple[str, str]:
    return f"sum by ({label}) (rate({metric}[{RATE}]))", legend or f"{{{{{label}}}}}"


LATENCY = "kizuna_end_to_end_latency_seconds"
ROWS: dict[str, tuple[Panel, ...]] = {
    "Traffic": (
        Panel(
            "Records in",
            "Read from each topic.",
            "cps",
            (_each("kizuna_records_in_total", "topic"),),
        ),
        Panel(
            "Records out",
            "Confirmed by Kafka, by topic.",
            "cps",
            (_each("kizuna_records_out_total", "topic"),),
        ),
        Panel(
            "Processes",
            "Two versions at once are two runs: a run has one.",
            "none",
            (("count by (version) (kizuna_build_info)", "{{version}}"),),
        ),
    ),
    "Latency": (
        Panel(
            "End to end",
            "From the moment a trigger is due to its confirmed delivery.",
            "s",
            tuple(
                (_quantile(share, LATENCY), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)
            ),
        ),
        Panel(
            "Triggers within a second",
            "The promise is 99 %.",
            "percentunit",
            (
                (
                    f'sum(rate({LATENCY}_bucket{{le="1.0"}}[{RATE}]))'
                    f" / sum(rate({LATENCY}_count[{RATE}]))",
                    "within 1 s",
                ),
            ),
        ),
    ),
    "Lag and watermarks": (
        Panel(
            "Consumer lag",
            "Records that wait, by topic.",
            "short",
            (("sum by (topic) (kizuna_consumer_lag_records)", "{{topic}}"),),
        ),
        Panel(
            "Event-time lag, worst partition",
            "A mean would hide the one partition that stands still.",
            "s",
            (
                (
                    "topk(5, max by (topic, partition) (kizuna_event_time_lag_seconds))",
                    "{{topic}} {{partition}}",
                ),
            ),
        ),
        Panel(
            "Steps behind the clock",
            "The last step is as far behind as the slowest partition.",
            "s",
            (
                (
                    "time() - min by (step) (kizuna_watermark_timestamp_seconds)",
                    "{{step}}",
                ),
            ),
        ),
        Panel(
            "Late records",
            "Known more than an hour after they happened.",
            "cps",
            (_each("kizuna_late_records_total", "step"),),
        ),
    ),
    "State and snapshots": (
        Panel(
            "Keys",
            "What each step remembers.",
            "short",
            (("sum by (step) (kizuna_state_keys)", "{{step}}"),),
        ),
        Panel(
            "Bytes",
            "What a snapshot of each step weighs.",
            "bytes",
            (("sum by (step) (kizuna_state_bytes)", "{{step}}"),),
        ),
        Panel(
            "Snapshot, p99",
            "Of one key group, or of one partition of a sink.",
            "s",
            ((_quantile(0.99, "kizuna_snapshot_duration_seconds", "step"), "{{step}}"),),
        ),
        Panel(
            "Snapshots taken",
            "At 0 nothing is saved.",
            "cps",
            (_each("kizuna_snapshot_duration_seconds_count", "step"),),
        ),
        Panel(
            "Memory",
            "Resident, by process.",
            "bytes",
            (
                (
                    "process_resident_memory_bytes and on (instance) kizuna_build_info",
                    "{{instance}}",
                ),
            ),
        ),
    ),
    "Sinks": (
        Panel(
            "Batch, p99",
            "How long a batch takes to be written.",
            "s",
            ((_quantile(0.99, "kizuna_sink_batch_seconds", "sink"), "{{sink}}"),),
        ),
        Panel(
            "Time spent writing",
            "Of each second; near 1 a sink is what limits the flow.",
            "percentunit",
            (_each("kizuna_sink_batch_seconds_sum", "sink"),),
        ),
    ),
    "Quarantine": (
        Panel(
            "Refused",
            "By reason, see docs/events.md.",
            "cps",
            (_each("kizuna_records_rejected_total", "reason"),),
        ),
        Panel(
            "Share refused",
            "By topic.",
            "percentunit",
            (
                (
                    f"sum by (topic) (rate(kizuna_records_rejected_total[{RATE}]))"
                    f" / sum by (topic) (rate(kizuna_records_in_total[{RATE}]))",
                    "{{topic}}",
                ),
            ),
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana stores it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place})
        width = COLUMNS // len(row)
        for number, panel in enumerate(row):
            place = {"x": number * width, "y": top + 1, "w": width, "h": HEIGHT}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_graph(panel)})
        top += 1 + HEIGHT
    return {
        "uid": "kizuna",
        "title": "Kizuna",
        "tags": ["kizuna"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def _graph(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.said,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
            }
            for number, (expr, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
