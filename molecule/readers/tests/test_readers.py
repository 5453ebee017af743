"""On 0.2.0 verify passed while the agent got "Permission denied": case 08."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

from testbed.hosts import CHECKOUT, PROGRAM, TARGET, Agents

LOGIN = f"{TARGET}/.credentials.json"


def reads(agents: Agents, container: str, *options: str) -> bool:
    """Whether a process in the container really reads it."""
    done = agents.host.run(f"docker exec {' '.join(options)} readers-{container} cat {LOGIN}")
    assert done.rc == 0 or "Permission denied" in done.stderr, done.stderr
    return bool(done.rc == 0)


def info(agents: Agents) -> dict[str, Any]:
    succeeded, result = agents.module("agent_mounts_info", {"path": f"{agents.home}/agents.json", "home": agents.home})
    assert succeeded, result
    return dict(result["agents"])


def test_the_verdict_is_what_the_process_reads(agents: Agents) -> None:
    found = info(agents)
    verdicts = {name: found[name]["standing"] == "works" for name in ("root", "owner", "powerless", "other", "person")}
    assert verdicts == {name: reads(agents, name) for name in verdicts}
    assert verdicts == {"root": True, "owner": True, "powerless": False, "other": False, "person": False}


def test_a_devcontainers_user_is_the_reader_where_the_containers_own_is_root(agents: Agents) -> None:
    agent = info(agents)["devcontainer"]
    assert reads(agents, "devcontainer") and not reads(agents, "devcontainer", "--user", "23456")
    assert "devcontainer: claude would run as uid 23456 and cannot read the login" in agent["judgement"]


def test_a_process_that_came_after_the_start_is_the_reader_that_counts(agents: Agents) -> None:
    """What runs the agent CLI counts, also where the container's main process is another user's."""
    agents.host.check_output("docker exec --detach --user 34567:34567 readers-late sh /opt/claude")
    agent = info(agents)["late"]
    assert not reads(agents, "late", "--user", "34567:34567")
    assert (
        "late: claude runs as uid 34567 and cannot read the login (Permission denied): set creds_mirror_readers: "
        in agent["judgement"]
    )


def test_the_id_of_another_person_is_not_advised(agents: Agents) -> None:
    agent = info(agents)["person"]
    assert "uid 4242 belongs to readers-other of the host, who could then read it too" in agent["judgement"]
    assert "creds_mirror_readers" not in agent["judgement"]


def test_who_follows_the_advice_lets_the_reader_in_and_nobody_else(agents: Agents) -> None:
    advised = {name: re.search(r"uids: \[([\d, ]+)\]", agent["judgement"]) for name, agent in info(agents).items()}
    uids = sorted({int(uid) for match in advised.values() if match for uid in match[1].split(",")})
    assert uids == [0, 12345, 23456, 34567]
    options = {**PROGRAM, "user": "readers", "keep_warm": False, "readers": {"uids": uids}}
    succeeded, result = agents.module("creds_mirror", options)
    assert succeeded, result
    after = info(agents)
    for container in ("powerless", "other"):
        assert reads(agents, container) and after[container]["standing"] == "works", after[container]["judgement"]
    assert reads(agents, "devcontainer", "--user", "23456") and after["devcontainer"]["standing"] == "works"
    assert reads(agents, "late", "--user", "34567:34567") and after["late"]["standing"] == "works"
    assert not reads(agents, "person") and after["person"]["standing"] == "fails"
    assert agents.host.run(f"setpriv --reuid=4242 --regid=4242 --clear-groups cat {agents.published}").rc != 0


def test_auto_lets_in_whom_the_operator_has_named_and_nobody_else(agents: Agents) -> None:
    options = {**PROGRAM, "user": "readers", "keep_warm": False, "readers": {}}
    succeeded, result = agents.module("creds_mirror", options)
    assert succeeded, result
    assert not reads(agents, "other")
    command = ["ansible-playbook", "--inventory", "testbed/inventory", "--limit", agents.host.check_output("hostname")]
    command += ["playbooks/mirror.yml", "--extra-vars", json.dumps({"creds_mirror_readers": "auto"})]
    environment = os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    after = info(agents)
    for container in ("powerless", "other"):
        assert reads(agents, container) and after[container]["standing"] == "works", after[container]["judgement"]
    # Another person's id, that of an image's label, and one that a process has taken.
    assert not reads(agents, "person")
    assert not reads(agents, "devcontainer", "--user", "23456")
    assert not reads(agents, "late", "--user", "34567:34567")
    granted = agents.host.check_output(f"getfacl --numeric {agents.directory}")
    assert sorted(line.split(":")[1] for line in granted.splitlines() if line.startswith("user:")) == ["", "0", "12345"]
    assert done.stdout.count("changed=1") == 1
    again = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert again.stdout.count("changed=0") == 1, again.stdout
