"""What is in a crash loop, paused, or slow to end is as it was afterwards, and holds nobody up."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from testbed.field import Field
from testbed.hosts import TARGET, wait_until

SOCKET = "/run/engine-proxy.sock"
CRASH = "sh -c 'exit 1'"


@pytest.fixture(autouse=True)
def _tidy(field: Field) -> Iterator[None]:
    yield
    field.host.run("systemctl stop engine-proxy.service")
    field.clear()


def targets(field: Field, name: str) -> set[str]:
    return {mount["Destination"] for mount in field.inspect(field.full(name))["Mounts"]}


def wait_for_crash_loop(field: Field, name: str) -> None:
    wait_until(lambda: field.names().get(name) == "restarting", "it is in no crash loop")


def test_an_agent_in_a_crash_loop_gets_its_mount_goes_on_crashing_and_holds_nobody_up(field: Field) -> None:
    """dokku/dokku#3900 and #4159: what restarts could not be renamed ("sandbox not found")."""
    field.start("loop", "--restart always", CRASH)
    field.start("next")
    wait_for_crash_loop(field, "loop")
    succeeded, result = field.serve("loop", "next")
    assert succeeded, result
    assert sorted(field.names()) == ["loop", "next"]
    wait_for_crash_loop(field, "loop")
    assert TARGET in targets(field, "loop")
    assert field.inspect(field.full("loop"))["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert field.is_served("next")


def test_an_old_container_in_a_crash_loop_is_put_back_under_its_name(field: Field) -> None:
    """dokku/dokku#3900 and #4159: it was left under its other name, and held up every later run."""
    field.start("loop", "--restart always", CRASH)
    wait_for_crash_loop(field, "loop")
    loop = field.full("loop")
    field.host.check_output(f"docker stop {loop}")
    field.host.check_output(f"docker rename {loop} {loop}.am-old")
    field.host.check_output(f"docker create --name {loop} {field.file_mount} --restart always agentops-agent {CRASH}")
    field.host.check_output(f"docker start {loop}.am-old")
    field.start("next")
    wait_until(lambda: field.names().get("loop.am-old") == "restarting", "it is in no crash loop")
    succeeded, result = field.serve("loop", "next")
    assert succeeded, result
    assert sorted(field.names()) == ["loop", "next"]
    assert TARGET in targets(field, "loop")
    assert field.is_served("next")


def test_a_paused_container_that_does_not_see_the_directory_any_more_is_paused_after_its_restart(field: Field) -> None:
    """moby/moby#12802: nobody is to be unpaused by itself."""
    field.start("pau")
    assert field.serve("pau")[0]
    pau = field.full("pau")
    field.host.check_output(f"docker pause {pau}")
    directory = field.directory
    field.host.check_output(
        f"mv {directory} {directory}.x && install -d -o {field.user} -m 755 {directory} && "
        f"mv {directory}.x/.credentials.json {directory}/ && rmdir {directory}.x"
    )
    succeeded, result = field.serve("pau")
    assert succeeded, result
    assert any("pause" in line for line in result["plan"].splitlines())
    assert field.names() == {"pau": "paused"}
    field.host.check_output(f"docker unpause {pau}")
    assert field.is_served("pau")


@pytest.mark.parametrize(
    ("options", "on_term", "says"),
    [
        pytest.param("--stop-timeout -1", "sleep 12; exit 0", "is never killed", id="has-time-without-end"),
        pytest.param("--stop-timeout 2", ":", "", id="ignores-the-stop-signal"),
        pytest.param("--stop-timeout 60", "sleep 12; exit 0", "its program has 60 s to end", id="is-slow"),
    ],
)
def test_a_program_that_takes_its_time_to_end_is_waited_for_and_the_plan_says_so(
    field: Field, options: str, on_term: str, says: str
) -> None:
    field.start("slow", options, f"sh -c 'trap \"{on_term}\" TERM; while :; do sleep 1; done'")
    succeeded, result = field.serve("slow", timeout=5)
    assert succeeded, result
    assert any("stop" in line and says in line for line in result["plan"].splitlines())
    assert field.is_served("slow")


def test_after_a_stop_that_was_not_answered_in_time_the_container_runs_as_before(field: Field) -> None:
    before = field.start("late", "--restart unless-stopped --stop-timeout 1")
    stop = 4  # create, link, restart policy, stop
    then = json.dumps("sleep 15")
    field.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {SOCKET} --at {stop} "
        f"--since create.name=.*.am-new --then {then}"
    )
    field.host.check_output(f"timeout 10 sh -c 'until test -S {SOCKET}; do sleep 0.05; done'")
    succeeded, result = field.serve("late", timeout=5, docker_host=f"unix://{SOCKET}")
    assert not succeeded
    assert "did not answer in time" in result["msg"]
    assert "is in place as before" in result["msg"]
    assert field.names() == {"late": "running"}
    now = field.inspect(field.full("late"))
    assert now["Id"] == before["Id"]
    assert now["HostConfig"] == before["HostConfig"]
    assert field.serve("late")[0]
    assert field.is_served("late")
