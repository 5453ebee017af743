"""A fresh host: the mirror runs, the credentials directory is as promised, agents without a container are no error."""

from __future__ import annotations

import json
import shlex

import pytest

from testbed.hosts import Agents


def test_the_directory_holds_the_credential_and_nothing_else(agents: Agents) -> None:
    directory = agents.host.file(agents.directory)
    assert (directory.mode, directory.user) == (0o700, "default")
    assert agents.host.check_output(f"ls -A {agents.directory}") == ".credentials.json"
    published = agents.host.file(agents.published)
    assert (published.mode, published.user) == (0o600, "default")


def test_what_is_published_is_a_login_without_the_refresh_token(agents: Agents) -> None:
    source = json.loads(agents.host.file(agents.source).content_string)
    published = json.loads(agents.host.file(agents.published).content_string)
    expected = {key: value for key, value in source["claudeAiOauth"].items() if key != "refreshToken"}
    assert published == {"claudeAiOauth": expected}
    assert source["claudeAiOauth"]["refreshToken"]


@pytest.mark.parametrize("unit", ["claude-creds-mirror.path", "claude-creds-mirror-verify.timer"])
def test_the_mirror_watches(agents: Agents, unit: str) -> None:
    assert agents.systemctl("is-active", unit) == "active"
    assert agents.systemctl("is-enabled", unit) == "enabled"


def test_the_mirror_watches_while_nobody_is_logged_in(agents: Agents) -> None:
    assert agents.host.file("/var/lib/systemd/linger/default").exists


def test_a_person_can_ask_how_it_is(agents: Agents) -> None:
    assert "fake-token" not in agents.status()


WATCH = """
import glob, sys, time
token, found, looks, end = ("fake-" + "token").encode(), set(), 0, time.monotonic() + 6
while time.monotonic() < end:
    looks += 1
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            continue
        if token in content:
            found.add(content.decode("utf-8", "replace"))
print(looks, sorted(found))
"""

WRITERS = ["creds-mirror", *(f"ansible-agentops.credentials.{one}" for one in ("creds_mirror", "agent_mounts"))]


def test_no_token_is_in_a_processs_arguments_or_in_the_journal(agents: Agents) -> None:
    """The whole output of the runs is searched by scripts/molecule."""
    agents.host.check_output(f"nohup python3 -c {shlex.quote(WATCH)} > /run/default-watch 2>&1 & sleep 0.5")
    for serial in (7, 8, 9):
        agents.login("atomic_rename", serial)
        agents.wait_until_published(serial)
    agents.host.check_output("timeout 20 sh -c 'until test -s /run/default-watch; do sleep 0.1; done'")
    looks, _blank, found = agents.host.check_output("cat /run/default-watch").partition(" ")
    assert int(looks) > 20
    assert found == "[]"
    # Other scenarios on the same hosts write tokens of their own by Ansible's other modules.
    journal = agents.host.check_output(f"journalctl --no-pager {' '.join(f'--identifier={one}' for one in WRITERS)}")
    assert "creds-mirror" in journal
    assert "Invoked with" in journal
    assert "fake-token" not in journal
