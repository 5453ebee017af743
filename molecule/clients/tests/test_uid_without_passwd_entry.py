"""The real agent CLIs under a uid that the container's /etc/passwd does not know, without and with the key passwd."""

from __future__ import annotations

import pytest

from testbed.real_clients import Clients

ERROR = "uv_os_get_passwd returned ENOENT"
USER = ["--user 12345:12345"]
CONFIG = "mkdir $HOME; cp --recursive /opt/clients/home/. $HOME; cd $HOME"
GEMINI = "gemini --skip-trust -m gemini-2.5-flash -p hello"
CONTAINER = {"cli": "gemini", "credentials_host_dir": "/home/clients/.config/claude-hooks/gemini-credentials",
             "user": "12345:12345", "home": "/tmp/home"}  # fmt: skip


@pytest.fixture
def without(clients: Clients) -> list[str]:
    return [*USER, *clients.launched(CONTAINER)]


@pytest.fixture
def with_entry(clients: Clients) -> list[str]:
    return [*USER, *clients.launched({**CONTAINER, "passwd": True})]


@pytest.mark.parametrize("cli", ["claude", "codex", "gemini", "opencode", "copilot"])
def test_with_a_login_in_its_file_it_needs_no_entry(clients: Clients, without: list[str], cli: str) -> None:
    serial = clients.next_serial()
    clients.accept(cli, serial)
    _status, said = clients.run(f"{CONFIG}; {clients.prompt_with_a_login_of_its_own(cli, serial)}", *without)
    assert f"serial {serial:06d}" in said


def test_gemini_fails_without_an_entry_where_it_looks_for_a_stored_key(
    clients: Clients, without: list[str], with_entry: list[str]
) -> None:
    chosen = "sed -i s/oauth-personal/gemini-api-key/ .gemini/settings.json"
    assert ERROR in clients.run(f"{CONFIG}; {chosen}; {GEMINI}", *without)[1]
    assert ERROR not in clients.run(f"{CONFIG}; {chosen}; {GEMINI}", *with_entry)[1]


def test_with_the_entry_its_encrypted_store_works(clients: Clients, without: list[str], with_entry: list[str]) -> None:
    serial = clients.next_serial()
    clients.accept("gemini", serial)
    login = f"fake-login $HOME/.gemini/oauth_creds.json in_place {serial} gemini"
    forced = "export GEMINI_FORCE_ENCRYPTED_FILE_STORAGE=true"
    steps = f"{CONFIG}; {login}; {forced}; {GEMINI}; test -e .gemini/gemini-credentials.json"
    assert clients.run(steps, *without)[0] != 0
    status, said = clients.run(steps, *with_entry)
    assert (status, f"serial {serial:06d}" in said) == (0, True)
