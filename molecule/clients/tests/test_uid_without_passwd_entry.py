"""The real agent CLIs under a uid that the container's /etc/passwd does not know; and gemini with a generated one."""

from __future__ import annotations

from typing import Any

import pytest

ERROR = "uv_os_get_passwd returned ENOENT"
PASSWD = "/home/clients/passwd"
USER = ["--user 12345:12345", "--env HOME=/tmp/home"]
ENTRY = f"--mount type=bind,source={PASSWD},target=/etc/passwd,readonly"
CONFIG = "mkdir /tmp/home; cp --recursive /opt/clients/home/. /tmp/home; cd /tmp/home"
GEMINI = "gemini --skip-trust -m gemini-2.5-flash -p hello"


@pytest.fixture(autouse=True)
def _passwd(clients: Any) -> None:
    lines = "root:x:0:0:root:/root:/bin/sh\\nagent:x:12345:12345:agent:/tmp/home:/bin/sh\\n"
    clients.host.check_output(f"printf '{lines}' > {PASSWD} && chmod 644 {PASSWD}")


@pytest.mark.parametrize("cli", ["claude", "codex", "gemini", "opencode", "copilot"])
def test_with_a_login_in_its_file_it_needs_no_entry(clients: Any, cli: str) -> None:
    serial = clients.next_serial()
    clients.accept(cli, serial)
    _status, said = clients.run(f"{CONFIG}; {clients.prompt_with_a_login_of_its_own(cli, serial)}", *USER)
    assert f"serial {serial:06d}" in said


def test_gemini_fails_without_an_entry_where_it_looks_for_a_stored_key(clients: Any) -> None:
    chosen = "sed -i s/oauth-personal/gemini-api-key/ .gemini/settings.json"
    assert ERROR in clients.run(f"{CONFIG}; {chosen}; {GEMINI}", *USER)[1]
    assert ERROR not in clients.run(f"{CONFIG}; {chosen}; {GEMINI}", *USER, ENTRY)[1]


def test_with_the_entry_geminis_encrypted_store_works(clients: Any) -> None:
    serial = clients.next_serial()
    clients.accept("gemini", serial)
    login = f"fake-login /tmp/home/.gemini/oauth_creds.json in_place {serial} gemini"
    forced = [*USER, "--env GEMINI_FORCE_ENCRYPTED_FILE_STORAGE=true"]
    stored = "test -e .gemini/gemini-credentials.json"
    assert clients.run(f"{CONFIG}; {login}; {GEMINI}; {stored}", *forced)[0] != 0
    status, said = clients.run(f"{CONFIG}; {login}; {GEMINI}; {stored}", *forced, ENTRY)
    assert (status, f"serial {serial:06d}" in said) == (0, True)
