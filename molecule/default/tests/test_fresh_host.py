"""A fresh host: the mirror runs, the credentials directory is as promised, agents without a container are no error."""

from __future__ import annotations

import json

import pytest

from testbed.hosts import Agents


def test_the_directory_holds_the_credential_and_nothing_else(agents: Agents) -> None:
    directory = agents.host.file(agents.directory)
    assert (directory.mode, directory.user) == (0o700, "default")
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"
    published = agents.host.file(agents.published)
    assert (published.mode, published.user) == (0o600, "default")


def test_what_is_published_is_a_login_without_the_refresh_token(agents: Agents) -> None:
    source = json.loads(agents.host.file(agents.source).content_string)
    published = json.loads(agents.host.file(agents.published).content_string)
    expected = {key: value for key, value in source["claudeAiOauth"].items() if key != "refreshToken"}
    assert published == {"claudeAiOauth": expected}
    assert source["claudeAiOauth"]["refreshToken"]


@pytest.mark.parametrize("unit", ["claude-creds-mirror.path", "claude-creds-mirror-verify.timer"])
def test_the_mirror_watches(agents: Agents, unit: str) -> None:
    assert agents.systemctl("is-active", unit) == "active"
    assert agents.systemctl("is-enabled", unit) == "enabled"


def test_the_mirror_watches_while_nobody_is_logged_in(agents: Agents) -> None:
    assert agents.host.file("/var/lib/systemd/linger/default").exists


def test_a_person_can_ask_how_it_is(agents: Agents) -> None:
    assert "fake-token" not in agents.status()
