"""File mounts became directory mounts, and nothing else of the containers changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.hosts import Agents

CONTAINERS = ("migrate-boss", "migrate-dev")


@pytest.fixture
def before(agents: Agents) -> dict[str, Any]:
    documents = json.loads(agents.host.file("/home/migrate/before.json").content_string)
    return {document["Name"].lstrip("/"): document for document in documents}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_file_mount_is_gone_and_the_directory_is_there_read_only(agents: Agents, container: str) -> None:
    mounts = {mount["Destination"]: mount for mount in agents.inspect(container)["Mounts"] if mount["Type"] == "bind"}
    assert list(mounts) == ["/run/agent-credentials/claude"]
    assert mounts["/run/agent-credentials/claude"]["Source"] == agents.directory
    assert not mounts["/run/agent-credentials/claude"]["RW"]
    assert agents.host.run(f"docker exec --user root {container} touch /run/agent-credentials/claude/x").rc != 0


@pytest.mark.parametrize("container", CONTAINERS)
def test_both_places_show_the_published_login(agents: Agents, container: str) -> None:
    published = agents.host.file(agents.published).content_string
    user = f"docker exec --user root {container} cat"
    assert agents.host.check_output(f"{user} /run/agent-credentials/claude/.credentials.json") == published.rstrip()
    assert agents.host.check_output(f"{user} /home/claude/.claude/.credentials.json") == published.rstrip()


@pytest.mark.parametrize("container", CONTAINERS)
def test_everything_else_is_as_before(agents: Agents, before: Any, container: str) -> None:
    was, now = before[container], agents.inspect(container)
    added = "CLAUDE_SECURESTORAGE_CONFIG_DIR=/run/agent-credentials/claude"
    assert sorted(now["Config"]["Env"]) == sorted([*was["Config"]["Env"], added])
    default_hostname = was["Config"]["Hostname"] == was["Id"][:12]
    ignored = {"Env", "Hostname"} if default_hostname else {"Env"}
    for field in was["Config"].keys() - ignored:
        assert now["Config"][field] == was["Config"][field], field
    for field in was["HostConfig"].keys() - {"Binds", "Mounts"}:
        assert now["HostConfig"][field] == was["HostConfig"][field], field
    assert now["Image"] == was["Image"]
    assert now["State"]["Running"]


def test_the_data_of_the_anonymous_volume_is_there(agents: Agents) -> None:
    assert agents.host.check_output("docker exec migrate-boss cat /data/file") == "precious"


def test_the_network_is_as_before(agents: Agents, before: Any) -> None:
    was = before["migrate-boss"]["NetworkSettings"]["Networks"]["migrate"]
    now = agents.inspect("migrate-boss")["NetworkSettings"]["Networks"]["migrate"]
    assert now["IPAddress"] == was["IPAddress"] == "10.123.0.77"
    assert "the-boss" in now["Aliases"]


def test_the_container_that_uses_another_ones_network_still_does(agents: Agents) -> None:
    sidecar, dev = agents.inspect("migrate-sidecar"), agents.inspect("migrate-dev")
    assert sidecar["HostConfig"]["NetworkMode"] == f"container:{dev['Id']}"
    assert sidecar["HostConfig"]["RestartPolicy"]["Name"] == "always"
    namespaces = [agents.host.check_output(f"readlink /proc/{one['State']['Pid']}/ns/net") for one in (sidecar, dev)]
    assert namespaces[0] == namespaces[1]


def test_no_leftover_stands_beside(agents: Agents) -> None:
    names = agents.host.check_output("docker ps --all --format '{{.Names}}'").split()
    assert [name for name in names if ".am-" in name] == []


def test_check_mode_has_predicted_what_was_done(agents: Agents) -> None:
    predicted = agents.host.file("/home/migrate/plan-predicted").content_string
    assert predicted == agents.host.file("/home/migrate/plan-carried-out").content_string
    assert "boss: create migrate-boss.am-new (file_mount;" in predicted
