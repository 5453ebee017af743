"""What the action of fleet_report makes of its hosts."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.agentops.credentials.plugins.action.fleet_report import looked_at

from ..report.fleets import NOW, agent, looked


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_host_that_reports_itself_is_not_called_like_every_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "agents-7")
    (seen,) = looked_at([name], {name: {"agent_containers_verified": looked(boss=agent())}}, NOW)
    assert seen.host == "agents-7"


def test_another_host_has_its_name_in_the_inventory() -> None:
    (seen,) = looked_at(["h1"], {"h1": {"creds_mirror_user": "dev"}}, NOW)
    assert (seen.host, seen.user, seen.failure) == ("h1", "dev", "nothing is known")
