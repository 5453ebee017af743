"""What the real claude does to its own way to the login is told, and repaired: clients.md, section 9, and case 11."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.hosts import run_module, wait_until
from testbed.real_clients import HOME, Clients

VETERAN = "clients-veteran"
LINK = "/home/claude/.claude/.credentials.json"
PUBLISHED = "/run/agent-credentials/claude/.credentials.json"
ADD = "claude mcp add --transport http --client-id agent --client-secret server http://127.0.0.1:8080/mcp"
SECRET = "fake-token-mcp-client-secret"


def inside(clients: Clients, container: str, command: str, options: str = "") -> str:
    return str(clients.host.check_output(f"docker exec {options} {container} sh -c %s", command))


def info(clients: Clients, agent: str) -> dict[str, Any]:
    arguments = {
        "path": f"{HOME}/agents.json",
        "home": HOME,
        "mirror_clis": ["claude", "codex", "gemini", "opencode", "copilot"],
    }
    _succeeded, result = run_module(clients.host, "agent_mounts_info", arguments)
    return dict(result["agents"][agent])


@pytest.fixture
def veteran(clients: Clients) -> Iterator[Clients]:
    """In that container `claude` is 2.1.110, which does not know the variable, and opens the link."""
    inside(clients, VETERAN, "ln -sfn claude-2.1.110 /opt/clients/bin/claude", "--user root")
    yield clients
    inside(
        clients,
        VETERAN,
        "ln -sfn ../node_modules/@anthropic-ai/claude-code-linux-x64/claude /opt/clients/bin/claude",
        "--user root",
    )
    inside(clients, VETERAN, f"rm -f {LINK}.before-agent-mounts")


def test_the_way_of_an_older_client_is_the_link(veteran: Clients) -> None:
    serial = veteran.log_in("claude")
    assert veteran.serial_in(veteran.prompt("claude-2.1.110")[1]) == serial
    agent = info(veteran, "veteran")
    assert agent["standing"] == "works", agent["judgement"]


def is_link(clients: Clients, container: str) -> bool:
    return bool(clients.host.run(f"docker exec {container} test -L {LINK}").rc == 0)


def require_repair(clients: Clients, agent: str, command: str) -> dict[str, Any]:
    """The link was replaced: that is told and repaired, and the client answers. What was kept of the file."""
    container = f"clients-{agent}"
    assert not is_link(clients, container)
    serial = clients.log_in("claude")
    assert clients.serial_in(clients.prompt(command, container)[1]) != serial, "it goes on with its own copy"
    found = info(clients, agent)
    assert (found["standing"], found["fresh"]) == ("fails", False)
    assert found["judgement"] == f"{agent}: {LINK} is not a link to the directory: run agentops.credentials.site."

    link = f"{agent}: link {LINK} -> {PUBLISHED} (a file of the container's own is there, which is kept beside it)"
    assert link in clients.repair()["plan"]
    assert is_link(clients, container)
    assert clients.serial_in(clients.prompt(command, container)[1]) == serial
    assert info(clients, agent)["standing"] == "works"
    kept = json.loads(inside(clients, container, f"cat {LINK}.before-agent-mounts"))
    inside(clients, container, f"rm {LINK}.before-agent-mounts")
    return dict(kept)


@pytest.mark.parametrize("version", ["claude-2.1.268", "claude"])
def test_a_link_that_mcp_add_has_replaced_is_told_and_repaired(clients: Clients, version: str) -> None:
    """Without the variable: clients from 2.1.120 on save by a rename over the link, 2.1.110 not at all."""
    clients.log_in("claude")
    add = ADD.replace("claude", version, 1).replace(" server ", f" server-{clients.next_serial()} ")
    inside(clients, "clients-linked", add, f"--env MCP_CLIENT_SECRET={SECRET}")
    kept = require_repair(clients, "linked", "claude")
    assert SECRET in json.dumps(kept["mcpOAuthClientConfig"]), "what the client has saved is not lost"


def test_a_login_of_its_own_that_has_replaced_the_link_is_told_and_repaired(veteran: Clients) -> None:
    """As `/login` of the older client saves it: a whole login, renamed over the link."""
    inside(veteran, VETERAN, f"fake-login {LINK} atomic_rename {veteran.next_serial()}")
    kept = require_repair(veteran, "veteran", "claude-2.1.110")
    assert "refreshToken" in kept["claudeAiOauth"]


def test_a_logout_of_the_container_takes_the_link_away_for_one_run(veteran: Clients) -> None:
    serial = veteran.log_in("claude")
    inside(veteran, VETERAN, f"rm {LINK}")
    assert info(veteran, "veteran")["standing"] == "fails"
    assert veteran.repair()["changed"]
    assert veteran.serial_in(veteran.prompt("claude-2.1.110")[1]) == serial
    assert info(veteran, "veteran")["standing"] == "works"


def test_a_running_client_that_looks_elsewhere_is_told(clients: Clients) -> None:
    clients.log_in("claude")
    talk = "conversation.py open elsewhere stream-json claude -p --verbose --input-format stream-json --output-format stream-json"
    clients.host.check_output(
        f"docker exec --detach --env CLAUDE_SECURESTORAGE_CONFIG_DIR=/home/claude/own clients-claude {talk}"
    )
    try:
        wanted = "and opens /home/claude/own/.credentials.json, but nothing is there: start it without"
        wait_until(lambda: wanted in info(clients, "claude")["judgement"], "it is not told", 60)
    finally:
        clients.host.run("docker exec clients-claude conversation.py close elsewhere")
    wait_until(lambda: info(clients, "claude")["standing"] == "works", "it is told for ever", 60)


# ---------------------------------------------------------------------------------------------------------------------
# What the mount costs


def test_with_the_variable_the_secret_of_an_mcp_server_is_stored_nowhere(clients: Clients) -> None:
    """Why docs/agent-clis.md says so: the client itself does only since 2.1.332."""
    clients.log_in("claude")
    said = inside(
        clients,
        "clients-claude",
        f"cd /tmp && {ADD} && claude mcp remove server >/dev/null",
        f"--env MCP_CLIENT_SECRET={SECRET}",
    )
    assert "Added" in said
    assert clients.host.run(f"docker exec clients-claude grep -rq {SECRET} /home/claude").rc != 0


def test_the_secret_that_is_lost_with_a_file_mount_is_told(clients: Clients) -> None:
    status, said = clients.run(
        f"fake-login $HOME/.claude/.credentials.json atomic_rename 1 >/dev/null; {ADD} >/dev/null && "
        "python3 -c 'import json, os; print(sorted(json.load(open(os.path.expanduser(\"~/.claude/.credentials.json\")))))'",
        f"--env MCP_CLIENT_SECRET={SECRET}",
    )
    assert status == 0 and "mcpOAuthClientConfig" in said, "where the real client keeps it"
    name, file = "clients-mcp", f"{HOME}/mcp.json"
    login = {
        "claudeAiOauth": {"accessToken": "fake-token-1"},
        "mcpOAuthClientConfig": {"server": {"clientSecret": SECRET}},
    }
    clients.host.check_output("printf %%s %s > %s", json.dumps(login), file)
    clients.host.check_output(
        f"docker run --detach --name {name} --network none --volume {file}:{LINK}:ro agentops-clients"
    )
    try:
        agent = {"container": {"name": name, "credentials_host_dir": clients.directory("claude")}}
        succeeded, result = run_module(
            clients.host, "agent_mounts", {"agents": {"mcp": agent}, "home": HOME}, "--check"
        )
        assert succeeded, result
        assert "mcp: the login file in the container holds mcpOAuthClientConfig, too" in " ".join(
            result["agents"]["mcp"]["warnings"]
        )
    finally:
        clients.host.check_output(f"docker rm --force {name}")


# ---------------------------------------------------------------------------------------------------------------------
# Another account


def save(clients: Clients, serial: int, seconds: int, ids: dict[str, str]) -> None:
    """A login as `auth login` saves it: all keys of 2.1.331, of which 2.1.268 has no ids."""
    login = {
        "accessToken": f"fake-token-access-{serial:06d}",
        "refreshToken": f"fake-token-refresh-{serial:06d}",
        "expiresAt": int(time.time() + seconds) * 1000,
        "refreshTokenExpiresAt": int(time.time() + 30 * 24 * 3600) * 1000,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": None,
        **({"subscriptionTypeSource": "sign_in", **ids} if ids else {}),
    }
    place = f"{HOME}/.claude/.credentials.json"
    script = f"umask 077; cat > {place}.tmp.1 && mv {place}.tmp.1 {place}"
    clients.host.check_output(
        "printf %%s %s | runuser -u clients -- sh -c %s", json.dumps({"claudeAiOauth": login}), script
    )


IDS = [{"accountUuid": f"account-{one}", "organizationUuid": f"organization-{one}"} for one in ("a", "b")]


@pytest.mark.parametrize("ids", [[{}, {}], IDS], ids=["2.1.268", "2.1.331"])
def test_another_account_whose_login_ends_earlier_is_used_at_once(clients: Clients, ids: list[dict[str, str]]) -> None:
    """On 0.2.0 without ids: refused as older, and containers were answered 401 until the dead token's nominal end."""
    first, second = clients.next_serial(), clients.next_serial()
    published = clients.host.file(f"{clients.directory('claude')}/.credentials.json")
    save(clients, first, 8 * 3600, ids[0])
    wait_until(lambda: f"access-{first:06d}" in published.content_string, "the first account is not published")
    clients.accept("claude", first)
    conversation = clients.open("claude")
    assert clients.serial_in(conversation.ask()[1]) == first

    clients.host.check_output(f"rm {HOME}/.claude/.credentials.json")
    save(clients, second, 3600, ids[1])
    clients.accept("claude", second)
    wait_until(lambda: f"access-{second:06d}" in published.content_string, "the second account is not published", 5)
    assert clients.serial_in(conversation.ask()[1]) == second
    assert info(clients, "claude")["standing"] == "works"
