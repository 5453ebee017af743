"""A writable layer that cannot be copied is carried by docker commit, said before, and nothing of it is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.hosts import Agents

NAME = "carry-agent"
PROXY = "/run/engine-proxy.sock"
VFS = "/run/docker-carry.sock"
OVERLAY = "/var/run/docker.sock"
FILE_MOUNT = "type=bind,source=/home/carry/.claude/.credentials.json,target=/home/claude/.claude/.credentials.json"
CHANGES = re.compile(
    r" (\.dockerenv|(proc|sys|etc)/|(dev|run|home/claude/\.claude)/.*|etc/(hostname|hosts|mtab|resolv\.conf)( .*)?)$"
)
"""What the engine puts into each container, and what is asked for: mount point and link."""
WRITTEN = """
mkdir -p /srv/deep/er && echo notes > /srv/deep/er/notes && ln /srv/deep/er/notes /srv/again
ln -s deep /srv/link && mkfifo /srv/fifo && touch /srv/tool && chown 1000:7 /srv/tool && chmod 4751 /srv/tool
touch -d 2020-02-02 /srv/old && rm /etc/group && rm -r /home/claude/.config
"""


class Engine:
    """One of the host's engines, with the one container of the test."""

    def __init__(self, agents: Agents, socket: str) -> None:
        self.agents, self.socket = agents, socket

    def docker(self, command: str) -> str:
        return str(self.agents.host.check_output(f"docker --host unix://{self.socket} {command}"))

    def start(self) -> dict[str, Any]:
        self.docker(f"run --detach --name {NAME} --restart unless-stopped --mount {FILE_MOUNT} agentops-agent")
        self.docker(f"exec --user 0 {NAME} sh -ec '{WRITTEN}'")
        return self.inspect()

    def inspect(self) -> dict[str, Any]:
        return dict(json.loads(self.docker(f"inspect {NAME}"))[0])

    def names(self, options: str = "") -> list[str]:
        return self.docker(f"ps {options} --filter name={NAME} --format '{{{{.Names}}}}'").split()

    def images(self) -> list[str]:
        return self.docker("images --format '{{.Repository}}:{{.Tag}}' agentops-carried").split()

    def files(self) -> list[str]:
        """Every file of the container's root with its kind, mode, owner, size, time and links."""
        listing = self.docker(f"export {NAME} | tar --list --verbose --numeric-owner --full-time").splitlines()
        return sorted(line for line in listing if not CHANGES.search(line))

    def run(self, user: str = "root", check: bool = False, through: str = "") -> tuple[bool, Any]:
        container = {"name": NAME, "credentials_host_dir": self.agents.directory}
        return self.agents.module(
            "agent_mounts",
            {
                "agents": {"one": {"container": container}},
                "docker_host": f"unix://{through or self.socket}",
                "writable_layer": "carry",
            },
            user=user,
            check=check,
        )


@pytest.fixture(params=[(VFS, "root"), (OVERLAY, "carry")], ids=["vfs", "overlay2-not-root"])
def engine(agents: Agents, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(agents, request.param[0])
    yield engine
    agents.host.run("systemctl stop engine-proxy.service")
    for suffix in ("", ".am-new", ".am-old", ".am-probe"):
        agents.host.run(f"docker --host unix://{engine.socket} rm --force {NAME}{suffix}")
    for image in engine.images():
        engine.docker(f"rmi {image}")


def is_whole(engine: Engine, files: list[str]) -> bool:
    assert engine.files() == files
    assert engine.docker(f"exec --user 0 {NAME} cat /srv/again") == "notes"
    return engine.names("--all") == engine.names() == [NAME]


def test_the_layer_is_kept_by_commit_and_the_plan_says_so(engine: Engine) -> None:
    user = "root" if engine.socket == VFS else "carry"
    before, files = engine.start(), engine.files()
    image = f"agentops-carried:{NAME}-{before['Id'][:12]}-unless-stopped"
    reason = "the storage driver is vfs, not overlay2" if engine.socket == VFS else "this user cannot reach"

    succeeded, predicted = engine.run(user, check=True)
    assert succeeded, predicted
    assert f"commit {NAME} to the image {image} (its writable layer cannot be copied: {reason}" in predicted["plan"]
    assert any("user.*" in difference for difference in predicted["agents"]["one"]["differences"])
    assert engine.inspect()["Id"] == before["Id"]
    assert engine.images() == []

    succeeded, done = engine.run(user)
    assert succeeded, done
    assert done["plan"] == predicted["plan"]
    assert is_whole(engine, files)
    assert engine.images() == [image]
    now = engine.inspect()
    assert now["Config"]["Image"] == image
    ignored = {"Image", "Hostname", "Env"}
    assert {**now["Config"], **dict.fromkeys(ignored)} == {**before["Config"], **dict.fromkeys(ignored)}
    assert now["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]

    succeeded, again = engine.run(user)
    assert succeeded, again
    assert not again["changed"]


@pytest.mark.parametrize("engine", [(VFS, "root")], indirect=True, ids=["vfs"])
@pytest.mark.parametrize("at", [7, 8, 10, 13])  # before the commit, after it, before the clone, before the start
def test_after_a_kill_the_next_run_loses_nothing_and_leaves_no_image(engine: Engine, at: int) -> None:
    before, files = engine.start(), engine.files()
    engine.agents.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {PROXY} --engine {engine.socket} "
        f"--at {at} --then 'kill -KILL {{pid}}'"
    )
    engine.agents.host.check_output(f"timeout 10 sh -c 'until test -S {PROXY}; do sleep 0.05; done'")
    succeeded, _result = engine.run(through=PROXY)
    assert not succeeded
    assert len(engine.names()) <= 1
    succeeded, result = engine.run()
    assert succeeded, result
    assert is_whole(engine, files)
    assert engine.images() == [f"agentops-carried:{NAME}-{before['Id'][:12]}-unless-stopped"]
    assert engine.docker("images --quiet --filter dangling=true") == ""


@pytest.mark.parametrize("engine", [(VFS, "root")], indirect=True, ids=["vfs"])
def test_a_failure_after_the_commit_takes_the_image_away_again(engine: Engine) -> None:
    before, files = engine.start(), engine.files()
    # What the clone needs goes while the original is stopped.
    engine.agents.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {PROXY} --engine {engine.socket} "
        f"--at 10 --then 'mv {engine.agents.directory} {engine.agents.directory}.away'"
    )
    engine.agents.host.check_output(f"timeout 10 sh -c 'until test -S {PROXY}; do sleep 0.05; done'")
    succeeded, result = engine.run(through=PROXY)
    engine.agents.host.check_output(f"mv {engine.agents.directory}.away {engine.agents.directory}")
    assert not succeeded
    assert "is in place as before" in result["msg"]
    assert engine.inspect()["Id"] == before["Id"]
    assert is_whole(engine, files)
    assert engine.images() == []
