"""Compose takes the recreated container for its own, and does not bring the file mount back by itself."""

from __future__ import annotations

from testbed.hosts import Agents

UP = "docker compose --file /home/compose/compose.yaml up --detach --pull never"


def test_up_leaves_the_recreated_container_alone(agents: Agents) -> None:
    before = agents.inspect("compose-boss")
    assert agents.host.run(UP).rc == 0
    after = agents.inspect("compose-boss")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]


def test_it_is_still_a_container_of_the_project(agents: Agents) -> None:
    listed = agents.host.check_output("docker compose --file /home/compose/compose.yaml ps --format '{{.Name}}'")
    assert listed == "compose-boss"


def test_its_volumes_and_the_directory_are_there(agents: Agents) -> None:
    mounts = {mount["Destination"]: mount["Type"] for mount in agents.inspect("compose-boss")["Mounts"]}
    assert mounts == {"/data": "volume", "/scratch": "volume", "/run/agent-credentials/claude": "bind"}
