"""A fleet with a healthy, an ending, a logged-out and an unreachable host is told on one page, and nothing is changed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest
import testinfra.host
from prometheus_client.parser import text_string_to_metric_families

from testbed.hosts import CHECKOUT, Agents, wait_until

USERS = {"healthy": "report", "ending": "report-ending", "out": "report-out"}
METRICS = "/var/lib/creds-mirror-metrics"


def state(host: testinfra.host.Host, user: str) -> str:
    told = host.run(f"runuser -l {user} -c '~/.local/bin/creds-mirror status --json'").stdout
    return str(json.loads(told)[0]["state"])


@pytest.fixture(scope="module", autouse=True)
def fleet(host: testinfra.host.Host) -> None:
    """One login ends in four minutes, one is logged out."""
    ending, out = (Agents(host, user) for user in (USERS["ending"], USERS["out"]))
    host.check_output(f"runuser -u {ending.user} -- fake-login {ending.source} atomic_rename 7 claude 240")
    host.check_output(f"runuser -u {out.user} -- rm -f {out.source}")
    for agents, wanted in ((ending, "ending"), (out, "logged_out")):
        kept = f"{agents.directory.replace('claude-credentials', '.claude-credentials')}.staging/status.json"
        wait_until(
            lambda kept=kept, wanted=wanted: json.loads(host.file(kept).content_string)["life"]["state"] == wanted,  # type: ignore[misc]
            f"{agents.user} is not {wanted}",
            seconds=90,
        )


def report(host: testinfra.host.Host, directory: pathlib.Path, *options: str) -> tuple[int, str]:
    listing = subprocess.run(["testbed/inventory"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    here = json.loads(listing)["_meta"]["hostvars"][host.check_output("hostname")]
    hosts = {name: {**here, "creds_mirror_user": user} for name, user in USERS.items()}
    hosts["gone"] = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"agent_containers_path": "~/agents.json"}}}))
    command = ["ansible-playbook", "-i", str(inventory), "agentops.credentials.report", *options]
    command += ["-e", f"report_directory={directory}"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())  # lines are folded


def test_the_whole_fleet_is_told(host: testinfra.host.Host, tmp_path: pathlib.Path) -> None:
    code, output = report(host, tmp_path)
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


def test_a_fleet_that_is_well_ends_with_success(host: testinfra.host.Host, tmp_path: pathlib.Path) -> None:
    code, output = report(host, tmp_path, "--limit", "healthy")
    assert code == 0, output
    assert "0 of 1 login on 1 host need a person." in output


def test_hosts_that_report_themselves_are_merged(host: testinfra.host.Host, tmp_path: pathlib.Path) -> None:
    for name in ("healthy", "out"):
        report(host, tmp_path, "--limit", name, "-e", f"report_json={tmp_path}/one-{name}.json")
    command = ["ansible-playbook", "-i", "localhost,", "agentops.credentials.report_merge"]
    command += [
        "-e",
        json.dumps({"report_merge": [f"{tmp_path}/one-*.json"], "report_directory": str(tmp_path / "all")}),
    ]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "1 of 2 logins on 2 hosts needs a person: 1 now." in " ".join(done.stdout.split())


def test_prometheus_can_read_it_without_a_look_into_a_home(host: testinfra.host.Host) -> None:
    assert host.file(METRICS).user == "root"
    for user, wanted in (("report", "good"), ("report-ending", "ending"), ("report-out", "logged_out")):
        path = f"{METRICS}/{user}/creds_mirror_claude.prom"
        assert host.file(f"{METRICS}/{user}").user == user

        def states(path: str = path) -> list[str]:
            text = host.run(f"runuser -u nobody -- cat {path}").stdout
            return [
                sample.labels["state"]
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "creds_mirror_login_state" and sample.value
            ]

        fault = f"{user}: {wanted} is not told"
        wait_until(lambda states=states, wanted=wanted: states() == [wanted], fault, seconds=90)  # type: ignore[misc]
    text = host.check_output(f"cat {METRICS}/report/creds_mirror_claude.prom")
    told = {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}
    assert 0 <= told["creds_mirror_last_look_age_seconds"] < 120
    assert told["creds_mirror_publications_total"] >= 1
    active = [s for f in text_string_to_metric_families(text) for s in f.samples if s.name.endswith("unit_active")]
    assert {sample.value for sample in active} == {1}
    assert "fake-token" not in text
