"""A login on the host reaches the real agent CLIs in their containers, in the way of each."""

from __future__ import annotations

import pytest

from testbed.real_clients import Clients

COMMANDS = ("claude", "claude-2.1.110", "codex", "gemini", "opencode", "copilot")


@pytest.mark.parametrize("cli", ["claude", "claude-2.1.110", "opencode"])
def test_a_running_process_uses_it_at_its_next_request(clients: Clients, cli: str) -> None:
    container = clients.container(cli)
    first = clients.log_in(clients.cli(cli))
    conversation = clients.open(cli)
    pid, answer = conversation.ask()
    assert clients.serial_in(answer) == first
    started = clients.started(container)
    second = clients.log_in(clients.cli(cli))
    mark = clients.mark()
    now, answer = conversation.ask()
    assert (now, clients.serial_in(answer)) == (pid, second)
    assert clients.started(container) == started
    models = [request for request in clients.requests(mark) if request.path.endswith(("/v1/messages", "/responses"))]
    assert {(request.status, request.tokens) for request in models} == {(200, (("access", clients.cli(cli), second),))}


@pytest.mark.parametrize("cli", ["codex", "copilot"])
def test_a_running_process_uses_it_when_the_server_has_answered_401(clients: Clients, cli: str) -> None:
    first = clients.log_in(cli)
    conversation = clients.open(cli)
    pid, answer = conversation.ask()
    assert clients.serial_in(answer) == first
    second = clients.log_in(cli)
    mark = clients.mark()
    now, answer = conversation.ask()
    assert (now, clients.serial_in(answer)) == (pid, second)
    rejected = [request for request in clients.requests(mark) if request.status == 401]
    assert ("access", cli, first) in [token for request in rejected for token in request.tokens]


@pytest.mark.parametrize("cli", ["claude", "claude-2.1.110", "codex", "opencode"])
def test_a_running_process_recovers_when_the_login_comes_after_the_401(clients: Clients, cli: str) -> None:
    clients.log_in(clients.cli(cli))
    conversation = clients.open(cli)
    pid, _answer = conversation.ask()
    clients.accept(clients.cli(cli), 0)
    assert clients.serial_in(conversation.ask()[1]) == -1
    serial = clients.log_in(clients.cli(cli))
    now, answer = conversation.ask()
    assert (now, clients.serial_in(answer)) == (pid, serial)


def test_a_running_copilot_does_not_recover_then_but_a_new_one_works(clients: Clients) -> None:
    clients.log_in("copilot")
    conversation = clients.open("copilot")
    pid, _answer = conversation.ask()
    clients.accept("copilot", 0)
    assert clients.serial_in(conversation.ask()[1]) == -1
    serial = clients.log_in("copilot")
    now, answer = conversation.ask()
    assert (now, clients.serial_in(answer)) == (pid, -1)
    assert clients.serial_in(clients.prompt("copilot")[1]) == serial


def test_a_running_gemini_keeps_the_login_it_has_started_with(clients: Clients) -> None:
    first = clients.log_in("gemini")
    conversation = clients.open("gemini")
    pid, answer = conversation.ask()
    assert clients.serial_in(answer) == first
    clients.log_in("gemini")
    now, answer = conversation.ask()
    assert (now, clients.serial_in(answer)) == (pid, -1)
    assert '"code": 401' in answer


@pytest.mark.parametrize("cli", COMMANDS)
def test_a_new_process_uses_it(clients: Clients, cli: str) -> None:
    serial = clients.log_in(clients.cli(cli))
    _status, answer = clients.prompt(cli)
    assert clients.serial_in(answer) == serial
