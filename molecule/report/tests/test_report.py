"""A fleet with a healthy, an ending, a logged-out and an unreachable host is told on one page, and nothing is changed."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
from typing import Any

import pytest
import testinfra.host
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from testbed.hosts import CHECKOUT, PROGRAM, Agents, run_module, wait_until

SYSTEM = "report-ending"
"""The user whose mirror is in the system scope."""
USERS = {"healthy": "report", "ending": "report-ending", "out": "report-out"}
METRICS = "/var/lib/creds-mirror-metrics"


def status(agents: Agents) -> dict[str, Any]:
    """The mirror's state file."""
    kept = f"{agents.directory.replace('claude-credentials', '.claude-credentials')}.staging/status.json"
    document: dict[str, Any] = json.loads(agents.host.file(kept).content_string)
    return document


def start(agents: Agents, unit: str) -> None:
    """Have a service of the mirror work now; its timer has it work each minute."""
    if agents.user == SYSTEM:
        name = agents.host.check_output("systemd-escape --template %s %s", f"claude-creds-{unit}@.service", SYSTEM)
        agents.host.check_output("systemctl start %s", name)
    else:
        agents.systemctl("start", f"claude-creds-{unit}.service")


@pytest.fixture(scope="module", autouse=True)
def fleet(host: testinfra.host.Host) -> None:
    """One login ends in four minutes, one is logged out."""
    ending, out = (Agents(host, user) for user in (USERS["ending"], USERS["out"]))
    host.check_output(f"runuser -u {ending.user} -- fake-login {ending.source} atomic_rename 7 claude 240")
    host.check_output(f"runuser -u {out.user} -- rm -f {out.source}")
    start(out, "mirror-verify")
    for agents, wanted in ((ending, "ending"), (out, "logged_out")):

        def is_so(agents: Agents = agents, wanted: str = wanted) -> bool:
            return bool(status(agents)["life"]["state"] == wanted)

        wait_until(is_so, f"{agents.user} is not {wanted}", seconds=90)


