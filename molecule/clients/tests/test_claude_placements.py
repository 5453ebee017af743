"""What claude keeps, and what it cannot, with each placement of the credentials directory."""

from __future__ import annotations

from testbed.real_clients import Clients


def test_with_store_a_session_goes_on_after_a_login(clients: Clients) -> None:
    clients.log_in("claude")
    clients.prompt("claude", options="--session-id 11111111-2222-4333-8444-555555555555")
    serial = clients.log_in("claude")
    status, answer = clients.prompt("claude", options="--resume 11111111-2222-4333-8444-555555555555")
    assert (status, clients.serial_in(answer)) == (0, serial)
    transcripts = clients.host.check_output("docker exec clients-claude find .claude/projects -name '*.jsonl'").split()
    assert [name for name in transcripts if "11111111-2222-4333-8444-555555555555" in name]


def test_with_store_the_link_for_older_versions_stays(clients: Clients) -> None:
    for container in ("clients-claude", "clients-veteran"):
        assert (
            clients.host.check_output(f"docker exec {container} readlink .claude/.credentials.json")
            == "/run/agent-credentials/claude/.credentials.json"
        )


def test_with_config_dir_a_new_claude_answers_and_keeps_nothing(clients: Clients) -> None:
    serial = clients.log_in("claude")
    status, answer = clients.prompt("claude", "clients-literal")
    assert (status, clients.serial_in(answer)) == (0, serial)
    listing = clients.host.check_output("docker exec clients-literal ls -A /home/claude/.config/claude-code")
    assert listing == ".credentials.json"


def test_with_config_dir_claude_2_1_110_says_nothing_and_asks_nothing(clients: Clients) -> None:
    clients.log_in("claude")
    mark = clients.mark()
    _status, answer = clients.prompt("claude-2.1.110", "clients-literal")
    assert answer == ""
    assert [request for request in clients.requests(mark) if request.path.endswith("/v1/messages")] == []
