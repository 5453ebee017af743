"""The agent CLIs are the real ones, at the versions that docs/agent-clis-proof.md names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.real_clients import Clients

VERSIONS = {
    "claude": "2.1.332 (Claude Code)",
    "claude-2.1.110": "2.1.110 (Claude Code)",
    "codex": "codex-cli 0.169.0",
    "gemini": "0.61.0",
    "opencode": "1.18.33",
    "copilot": "GitHub Copilot CLI 1.0.102.",
}


@pytest.mark.parametrize("cli", list(VERSIONS))
def test_it_says_its_version_and_asks_nobody(clients: Clients, cli: str) -> None:
    mark = clients.mark()
    said = clients.host.check_output(f"docker exec {clients.container(cli)} {cli} --version")
    assert said.splitlines()[0] == VERSIONS[cli]
    assert clients.requests(mark) == []


@pytest.fixture
def outdated(clients: Clients) -> Iterator[str]:
    """A container in which `claude` is 2.1.110."""
    name = "clients-outdated"
    clients.host.check_output(f"docker run --detach --name {name} --network none agentops-clients")
    clients.host.check_output(f"docker exec --user root {name} ln -sf claude-2.1.110 /opt/clients/bin/claude")
    yield name
    clients.host.check_output(f"docker rm --force {name}")


def test_a_version_that_would_end_without_a_word_is_refused(clients: Clients, outdated: str) -> None:
    before = clients.started(outdated)
    container = {"name": outdated, "credentials_host_dir": clients.directory("claude"), "placement": "config_dir"}
    refused = clients.agent_mounts(fails=True, agents={"old": {"container": container}}, writable_layer="discard")
    assert refused["msg"].startswith(
        "old: container.placement config_dir does not work with claude 2.1.110: below 2.1.175"
    )
    assert clients.started(outdated) == before