def run(*command: str) -> tuple[int, str]:
    """How a command on the controller ended, and what it said, with its folded lines as one."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,  # for what runs on the controller; a host names its own
    }
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def variables(host: testinfra.host.Host, user: str) -> dict[str, Any]:
    """The inventory's variables of a host of the fleet."""
    listing = subprocess.run(["testbed/inventory"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    here: dict[str, Any] = json.loads(listing)["_meta"]["hostvars"][host.check_output("hostname")]
    return {**here, "creds_mirror_user": user, "agent_containers_path": "~/agents.json"}


def test_the_whole_fleet_is_told(host: testinfra.host.Host, tmp_path: pathlib.Path) -> None:
    hosts = {name: variables(host, user) for name, user in USERS.items()}
    hosts["gone"] = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    code, output = run(
        "ansible-playbook", "-i", str(inventory), "agentops.credentials.report", "-e", f"report_directory={tmp_path}"
    )
    assert code == 2, output
    assert "2 of 3 logins on 4 hosts need a person, and 1 host of which nothing is known (1 unreachable)" in output
    assert "changed=0" in output and "changed=1" not in output
    told = json.loads((tmp_path / "agent-logins.json").read_text())
    rows = {row["host"]: (row["level"], row["state"], row["user"], row["fresh"], row["total"]) for row in told["rows"]}
    assert rows == {
        "healthy": ("fine", "good", "report", 1, 1),
        "ending": ("soon", "ending", "report-ending", 1, 1),
        "out": ("now", "logged_out", "report-out", 1, 1),
        "gone": ("now", "unreachable", "", 0, 0),
    }
    assert [row["level"] for row in told["rows"]] == ["now", "now", "soon", "fine"]
    assert "log in on out as report-out" in str(told["rows"])
    page = (tmp_path / "agent-logins.html").read_text()
    assert page.count('<tr role="row" class=') == 4
    assert "fake-token" not in output + page + str(told)


def test_hosts_that_report_themselves_are_merged(host: testinfra.host.Host, tmp_path: pathlib.Path) -> None:
    """What docs/fleet.md says of ansible-pull, with its example as it is; one that is well ends with success."""
    for name, wanted in (("healthy", 0), ("out", 2)):
        repository = tmp_path / name
        repository.mkdir()
        shutil.copy(CHECKOUT / "examples/pull/report.yml", repository)
        inventory = {"all": {"hosts": {"localhost": variables(host, USERS[name])}}}
        (repository / "hosts.yml").write_text(json.dumps(inventory))
        for command in ("init --quiet", "add .", "-c user.name=t -c user.email=t@t commit --quiet --message report"):
            subprocess.run(["git", *command.split()], cwd=repository, check=True)
        pull = ["ansible-pull", "--url", str(repository), "--directory", f"{tmp_path}/of-{name}", "-i", "hosts.yml"]
        code, said = run(*pull, "report.yml", "-e", f"report_directory={tmp_path}/files/{name}")
        assert code == wanted, said
    merge = {"report_merge": [f"{tmp_path}/files/*/agent-logins.json"], "report_directory": f"{tmp_path}/all"}
    code, said = run(
        "ansible-playbook", "-i", "localhost,", "agentops.credentials.report_merge", "-e", json.dumps(merge)
    )
    assert code == 2
    assert "1 of 2 logins on 1 host needs a person: 1 now." in said
    rows = json.loads((tmp_path / "all/agent-logins.json").read_text())["rows"]
    assert [(row["host"], row["user"]) for row in rows] == [
        (socket.gethostname(), USERS["out"]),
        (socket.gethostname(), USERS["healthy"]),
    ]


def samples(host: testinfra.host.Host, user: str) -> list[Sample]:
    """What is told Prometheus of a user, as nobody can read it."""
    text = host.check_output(f"runuser -u nobody -- cat {METRICS}/{user}/creds_mirror_claude.prom")
    assert "fake-token" not in text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


@pytest.mark.parametrize(("name", "state"), [("healthy", "good"), ("ending", "ending"), ("out", "logged_out")])
def test_prometheus_can_read_it_without_a_look_into_a_home(host: testinfra.host.Host, name: str, state: str) -> None:
    agents = Agents(host, USERS[name])
    start(agents, "metrics")
    told = samples(host, agents.user)
    states = [one.labels["state"] for one in told if one.name == "creds_mirror_login_state" and one.value]
    assert states == [state]
    assert (host.file(METRICS).user, host.file(f"{METRICS}/{agents.user}").user) == ("root", agents.user)
    values = {one.name: one.value for one in told}
    assert 0 <= values["creds_mirror_last_look_age_seconds"] < 120
    assert values["creds_mirror_publications_total"] >= 1
    active = {one.labels["unit"]: one.value for one in told if one.name == "creds_mirror_unit_active"}
    assert set(active.values()) == {1}
    assert [unit for unit in active if "metrics" in unit]  # the timer, which has this written each minute


@pytest.mark.parametrize("name", ["healthy", "ending"])
def test_absent_takes_away_what_was_told_prometheus(host: testinfra.host.Host, name: str) -> None:
    """In the user scope, and in the system scope."""
    user = USERS[name]
    directory = host.file(f"{METRICS}/{user}")
    assert directory.exists
    scope = "system" if user == SYSTEM else "user"
    options = {"user": user, "scope": scope, "state": "absent", "metrics_directory": METRICS, **PROGRAM}
    succeeded, result = run_module(host, "creds_mirror", options)
    assert succeeded, result
    assert f"removed {METRICS}/{user}/creds_mirror_claude.prom" in str(result["changes"])
    assert not directory.exists
    assert host.file(f"{METRICS}/{USERS['out']}").exists
    units = host.check_output("systemctl list-units --all --plain --no-legend 'claude-creds-metrics*'")
    assert SYSTEM not in units
