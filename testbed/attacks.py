"""What the tests of the scenario ``attacks`` share: mal and his containers, and runs of the playbooks as root."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed.hosts import CHECKOUT, Agents

DIRECTORY = "~/.config/claude-hooks/claude-credentials"
GOOD = {"name": "mal-good", "credentials_host_dir": DIRECTORY}
LATE = {"name": "mal-late", "credentials_host_dir": DIRECTORY}
FULL = os.environ.get("FULL") == "1"

WATCHED = ("/usr/local", "/opt/treasure", "/root", "/home/alice", "/etc/systemd/system", "/etc/cron.d")
"""Where nothing may change, whatever mal names or links: owner, mode, inode, name or content."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run of a playbook has said, on all of its streams."""

    code: int
    output: str
    seconds: float

    @property
    def refused(self) -> bool:
        return self.code != 0

    @property
    def words(self) -> str:
        """The output with line breaks and indentation taken out, for messages are folded."""
        return " ".join(self.output.split())


@dataclasses.dataclass
class Field(Agents):
    """mal on one host, who may not use the engine, and root, who runs the playbooks."""

    undone: list[str] = dataclasses.field(default_factory=list)

    def root(self, command: str, undo: str = "") -> str:
        if undo:
            self.undone.append(undo)
        return str(self.host.check_output("bash -c %s", f"set -e; {command}"))

    def as_mal(self, command: str, undo: str = "", user: str = "mal") -> str:
        if undo:
            self.undone.append(f"runuser -u {user} -- bash -c {shlex.quote(f'cd; {undo}')}")
        return str(self.host.check_output("runuser -u %s -- bash -c %s", user, f"set -e; cd; {command}"))

    def configure(self, agents: dict[str, Any], path: str = "agents.json") -> None:
        """Write agents.json, as mal; each agent is given by its container."""
        document = {"agents": {name: {"container": container} for name, container in agents.items()}}
        self.write(path, json.dumps(document))

    def write(self, path: str, text: str) -> None:
        """Write a file in mal's home, as mal, whatever its size."""
        container = self.host.backend.get_variables()["ansible_host"]
        command = ["docker", "exec", "--interactive", "--user", "mal", "--workdir", self.home, container]
        subprocess.run([*command, "sh", "-c", 'rm -rf "$0"; cat > "$0"', path], input=text.encode(), check=True)

    def start(self, name: str, *options: str, command: str = "", image: str = "agentops-agent") -> None:
        """Start a container of mal's, without any mount of ours."""
        words = ["docker", "run", "--detach", "--name", name, *options, image]
        self.host.check_output(f"{shlex.join(words)} {command}")
        self.undone.append(f"docker rm --force --volumes {name} {name}.am-new {name}.am-old")

    def start_late(self) -> None:
        """Start an ordinary agent's container with a mounted file, which a run must migrate."""
        self.start("mal-late", "--user=0", f"--volume={self.source}:/home/claude/.claude/.credentials.json:ro")

    def execute(self, container: str, command: str, user: str = "0") -> str:
        return str(self.host.check_output(f"docker exec --user {user} {container} sh -c %s", command))

    def play(self, playbook: str = "mounts", *options: str, seconds: float = 60, **variables: Any) -> Outcome:
        """Run a playbook of the collection on the host, as root; it must end within ``seconds``."""
        name = self.host.check_output("hostname")
        command = ["ansible-playbook", "--inventory", "testbed/inventory", "--limit", name, f"playbooks/{playbook}.yml"]
        command += ["--extra-vars", json.dumps(variables), *options]
        settings = {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1"}
        started, before = time.monotonic(), self._pythons()
        try:
            done = subprocess.run(
                command,
                cwd=CHECKOUT,
                env=os.environ | settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            for process in self._pythons() - before:  # what the run has started on the host
                self.host.run(f"kill -KILL {process}")
            raise AssertionError(f"the run did not end within {seconds} seconds") from error
        return Outcome(done.returncode, done.stdout, time.monotonic() - started)

    def _pythons(self) -> set[int]:
        return {int(line) for line in self.host.run("pgrep -u root python3").stdout.split()}

    def snapshot(self) -> str:
        """All that must not change: kind, owner, mode, inode, link target and content of what is watched."""
        find = f"find {' '.join(WATCHED)} -xdev -printf '%p %y %U:%G %m %i %l\\n' 2>/dev/null | sort"
        sums = f"find {' '.join(WATCHED)} -xdev -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum"
        return self.root(f"{find}; {sums}")

    def containers(self) -> list[str]:
        return str(self.host.check_output("docker ps --all --filter name=mal- --format '{{.Names}}'")).split()

    def mounted(self, container: str) -> dict[str, str]:
        """Where the binds of a container come from, every link followed, by their place in it."""
        binds = {m["Destination"]: m["Source"] for m in self.inspect(container)["Mounts"] if m["Type"] == "bind"}
        return {place: self.host.check_output("realpath -m %s", source) for place, source in binds.items()}

    def stolen_by(self, container: str) -> list[str]:
        """What of the watched places, or of what others than mal own, is mounted in a container."""
        return [source for source in self.mounted(container).values() if source.startswith(WATCHED)]

    def is_served(self, container: str) -> bool:
        """Whether a container has the directory mount of mal's login."""
        return self.mounted(container).get("/run/agent-credentials/claude") == self.directory

    @contextmanager
    def swapping(self, path: str, other: str) -> Iterator[None]:
        """mal exchanges two paths all the time."""
        process = self.as_mal(f"nohup swap-loop {path} {other} >/dev/null 2>&1 & echo $!")
        try:
            yield
        finally:
            self.host.run(f"kill -KILL {process}")

    def undo(self) -> None:
        for command in reversed(self.undone):
            self.host.run("bash -c %s", command)
        self.undone.clear()
        self.configure({"good": GOOD})


UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def unprintable(text: str) -> list[str]:
    """Escape sequences' bytes, control characters and bidi controls in what a terminal would be given."""
    return sorted({repr(character) for character in UNPRINTABLE.findall(text)})
