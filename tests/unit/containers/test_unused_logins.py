"""Which logins are proved that no agent stands for."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.prove import unused_logins

from .. import fakes
from ..world import World

STATUS = {"life": {"state": "good"}, "source": {"path": "/home/dev/.claude/.credentials.json", "inode": 7}}


@pytest.fixture
def read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {
        f"{fakes.DIRECTORY}/.credentials.json": {"claudeAiOauth": {"expiresAt": 1900000000000}},
        "/home/dev/.config/claude-hooks/.claude-credentials.staging/status.json": STATUS,
    }
    texts = {path: json.dumps(document).encode() for path, document in content.items()}
    monkeypatch.setattr(world.host, "read", texts.get)


def test_a_published_login_is_unused_where_no_agent_has_its_directory(world: World, read: None) -> None:
    request = world.request()
    (one,) = unused_logins(world.host, request.context, ())
    assert (one["cli"], one["directory"]) == ("claude", fakes.DIRECTORY)
    assert one["published"]["expires_at"] == "2030-03-17T17:46:40Z"
    assert one["mirror"] == {**STATUS, "current": False}
    assert unused_logins(world.host, request.context, request.config.agents) == []


def test_where_no_mirror_publishes_there_is_no_login_to_tell_of(world: World) -> None:
    world.host.directories.clear()
    assert unused_logins(world.host, world.request().context, ()) == []
