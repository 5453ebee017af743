"""In the scope system, too, each login is mirrored, by units whose names systemd can read."""

from __future__ import annotations

import pathlib
import shlex

import pytest
import testinfra.host
import yaml

from testbed.hosts import wait_until

SCENARIO = yaml.safe_load((pathlib.Path(__file__).parents[1] / "scenario.yml").read_text())
USERS = list(SCENARIO["scenario_users"].items())


@pytest.mark.parametrize("number", range(len(USERS)), ids=[name for name, _home in USERS])
def test_a_login_is_published_by_the_hosts_systemd(host: testinfra.host.Host, number: int) -> None:
    uid, home = 63100 + number, shlex.quote(USERS[number][1])
    published = f"{home}/.config/claude-hooks/claude-credentials/.credentials.json"
    user = f"setpriv --reuid {uid} --regid {uid} --clear-groups"
    host.check_output(f"{user} fake-login {home}/.claude/.credentials.json in_place 3")
    wait_until(lambda: host.run(f"grep -q access-000003 {published}").rc == 0, "the login is not published")
    assert host.check_output(f"stat --format='%u %a' {published}") == f"{uid} 600"
    assert host.run(f"find {home}/.config/systemd/ -name '*creds-mirror*'").stdout == ""


def test_the_instances_are_the_names_as_systemd_escapes_them(host: testinfra.host.Host) -> None:
    expected = {f"claude-creds-mirror@{host.check_output('systemd-escape -- %s', name)}.path" for name, _home in USERS}
    active = host.check_output("systemctl list-units --plain --no-legend 'claude-creds-mirror@*.path'")
    assert {line.split()[0] for line in active.splitlines() if " active " in line} == expected
