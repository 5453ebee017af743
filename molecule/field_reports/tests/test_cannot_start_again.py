"""A container that runs, but that the engine could not start again today, is found before it is stopped."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.field import Field

SINK = """\
import socket, threading
server = socket.create_server(("127.0.0.1", 5514))
while True:
    threading.Thread(target=lambda one=server.accept()[0]: [None for _ in iter(lambda: one.recv(4096), b"")], daemon=True).start()
"""
REFUSED = {
    "logger": "could not start field_reports-logger.am-probe, which has no program: ",
    "dl": "the container needs the network namespace of the container field_reports-vpn, which does not run; start it.",
    "over": "the container has /opt/field_reports/group of the host at /etc/group, and that path is gone from the host",
    "stick": "the container has the device /opt/field_reports/stick, which is gone from the host; plug it in again",
    "linked": "the container needs the linked container field_reports-db, which does not run; start it.",
    "shr": "lies on the mount of /run at /run, which passes mounts on (rshared): the directory could be seen on the host",
}
FOUND_BY_PROBE = {"logger"}


@pytest.fixture(scope="module")
def ran(field: Field) -> dict[str, Any]:
    """The containers as they were, and what check mode and a run have said of them."""
    run = field.host.check_output
    run("mkdir -p /opt/field_reports && cp /etc/group /opt/field_reports/group")
    run("mknod /opt/field_reports/stick c 1 3")
    run("systemctl stop field-sink.service || true")
    run(f"systemd-run --collect --unit field-sink python3 -c '{SINK}'")
    run("timeout 10 sh -c 'until ss -ltn | grep -q 127.0.0.1:5514; do sleep 0.1; done'")
    run("mount --make-rshared /run")
    run("docker network create --subnet 10.199.0.0/30 field_reports-lan")  # with one address
    field.start("vpn")
    field.start("anchor")
    field.start("db")
    before = {
        "logger": field.start(
            "logger", "--restart unless-stopped --log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:5514"
        ),
        "dl": field.start("dl", f"--network container:{field.full('vpn')}"),
        "over": field.start(
            "over", "--read-only --tmpfs /tmp --restart always -v /opt/field_reports/group:/etc/group:ro"
        ),
        "stick": field.start("stick", "--device /opt/field_reports/stick:/dev/stick"),
        "linked": field.start("linked", f"--link {field.full('db')}:db"),
        "shr": field.start("shr", "--user 0 --volume /run:/run:rshared"),
        "joined": field.start("joined", f"--network container:{field.full('anchor')}"),
        "lan": field.start("lan", "--network field_reports-lan"),
        "after": field.start("after", "--publish 127.0.0.1:18230:80 --init"),
    }
    run(f"docker stop --time 0 {field.full('vpn')} {field.full('db')}")
    run("systemctl stop field-sink.service; rm /opt/field_reports/group /opt/field_reports/stick")
    result: dict[str, Any] = {"before": before}
    try:
        result["predicted"] = field.serve(*before, check=True)
        result["done"] = field.serve(*before)
    finally:
        run("mount --make-rprivate /run")
    return result


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason_and_its_container_goes_on(field: Field, ran: dict[str, Any], name: str) -> None:
    """moby/moby#21966, #15757, #33186 (``logger``: the server of a log driver is gone); passteque/gluetun#641 (``dl``,
    ``linked``: who owns the network is stopped); Blackwellboy/model-serving-minefield#100 (``over``: what was mounted is
    deleted); home-assistant/supervisor#1265, marthoc/docker-deconz#300 (``stick``: a device is unplugged);
    moby/moby#36179, opencontainers/runc#4849 (``shr``: a mount below a shared one stays on the host).
    """
    succeeded, result = ran["done"]
    assert not succeeded
    assert REFUSED[name] in result["agents"][name]["failure"]
    assert field.is_untouched(ran["before"][name])


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - FOUND_BY_PROBE))
def test_check_mode_says_the_same(ran: dict[str, Any], name: str) -> None:
    agents = [result["agents"][name]["failure"] for _succeeded, result in (ran["predicted"], ran["done"])]
    assert agents[0] == agents[1]


def test_check_mode_says_what_only_a_run_tries(ran: dict[str, Any]) -> None:
    _succeeded, result = ran["predicted"]
    assert not result["agents"]["logger"]["failed"]
    assert "start field_reports-logger.am-probe, which has no program" in result["plan"]


@pytest.mark.parametrize("name", ["after", "joined", "lan"])
def test_the_others_are_served(field: Field, ran: dict[str, Any], name: str) -> None:
    """With a port, with docker-init, in the network of another one, and on a network with no address for a probe."""
    _succeeded, result = ran["done"]
    assert {one for one, agent in result["agents"].items() if agent["failed"]} == set(REFUSED)
    assert field.is_served(name)


def test_nothing_of_a_container_is_on_the_host_or_stays_there(field: Field, ran: dict[str, Any]) -> None:
    """moby/moby#36179, moby/moby#48305, opencontainers/runc#4849."""
    mounts = field.host.file("/proc/self/mountinfo").content_string
    assert "agent-credentials" not in mounts
    assert not field.host.file("/run/agent-credentials").exists
    assert not [name for name in field.names() if ".am-" in name]
    assert not field.host.file("/opt/field_reports/group").exists


def test_the_log_server_is_back_and_the_agent_is_served(field: Field, ran: dict[str, Any]) -> None:
    field.host.check_output(f"systemd-run --collect --unit field-sink python3 -c '{SINK}'")
    field.host.check_output("timeout 10 sh -c 'until ss -ltn | grep -q 127.0.0.1:5514; do sleep 0.1; done'")
    succeeded, result = field.serve("logger")
    field.host.check_output("systemctl stop field-sink.service")
    assert succeeded, result
    assert field.is_served("logger")
