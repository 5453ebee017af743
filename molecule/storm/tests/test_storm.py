"""The login was rewritten in bursts, in every style, while others read: what must never happen did not happen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.hosts import Agents


@pytest.fixture
def report(agents: Agents) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(agents.host.file("/home/storm/report.json").content_string)
    return document


@pytest.mark.parametrize("reader", ["host", "container", "names"])
def test_no_read_was_torn(report: dict[str, Any], reader: str) -> None:
    assert report["readers"][reader]["reads"] > 100
    assert report["readers"][reader]["torn"] == 0


def test_no_final_state_was_lost(report: dict[str, Any]) -> None:
    assert report["rewrites"] >= 300
    assert report["lost"] == 0


def test_no_unit_failed(report: dict[str, Any]) -> None:
    assert report["unit_failures"] == 0


def test_the_mirror_is_healthy_afterwards(agents: Agents) -> None:
    agents.status()


def test_no_directories_pile_up(agents: Agents) -> None:
    """On 0.2.0 a cancelled verification left /tmp/namespace-dev-* behind, 18 after a storm of 20 seconds."""
    assert agents.host.check_output("ls -d /tmp/namespace-dev-* 2>/dev/null | wc -l") == "0"
