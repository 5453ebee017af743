"""The example alerts and dashboard: Prometheus takes them, alerts fire when they should, each asks for what is written."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from .conftest import PROGRAM

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples/prometheus"
RULES = EXAMPLES / "agent-logins.rules.yml"
DASHBOARD = EXAMPLES / "agent-logins.dashboard.json"

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"),
    reason="PROMETHEUS HAS NOT READ THE ALERTS: this machine has no promtool (apt-get install prometheus)",
)


def written() -> set[str]:
    """The names of the metrics that the program writes."""
    return {f"creds_mirror_{name}" for name in re.findall(r'gauge\(\s*"(\w+)"', PROGRAM.read_text())}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_each_alert_asks_for_what_the_mirror_writes() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"creds_mirror_\w+", rule["expr"])}
    assert asked <= written()
    assert len(asked) >= 7
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"instance", "cli", "user"} <= set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))


def test_the_dashboard_shows_every_metric_that_the_mirror_writes_and_no_other() -> None:
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    asked = {name for text in expressions() for name in re.findall(r"creds_mirror_\w+", text)}
    assert asked == written()
    assert {name for one in variables for name in re.findall(r"creds_mirror_\w+", one["query"])} <= written()
    chosen = {one["name"] for one in variables}
    assert {name for text in (DASHBOARD.read_text(),) for name in re.findall(r"\$\{?([a-z]+)\b", text)} == chosen


def test_the_panels_of_the_dashboard_have_names_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in panels()}) == len({panel["title"] for panel in panels()}) == len(panels())
    places = [panel["gridPos"] for panel in panels()]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _y in cells) < 24


@needs_promtool
def test_prometheus_can_read_what_the_dashboard_asks(tmp_path: pathlib.Path) -> None:
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(expressions())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "agent-logins.tests.yml")])
def test_prometheus_takes_them_and_they_fire(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
