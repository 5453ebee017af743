"""The power is cut in a recreation: after the boot, without Ansible, one of the agent's containers runs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from testbed.field import Field
from testbed.hosts import Agents, wait_until

NAME = "agent"
SOCKET = "/run/engine-proxy.sock"
MARK = "/run/power-cut"
FULL = os.environ.get("FULL") == "1"

CALLS = ("create", "to always", "stop", "rename", "rename back", "link", "start", "from the original", "remove")
"""The writing calls of a recreation that copies the layer, with the policy unless-stopped; with always "to always" is
left out."""
COMMIT_CALLS = (
    "trial", "to always", "stop", "commit", "rename", "remove the trial", "create", "link", "rename back", "start",
    "from the original", "remove",
)  # fmt: skip


def cuts() -> Iterator[object]:
    """Policy, the writing call before which the power is cut, and whether the layer is carried by commit."""
    chosen = [("unless-stopped", "rename", False), ("unless-stopped", "from the original", False)]
    chosen += [("always", "start", False), ("unless-stopped", "remove the trial", True)]
    if FULL:
        chosen = [
            (policy, call, is_commit)
            for is_commit, calls in ((False, CALLS), (True, COMMIT_CALLS))
            for policy in ("unless-stopped", "always")
            for call in calls[1:]
            if policy == "unless-stopped" or call != "to always"
        ]  # fmt: skip
    for policy, call, is_commit in chosen:
        calls = [one for one in (COMMIT_CALLS if is_commit else CALLS) if policy != "always" or one != "to always"]
        number = calls.index(call) + 1
        yield pytest.param(policy, number, is_commit, id=f"{policy}{'-commit' if is_commit else ''}-before-{call}")


@pytest.fixture
def field(agents: Agents) -> Iterator[Field]:
    field = Field(agents.host, agents.user)
    field.clear()
    yield field
    field.clear()


def outer(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=False)


def cut_power(field: Field, run: Callable[[], object]) -> None:
    """Kill the host when the mark is there, and start it again until its engine answers."""
    machine = str(field.host.ansible.get_variables()["ansible_host"])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        wait_until(lambda: outer("exec", machine, "test", "-e", MARK).returncode == 0, "the call was not made", 60)
        assert outer("kill", machine).returncode == 0
        with contextlib.suppress(Exception):
            running.result(timeout=60)
    assert outer("start", machine).returncode == 0
    wait_until(lambda: outer("exec", machine, "docker", "info").returncode == 0, "the engine is not there", 90)
    outer("exec", "--detach", machine, "sleep", "infinity")  # as testbed/start.yml says


def proxy(field: Field, at: int, then: str) -> None:
    field.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {SOCKET} --at {at} --since create.name=.*.am-new "
        f"--then {json.dumps(then)}"
    )
    field.host.check_output(f"timeout 10 sh -c 'until test -S {SOCKET}; do sleep 0.05; done'; chmod 666 {SOCKET}")


def run(field: Field, is_commit: bool = False, through: str = "/var/run/docker.sock") -> tuple[bool, dict[str, object]]:
    """Run the module; who is not root cannot copy the writable layer."""
    arguments = {"agents": {NAME: {"container": field.entry(NAME)}}, "home": field.home}
    arguments |= {"docker_host": f"unix://{through}", "writable_layer": "carry"}
    return field.module("agent_mounts", arguments, user=field.user if is_commit else "root")


def running(field: Field) -> list[str]:
    return sorted(name for name, state in field.names().items() if state == "running")


def assert_one_runs_and_the_next_run_goes_on(field: Field, policy: str, is_commit: bool, may_both: bool) -> None:
    wait_until(lambda: bool(running(field)), "nothing runs after the boot", 20)
    time.sleep(2)  # what a boot starts, it has started now
    names = running(field)
    assert set(names) <= {NAME, f"{NAME}.am-old"}
    assert len(names) == 1 or may_both, field.names()
    succeeded, result = run(field, is_commit)
    assert succeeded, result
    assert field.names() == {NAME: "running"}
    assert field.inspect(field.full(NAME))["HostConfig"]["RestartPolicy"]["Name"] == policy
    assert field.is_served(NAME)
    assert field.inside(field.full(NAME), "/home/claude/kept") == "precious"


def start(field: Field, policy: str, options: str = "", command: str = "") -> None:
    field.start(NAME, f"--restart {policy} {options}", command)
    field.host.check_output(f"docker exec {field.full(NAME)} sh -c 'printf precious > /home/claude/kept'")


@pytest.mark.parametrize(("policy", "at", "is_commit"), list(cuts()))
def test_after_a_power_cut_one_container_runs_and_the_next_run_goes_on(
    field: Field, policy: str, at: int, is_commit: bool
) -> None:
    # Two of one recreation have the same port, so one of them runs at most.
    start(field, policy, "--publish 127.0.0.1:18230:80")
    proxy(field, at, f"touch {MARK}; sleep 60")
    cut_power(field, lambda: run(field, is_commit, SOCKET))
    assert_one_runs_and_the_next_run_goes_on(field, policy, is_commit, may_both=False)


@pytest.mark.parametrize("policy", ["always", "unless-stopped"] if FULL else ["always"])
def test_after_a_power_cut_while_the_original_is_stopping_it_runs_again(field: Field, policy: str) -> None:
    start(field, policy, "--stop-timeout 20", "sh -c 'trap : TERM; while :; do sleep 1; done'")
    proxy(field, 2 if policy == "always" else 3, f"(sleep 2; touch {MARK}) &")
    cut_power(field, lambda: run(field, through=SOCKET))
    assert_one_runs_and_the_next_run_goes_on(field, policy, is_commit=False, may_both=False)


def test_two_that_a_boot_has_started_are_one_after_the_next_run(field: Field) -> None:
    """Without ports both can run after a power cut between the start of the new one and the end of the old one."""
    start(field, "unless-stopped")
    proxy(field, CALLS.index("from the original") + 1, f"touch {MARK}; sleep 60")
    cut_power(field, lambda: run(field, through=SOCKET))
    assert_one_runs_and_the_next_run_goes_on(field, "unless-stopped", is_commit=False, may_both=True)
