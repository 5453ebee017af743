"""Two agent CLIs in one container are served by one recreation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.field import Field

CODEX = "/run/agent-credentials/codex/auth.json"


@pytest.fixture(scope="module")
def ran(field: Field) -> dict[str, Any]:
    mount = f"-v {field.home}/.codex/auth.json:/home/claude/.codex/auth.json:ro"
    field.start("both", mount)
    field.start("one", mount)
    directory = field.directory.replace("/claude-credentials", "/codex-credentials")
    entries = {
        "both-claude": {"command": "claude", "container": field.entry("both")},
        "both-codex": {"command": "codex", "container": field.entry("both", credentials_host_dir=directory)},
        "one": {"container": field.entry("one")},
    }
    runs = {"predicted": field.serve(entries=entries, check=True), "done": field.serve(entries=entries)}
    return {**runs, "again": field.serve(entries=entries)}


def test_one_recreation_serves_both(field: Field, ran: dict[str, Any]) -> None:
    """DukeRobotics/robosub-ros2#136 (Claude and Codex in one devcontainer), PelicanPlatform/pelican#3610."""
    succeeded, result = ran["done"]
    assert succeeded, result
    assert result["plan"].count("stop field_reports-both") == 1
    assert {name: agent["verdict_after"] for name, agent in result["agents"].items()} == dict.fromkeys(
        ("both-claude", "both-codex", "one"), "ok"
    )
    assert field.is_served("both")
    shown = json.loads(field.inside(field.full("both"), CODEX))
    assert "fake-token-access-codex" in shown["tokens"]["access_token"]


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("/home/claude/.claude/.credentials.json", "/run/agent-credentials/claude/.credentials.json"),
        ("/home/claude/.codex/auth.json", CODEX),
    ],
)
def test_each_login_is_where_its_cli_looks(field: Field, ran: dict[str, Any], link: str, leads_to: str) -> None:
    assert field.host.check_output(f"docker exec {field.full('both')} readlink -f {link}") == leads_to


def test_no_file_mount_is_left_and_check_mode_has_predicted_it(field: Field, ran: dict[str, Any]) -> None:
    places = {mount["Destination"] for mount in field.inspect(field.full("both"))["Mounts"]}
    assert places == {"/run/agent-credentials/claude", "/run/agent-credentials/codex"}
    assert ran["predicted"][1]["plan"] == ran["done"][1]["plan"]
    assert ran["again"][0] and not ran["again"][1]["changed"]


def test_the_login_of_an_agent_cli_that_is_not_configured_is_told(ran: dict[str, Any]) -> None:
    _succeeded, result = ran["again"]
    assert "the container has the login of codex as a file mount at /home/claude/.codex/auth.json, too" in str(
        result["agents"]["one"]["warnings"]
    )
