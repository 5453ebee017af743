"""Real faults under the real module: the old container is back, or the next run puts things in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from testbed.hosts import Agents

NAME = "rollback-agent"
SOCKET = "/run/engine-proxy.sock"
FILE_MOUNT = "type=bind,source=/home/rollback/.claude/.credentials.json,target=/home/claude/.claude/.credentials.json"
# The writing calls of a recreation with a restart policy: probe (3), create, link, policy, stop, 2 x rename, start, policy, remove.
START = 10


@pytest.fixture(autouse=True)
def _tidy(agents: Agents) -> Iterator[None]:
    yield
    for unit in ("engine-proxy", "rollback-port"):  # each alone: systemd 262 stops none if one is not there
        agents.host.run(f"systemctl stop {unit}.service")
    agents.host.check_output("systemctl start docker.service")
    for suffix in ("", ".am-new", ".am-old", ".am-probe"):
        agents.host.run(f"docker rm --force {NAME}{suffix}")


def start(agents: Agents, options: str = "", command: str = "") -> dict[str, Any]:
    agents.host.check_output(
        f"docker run --detach --name {NAME} --restart unless-stopped --mount {FILE_MOUNT} {options} agentops-agent {command}"
    )
    return dict(agents.inspect(NAME))


def proxy(agents: Agents, at: int, then: str) -> None:
    agents.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {SOCKET} --at {at} --then {json.dumps(then)}"
    )
    agents.host.check_output(f"timeout 10 sh -c 'until test -S {SOCKET}; do sleep 0.05; done'")


def run(
    agents: Agents, through: str = "/var/run/docker.sock", user: str = "root", **options: Any
) -> tuple[bool, dict[str, Any]]:
    """Run the module; whether it succeeded, and its result."""
    container = {"name": NAME, "credentials_host_dir": agents.directory}
    arguments = {"agents": {"one": {"container": container}}, "docker_host": f"unix://{through}", **options}
    return agents.module("agent_mounts", arguments, user)


def running(agents: Agents) -> list[str]:
    return sorted(agents.host.check_output(f"docker ps --filter name={NAME} --format '{{{{.Names}}}}'").split())


def everything(agents: Agents) -> list[str]:
    return sorted(agents.host.check_output(f"docker ps --all --filter name={NAME} --format '{{{{.Names}}}}'").split())


def policies(agents: Agents) -> list[str]:
    """The restart policies of all that stands there."""
    return [agents.inspect(name)["HostConfig"]["RestartPolicy"]["Name"] for name in everything(agents)]


def assert_as_before(agents: Agents, before: dict[str, Any]) -> None:
    assert everything(agents) == running(agents) == [NAME]
    now = agents.inspect(NAME)
    assert now["Id"] == before["Id"]
    assert now["HostConfig"] == before["HostConfig"]
    assert now["Config"] == before["Config"]


def assert_recovers(agents: Agents) -> None:
    """The next run needs no help."""
    succeeded, result = run(agents)
    assert succeeded, result
    assert everything(agents) == running(agents) == [NAME]
    assert policies(agents) == ["unless-stopped"]
    assert agents.inside(NAME) == agents.host.file(agents.source).content_string.strip()


@pytest.fixture(autouse=True)
def _published(agents: Agents) -> None:
    agents.host.check_output(f"install -o rollback -m 600 {agents.source} {agents.published}")
    agents.host.check_output(f"chmod 755 {agents.directory}")
    agents.host.check_output(f"chmod 644 {agents.published}")


def test_a_missing_source_of_another_mount_leaves_the_old_container_alone(agents: Agents) -> None:
    agents.host.check_output("mkdir -p /opt/rollback-gone")
    before = start(agents, "--mount type=bind,source=/opt/rollback-gone,target=/data")
    agents.host.check_output("rmdir /opt/rollback-gone")
    succeeded, result = run(agents)
    assert not succeeded
    assert "the container has /opt/rollback-gone of the host at /data, and that path is gone" in result["msg"]
    assert_as_before(agents, before)


def test_a_new_container_that_becomes_unhealthy_is_taken_back(agents: Agents) -> None:
    before = start(
        agents, "--health-interval 1s --health-retries 1 --health-cmd 'test -z $CLAUDE_SECURESTORAGE_CONFIG_DIR'"
    )
    succeeded, result = run(agents, wait_for="healthy")
    assert not succeeded
    assert "the new container is unhealthy" in result["msg"]
    assert f"The old container {NAME} is in place as before" in result["msg"]
    assert_as_before(agents, before)


def test_a_port_that_is_taken_while_nobody_holds_it_is_reported_and_fixed_later(agents: Agents) -> None:
    start(agents, "--publish 127.0.0.1:18220:80")
    proxy(
        agents,
        START,
        "systemd-run --collect --unit rollback-port python3 -m http.server --bind 127.0.0.1 18220; sleep 1",
    )
    succeeded, result = run(agents, SOCKET)
    assert not succeeded
    assert f"could not start {NAME}" in result["msg"]
    assert "unless-stopped" in policies(agents)
    agents.host.check_output("systemctl stop rollback-port.service")
    assert_recovers(agents)


@pytest.mark.parametrize("at", [2, 6, 8, START])
def test_after_the_module_was_killed_the_next_run_recovers(agents: Agents, at: int) -> None:
    start(agents)
    proxy(agents, at, "kill -KILL {pid}")
    succeeded, _result = run(agents, SOCKET)
    assert not succeeded
    assert "unless-stopped" in policies(agents)
    assert len(running(agents)) <= 1
    assert_recovers(agents)


@pytest.mark.parametrize("at", [9])
def test_after_the_engine_was_stopped_one_container_runs_and_the_next_run_recovers(agents: Agents, at: int) -> None:
    start(agents)
    proxy(agents, at, "systemctl stop docker.socket docker.service")
    succeeded, result = run(agents, SOCKET)
    assert not succeeded
    assert "Nothing is lost" in result["msg"]
    agents.host.check_output("systemctl start docker.service")
    assert len(running(agents)) <= 1
    assert_recovers(agents)


def test_a_rerun_lists_once_inspects_once_and_writes_nothing(agents: Agents) -> None:
    start(agents)
    assert_recovers(agents)
    proxy(agents, 0, "")
    succeeded, result = run(agents, SOCKET)
    assert succeeded, result
    assert not result["changed"]
    calls = agents.host.check_output(f"sed 's,/v[0-9.]*/,/,' {SOCKET}.log").splitlines()
    listing = [call for call in calls if call.startswith("GET /containers/json")]
    inspects = [call for call in calls if call.startswith("GET /containers/") and call not in listing]
    assert len(listing) == len(inspects) == 1
    assert [call for call in calls if not call.startswith("GET ")] == []
    # The engine's id costs 6 ms. Without it root and a user would not know that they work on the same one.
    assert sorted(set(calls) - {*listing, *inspects}) == ["GET /info", "GET /version"], calls
    assert len(calls) == 4, calls


@pytest.mark.parametrize("has_root_run", [False, True])
@pytest.mark.parametrize(("first", "second"), [("root", "rollback"), ("rollback", "root")])
def test_root_and_a_user_of_the_same_engine_wait_for_each_other(
    agents: Agents, first: str, second: str, has_root_run: bool
) -> None:
    """Each would take the other's new container for a leftover. Root's lock is there only when root has run."""
    agents.host.check_output("rm -rf /run/agentops-credentials")
    if has_root_run:
        assert run(agents)[0]
    command = "sh -c 'trap \"\" TERM; while :; do sleep 1; done'"
    start(agents, "--stop-timeout 4", command)
    with ThreadPoolExecutor() as threads:
        one = threads.submit(run, agents, user=first)
        agents.host.check_output(
            f"timeout 20 sh -c 'until docker inspect {NAME}.am-new >/dev/null 2>&1; do sleep 0.05; done'"
        )
        succeeded, result = run(agents, user=second)
    assert (succeeded, result["changed"]) == (True, False), result
    succeeded, result = one.result()
    assert (succeeded, result["changed"]) == (True, True), result
    assert everything(agents) == running(agents) == [NAME]
