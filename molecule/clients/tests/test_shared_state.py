"""A directory mounted read-write at the place of an agent CLI: a login made in one container is found by the next."""

from __future__ import annotations

from typing import Any

import pytest

CONFIG = "cp --recursive --no-clobber /opt/clients/home/. $HOME"  # the mount hides what the image has there
PLACES = {
    "claude": "/home/claude/.config/claude-code",
    "codex": "/home/claude/.codex",
    "gemini": "/home/claude/.gemini",
    "opencode": "/home/claude/.local/share/opencode",
    "copilot": "/home/claude/.copilot",
}
# By the client's own login where it needs no terminal; else in its form, and with its first run.
LOG_IN = {
    "claude": "fake-login $CLAUDE_CONFIG_DIR/.credentials.json atomic_rename {serial}; claude -p hello",
    "codex": "echo sk-fake-token-access-codex-{serial:06d} | codex login --with-api-key",
    "gemini": f"{CONFIG}; fake-login ~/.gemini/oauth_creds.json in_place {{serial}} gemini",
    "opencode": "fake-login ~/.local/share/opencode/auth.json in_place {serial} opencode",
    "copilot": "echo '{{\"storeTokenPlaintext\": true}}' > ~/.copilot/settings.json; copilot login",
}
# By the client's own word where it has one for that; else by an answer.
STATUS = {
    "claude": ("claude auth status", '"loggedIn": true'),
    "codex": ("codex login status", "API key configured"),
    "gemini": ("gemini --skip-trust -m gemini-2.5-flash -p hello", "serial {serial:06d}"),
    "opencode": ("opencode auth list", "1 credentials"),
    "copilot": ("copilot -p hello", "serial {serial:06d}"),
}


@pytest.mark.parametrize("cli", list(PLACES))
def test_a_login_made_in_one_container_is_found_by_the_next(clients: Any, cli: str) -> None:
    shared = f"/home/clients/shared/{clients.next_serial()}-{cli}"
    clients.host.check_output(f"install --directory --owner=1000 --group=1000 --mode=0700 {shared}")
    options = [f"--mount type=bind,source={shared},target={PLACES[cli]}"]
    if cli == "claude":
        options.append(f"--env CLAUDE_CONFIG_DIR={PLACES[cli]}")
    if cli == "opencode":
        # A mount two levels below the home would be made by root, and with it the level between.
        options.append("--tmpfs /home/claude/.local/state:mode=0777")
    serial = clients.next_serial()
    clients.accept(cli, serial)
    question, sign = STATUS[cli][0], STATUS[cli][1].format(serial=serial)
    if "hello" not in question:  # an answer cannot come without the login
        assert sign not in clients.run(question, *options)[1]
    clients.run(LOG_IN[cli].format(serial=serial), *options)
    status, said = clients.run(question, *options)
    assert (status, sign in said) == (0, True)
    if cli == "claude":
        assert clients.host.file(f"{shared}/.claude.json").exists
