"""Podman behind Docker's API: 0.2.0 left an agent with no container that runs. Now nothing of it is touched."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from testbed.hosts import TARGET, Agents

LOGIN = f"{TARGET}/.credentials.json"
ROOTS = "unix:///run/podman/podman.sock"
IMAGE = "localhost/agentops-agent"


def users(agents: Agents) -> str:
    """The user's own engine."""
    return f"unix:///run/user/{agents.host.check_output(f'id -u {agents.user}')}/podman/podman.sock"


def as_user(agents: Agents, command: str) -> str:
    uid = agents.host.check_output(f"id -u {agents.user}")
    settings = (
        f"HOME={agents.home} XDG_RUNTIME_DIR=/run/user/{uid} DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus"
    )
    return str(agents.host.check_output(f"cd / && runuser -u {agents.user} -- env {settings} {command}"))


def arguments(agents: Agents, *names: str, **more: Any) -> dict[str, Any]:
    container = {"target": TARGET, "credentials_host_dir": agents.directory}
    wanted = {name: {"container": {"name": f"podman-{name}", **container}} for name in names}
    return {"agents": wanted, "home": agents.home, **more}


def info(agents: Agents, user: str = "root", *names: str, **more: Any) -> dict[str, Any]:
    succeeded, result = agents.module("agent_mounts_info", arguments(agents, *names, **more), user)
    assert succeeded, result
    return dict(result["agents"])


def manifest(agents: Agents) -> dict[str, Any]:
    """What launchers are told."""
    document: dict[str, Any] = json.loads(agents.host.file(f"{agents.home}/manifest.json").content_string)
    return dict(document["agents"])


def has_quadlet(agents: Agents) -> bool:
    """Podman 4.3 has none; its second container was started by hand, too."""
    return bool(agents.host.file("/etc/containers/systemd/podman-unit.container").exists)


def ids(agents: Agents) -> str:
    form = "{{.Id}} {{.Name}} {{.State.Status}} {{.State.Pid}}"
    return str(agents.host.check_output(f"podman inspect --format '{form}' $(podman ps --all --quiet) | sort"))


@pytest.mark.parametrize("layer", ["refuse", "carry", "discard"])
def test_no_container_is_touched_and_people_are_told_what_to_do(agents: Agents, layer: str) -> None:
    before = ids(agents)
    wanted = arguments(agents, "run", "unit", docker_host=ROOTS, writable_layer=layer)
    succeeded, result = agents.module("agent_mounts", wanted)
    assert not succeeded
    assert "run: the container is podman's" in result["msg"]
    assert "start it again with podman run and the arguments docker_args" in result["msg"]
    if has_quadlet(agents):
        assert "in podman-unit.container (Quadlet), section [Container], take away what is mounted at" in result["msg"]
        assert all(line in result["msg"] for line in manifest(agents)["unit"]["quadlet"])
    else:
        assert "unit: the container is podman's" in result["msg"]
    assert ids(agents) == before
    assert before.count("running") == 2


def test_info_looks_at_them(agents: Agents) -> None:
    found = info(agents, "root", "run", "unit", docker_host=ROOTS)
    assert {name: one["verdict"] for name, one in found.items()} == {"run": "file_mount", "unit": "file_mount"}
    assert all(one["inside"]["fingerprint"] for one in found.values())


def require_served(agents: Agents, name: str) -> None:
    """The agent can work, the run makes the link in its container, and nothing more."""
    before = ids(agents)
    for is_first in (True, False):
        succeeded, result = agents.module("agent_mounts", arguments(agents, name, docker_host=ROOTS))
        assert succeeded, result
        assert (result["changed"], "link /home/claude/.claude" in result["plan"]) == (is_first, is_first)
    found = info(agents, "root", name, docker_host=ROOTS)[name]
    assert (found["verdict"], found["fresh"], found["standing"]) == ("ok", True, "works")
    assert ids(agents) == before


def test_the_lines_for_quadlet_give_a_unit_the_login(agents: Agents) -> None:
    if not has_quadlet(agents):
        pytest.skip("this podman has no Quadlet")
    unit = "/etc/containers/systemd/podman-unit.container"
    lines = "\n".join([*manifest(agents)["unit"]["quadlet"], "User=0"])
    agents.host.check_output(f"sed -i /^Volume=/d {unit} && printf '%s\\n' {shlex.quote(lines)} >> {unit}")
    agents.host.check_output("systemctl daemon-reload && systemctl restart podman-unit.service")
    require_served(agents, "unit")


def test_the_arguments_for_docker_run_are_those_for_podman_run(agents: Agents) -> None:
    agents.host.check_output("podman rm --force --time 0 podman-run")
    words = shlex.join(manifest(agents)["run"]["docker_args"])
    agents.host.check_output(f"podman run --detach --name podman-run --user 0 {words} {IMAGE}")
    require_served(agents, "run")


@pytest.fixture(scope="module")
def ways() -> dict[str, str]:
    """As whom the containers of the user's podman run."""
    return {"zero": "--user 0", "plain": "--user 1000", "keep": "--userns keep-id:uid=1000,gid=1000 --user 1000"}


def test_the_containers_of_a_users_podman_are_known_to_him_and_to_root(agents: Agents, ways: dict[str, str]) -> None:
    words = shlex.join(manifest(agents)["run"]["docker_args"])
    for name, way in ways.items():
        as_user(agents, f"podman run --detach --name podman-{name} {way} {words} {IMAGE}")
    reads = {}
    for name in ways:
        uid = agents.host.check_output(f"id -u {agents.user}")
        settings = f"HOME={agents.home} XDG_RUNTIME_DIR=/run/user/{uid}"
        done = agents.host.run(
            f"cd / && runuser -u {agents.user} -- env {settings} podman exec podman-{name} cat {LOGIN}"
        )
        reads[name] = done.rc == 0
    assert reads == {"zero": True, "plain": False, "keep": True}
    first = int(agents.host.check_output(f"sed -n s/^{agents.user}://p /etc/subuid").split(":")[0])
    for user in ("root", agents.user):
        found = info(agents, user, *ways, docker_host=users(agents))
        assert {name: found[name]["standing"] == "works" for name in ways} == reads
        assert f"creds_mirror_readers: {{uids: [{first + 999}]}}" in found["plain"]["judgement"]
