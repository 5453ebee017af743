"""The example alerts: Prometheus takes them, they fire when they should, and each asks for what is written."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from .conftest import PROGRAM

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples/prometheus"
RULES = EXAMPLES / "agent-logins.rules.yml"


def test_each_alert_asks_for_what_the_mirror_writes() -> None:
    written = {f"creds_mirror_{name}" for name in re.findall(r'gauge\(\s*"(\w+)"', PROGRAM.read_text())}
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"creds_mirror_\w+", rule["expr"])}
    assert asked <= written
    assert len(asked) >= 7
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"instance", "cli", "user"} <= set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))


@pytest.mark.skipif(
    not shutil.which("promtool"),
    reason="PROMETHEUS HAS NOT READ THE ALERTS: this machine has no promtool (apt-get install prometheus)",
)
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "agent-logins.tests.yml")])
def test_prometheus_takes_them_and_they_fire(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
