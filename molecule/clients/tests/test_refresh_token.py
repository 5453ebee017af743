"""No container spends or revokes the host's refresh token, whatever the real agent CLI in it tries. Gemini is the exception."""

from __future__ import annotations

from typing import Any

import pytest


COMMANDS = ("claude", "claude-2.1.110", "codex", "gemini", "opencode", "copilot")


@pytest.mark.parametrize("cli", [cli for cli in COMMANDS if cli != "gemini"])
def test_an_expired_login_is_not_refreshed_by_a_container(clients: Any, cli: str) -> None:
    clients.log_in(clients.cli(cli), seconds=-60)
    clients.accept(clients.cli(cli), 0)
    mark = clients.mark()
    _status, answer = clients.prompt(cli)
    assert clients.serial_in(answer) == -1
    requests = clients.requests(mark)
    assert [request for request in requests if request.status == 401]
    assert clients.refresh_tokens(requests) == set()
    serial = clients.log_in(clients.cli(cli))
    assert clients.serial_in(clients.prompt(cli)[1]) == serial


def test_gemini_does_refresh_for_it_is_given_its_refresh_token(clients: Any) -> None:
    serial = clients.log_in("gemini", seconds=-60)
    mark = clients.mark()
    _status, answer = clients.prompt("gemini")
    assert clients.serial_in(answer) == serial
    assert clients.refresh_tokens(clients.requests(mark)) == {("gemini", serial)}


@pytest.mark.parametrize("cli", [cli for cli in COMMANDS if cli != "copilot"])
def test_with_a_whole_login_of_its_own_the_same_client_would(clients: Any, cli: str) -> None:
    """Else the vendors' notes could not tell."""
    serial = 900000
    path = {"claude": ".claude/.credentials.json", "codex": ".codex/auth.json", "gemini": ".gemini/oauth_creds.json"}
    file = path.get(clients.cli(cli), ".local/share/opencode/auth.json")
    clients.accept(clients.cli(cli), serial + 1)
    mark = clients.mark()
    login = f"fake-login /home/claude/{file} in_place {serial} {clients.cli(cli)} -60"
    clients.host.run(
        "docker run --rm --network container:clients-vendors agentops-clients sh -c %s",
        f"{login}; timeout 80 {clients.once[cli]} < /dev/null",
    )
    assert clients.refresh_tokens(clients.requests(mark)) == {(clients.cli(cli), serial)}


@pytest.mark.parametrize("cli", ["claude", "claude-2.1.110"])
def test_a_logout_in_a_container_does_not_revoke_the_login(clients: Any, cli: str) -> None:
    container = clients.container(cli)
    serial = clients.log_in("claude")
    mark = clients.mark()
    clients.host.run(f"docker exec {container} {cli} auth logout")
    assert clients.refresh_tokens(clients.requests(mark)) == set()
    assert [request for request in clients.requests(mark) if "revoke" in request.path] == []
    assert clients.serial_in(clients.prompt("claude", "clients-claude")[1]) == serial
