"""Each form in which launchers are told the mount is accepted by the engine, and shows the container its login."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.hosts import Agents

STORE = "/run/agent-credentials/claude/.credentials.json"


@pytest.fixture
def manifest(agents: Agents) -> dict[str, Any]:
    document = json.loads(agents.host.file("/home/launchers/launchers.json").content_string)
    return dict(document["agents"])


def reads_the_login(agents: Agents, container: str) -> bool:
    variable = agents.host.check_output(f"docker exec {container} sh -c 'echo $CLAUDE_SECURESTORAGE_CONFIG_DIR'")
    published = agents.host.file(agents.published).content_string.rstrip()
    return f"{variable}/.credentials.json" == STORE and agents.inside(container) == published


def test_an_agent_of_another_program_is_not_in_the_manifest(manifest: Any) -> None:
    assert set(manifest) == {"worker", "terminal"}


def test_arguments_of_docker_run(agents: Agents, manifest: Any) -> None:
    arguments = " ".join(manifest["worker"]["docker_args"])
    agents.host.check_output(f"docker run --detach --name launchers-run {arguments} agentops-agent")
    assert reads_the_login(agents, "launchers-run")


def test_a_part_of_the_engine_api_body(agents: Agents, manifest: Any) -> None:
    body = {"Image": "agentops-agent", **manifest["worker"]["engine_api"]}
    program = (
        "import docker, json, sys; api = docker.APIClient(); "
        "made = api.create_container_from_config(json.loads(sys.argv[1]), 'launchers-api'); api.start(made)"
    )
    agents.host.check_output("python3 -c %s %s", program, json.dumps(body))
    assert reads_the_login(agents, "launchers-api")


def test_a_part_of_a_compose_service(agents: Agents, manifest: Any) -> None:
    if agents.host.run("docker compose version").rc != 0:
        pytest.skip("Debian 12 has no compose that is a part of the Docker client")
    service = {"image": "agentops-agent", "container_name": "launchers-compose", **manifest["worker"]["compose"]}
    agents.host.check_output(
        "printf %%s %s > /home/launchers/compose.json", json.dumps({"services": {"worker": service}})
    )
    agents.host.check_output("docker compose --file /home/launchers/compose.json up --detach --pull never")
    assert reads_the_login(agents, "launchers-compose")


def test_a_part_of_a_devcontainer_json(agents: Agents, manifest: Any) -> None:
    """As the devcontainer CLI takes it: each of ``mounts`` is an argument of --mount, ``containerEnv`` of --env."""
    part = manifest["worker"]["devcontainer"]
    words = [f"--mount {mount}" for mount in part["mounts"]]
    words += [f"--env {name}={value}" for name, value in part["containerEnv"].items()]
    agents.host.check_output(f"docker run --detach --name launchers-devcontainer {' '.join(words)} agentops-agent")
    assert reads_the_login(agents, "launchers-devcontainer")


def test_options_of_the_docker_container_module(agents: Agents) -> None:
    assert reads_the_login(agents, "launchers-filter")


def test_a_terminal_with_any_uid_keeps_its_login_for_the_next(agents: Agents, manifest: Any) -> None:
    arguments = " ".join(manifest["terminal"]["docker_args"])
    run = f"docker run --rm --user 12345:12345 {arguments} agentops-agent sh -c"
    assert agents.host.check_output(
        f"{run} 'whoami; mkdir $HOME; cd; pwd; echo kept > $CODEX_HOME/auth.json'"
    ).split() == [
        "agent",
        "/tmp/agent-1",
    ]
    assert agents.host.check_output(f"{run} 'cat $CODEX_HOME/auth.json'") == "kept"
    directory = agents.host.file("/home/launchers/.parallel-code/agent-auth/codex/.codex")
    assert (directory.mode, directory.uid) == (0o700, 12345)
