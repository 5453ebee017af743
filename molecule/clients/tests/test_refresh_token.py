"""No container spends or revokes the host's refresh token, whatever its agent CLI tries. Gemini is the exception."""

from __future__ import annotations

import pytest

from testbed.real_clients import Clients

COMMANDS = ("claude", "claude-2.1.110", "codex", "gemini", "opencode", "copilot")


@pytest.mark.parametrize("cli", [cli for cli in COMMANDS if cli != "gemini"])
def test_an_expired_login_is_not_refreshed_by_a_container(clients: Clients, cli: str) -> None:
    clients.log_in(clients.cli(cli), seconds=-60)
    clients.accept(clients.cli(cli), 0)
    mark = clients.mark()
    _status, answer = clients.prompt(cli)
    assert clients.serial_in(answer) == -1
    requests = clients.requests(mark)
    assert [request for request in requests if request.status in (400, 401)]
    assert clients.refresh_tokens(requests) == set()


def test_gemini_does_refresh_for_it_is_given_its_refresh_token(clients: Clients) -> None:
    serial = clients.log_in("gemini", seconds=-60)
    mark = clients.mark()
    _status, answer = clients.prompt("gemini")
    assert clients.serial_in(answer) == serial
    assert clients.refresh_tokens(clients.requests(mark)) == {("gemini", serial)}


@pytest.mark.parametrize("cli", [cli for cli in COMMANDS if cli != "copilot"])
def test_with_a_whole_login_of_its_own_the_same_client_would(clients: Clients, cli: str) -> None:
    """Else the vendors' notes could not tell."""
    serial = clients.next_serial()
    clients.accept(clients.cli(cli), serial + 1)
    mark = clients.mark()
    clients.run(clients.prompt_with_a_login_of_its_own(cli, serial, seconds=-60))
    assert (clients.cli(cli), serial) in clients.refresh_tokens(clients.requests(mark))


@pytest.mark.parametrize("cli", ["claude", "claude-2.1.110"])
def test_a_logout_in_a_container_does_not_revoke_the_login(clients: Clients, cli: str) -> None:
    serial = clients.log_in("claude")
    mark = clients.mark()
    clients.host.check_output(f"docker exec {clients.container(cli)} {cli} auth logout")
    requests = clients.requests(mark)
    assert clients.refresh_tokens(requests) == set()
    assert [request for request in requests if "revoke" in request.path] == []
    # All that it costs is the link, in the one container, of a version that knows no other way.
    clients.repair()
    assert clients.serial_in(clients.prompt(cli)[1]) == serial


def test_with_a_whole_login_of_its_own_the_logout_would(clients: Clients) -> None:
    serial = clients.next_serial()
    mark = clients.mark()
    clients.run(f"fake-login $HOME/.claude/.credentials.json in_place {serial}; claude auth logout")
    assert clients.refresh_tokens(clients.requests(mark)) == {("claude", serial)}
