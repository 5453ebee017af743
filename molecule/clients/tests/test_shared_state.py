"""Mode shared with each real agent CLI: a login made in one container is found in the next."""

from __future__ import annotations

import pytest

from testbed.real_clients import Clients

# By the client's own login where it needs no terminal; else in its form, and with its first run.
LOG_IN = {
    "claude": "fake-login $CLAUDE_CONFIG_DIR/.credentials.json atomic_rename {serial}; claude -p hello",
    "codex": "echo sk-fake-token-access-codex-{serial:06d} | codex login --with-api-key",
    "gemini": "fake-login $GEMINI_CLI_HOME/.gemini/oauth_creds.json in_place {serial} gemini;"
    " cp --no-clobber /opt/clients/home/.gemini/* $GEMINI_CLI_HOME/.gemini",  # which of its logins it is to use
    "opencode": "fake-login $XDG_DATA_HOME/opencode/auth.json in_place {serial} opencode",
    "copilot": "copilot login",
}
# By the client's own word where it has one for that; else by an answer.
STATUS = {
    "claude": ("claude auth status", '"loggedIn": true'),
    "codex": ("codex login status", "API key configured"),
    "gemini": ("gemini --skip-trust -m gemini-2.5-flash -p hello", "serial {serial:06d}"),
    "opencode": ("opencode auth list", "1 credentials"),
    "copilot": ("copilot -p hello", "serial {serial:06d}"),
}


@pytest.mark.parametrize("cli", list(STATUS))
def test_a_login_made_in_one_container_is_found_by_the_next(clients: Clients, cli: str) -> None:
    root = f"/home/clients/shared-{clients.next_serial()}"
    options = clients.launched({"mode": "shared", "cli": cli, "user": "1000:1000"}, shared_root=root)
    serial = clients.next_serial()
    clients.accept(cli, serial)
    question, sign = STATUS[cli][0], STATUS[cli][1].format(serial=serial)
    assert sign not in clients.run(question, *options)[1]
    clients.run(LOG_IN[cli].format(serial=serial), *options)
    status, said = clients.run(question, *options)
    assert (status, sign in said) == (0, True)
    if cli == "claude":
        settings = clients.host.file(f"{root}/claude/.claude/.claude.json")
        assert settings.size > len("{}\n")  # what it has saved beside its login is kept too
