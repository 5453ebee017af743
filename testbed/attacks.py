"""What the tests of the scenario ``attacks`` share: mal and his containers, and runs of the playbooks as root."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed.hosts import CHECKOUT, Agents

DIRECTORY = "~/.config/claude-hooks/claude-credentials"
GOOD = {"name": "mal-good", "credentials_host_dir": DIRECTORY}
LATE = {"name": "mal-late", "credentials_host_dir": DIRECTORY}
FULL = os.environ.get("FULL") == "1"
PLAYBOOKS = {"agent_mounts": "mounts", "agent_mounts_info": "verify", "creds_mirror": "mirror"}
MODULES: dict[tuple[str, str], dict[str, Any]] = {}
"""The arguments that the role gives a module, by the host's name and the module's."""

WATCHED = ("/usr/local", "/opt/treasure", "/root", "/home/alice", "/etc/systemd/system", "/etc/tmpfiles.d")
"""Where nothing may change, whatever mal names or links: owner, mode, inode, name or content."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run has said: a playbook on all of its streams, a module in all texts of its result."""

    refused: bool
    output: str
    result: dict[str, Any]

    @property
    def words(self) -> str:
        """The output with line breaks and indentation taken out, for messages are folded."""
        return " ".join(self.output.split())

    @property
    def crashed(self) -> bool:
        """Whether it ended in an exception that nobody has expected."""
        return (
            "Traceback" in self.output or "Module failed" in self.output or (self.refused and "msg" not in self.result)
        )


def texts(value: Any) -> Iterator[str]:
    """Every text in a module's result: its keys are agents' names, too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    else:
        yield str(value)


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
        self._send(path, text, user=self.user, directory=self.home)

    def _send(self, path: str, text: str, user: str = "root", directory: str = "/") -> None:
        container = self.host.backend.get_variables()["ansible_host"]
        command = ["docker", "exec", "--interactive", "--user", user, "--workdir", directory, container]
        subprocess.run([*command, "sh", "-c", 'rm -rf "$0"; cat > "$0"', path], input=text.encode(), check=True)

    def start(self, name: str, *options: str, command: str = "", image: str = "agentops-agent") -> None:
        """Start a container of mal's, without any mount of ours."""
        words = ["docker", "run", "--detach", "--name", name, *options, image]
        self.host.check_output(f"{shlex.join(words)} {command}")
        self.undone.append(f"docker rm --force --volumes {name} {name}.am-new {name}.am-old {name}.am-probe")

    def start_late(self) -> None:
        """Start an ordinary agent's container with a mounted file, which a run must migrate."""
        self.start("mal-late", "--user=0", f"--volume={self.source}:/home/claude/.claude/.credentials.json:ro")

    def execute(self, container: str, command: str, user: str = "0") -> str:
        return str(self.host.check_output(f"docker exec --user {user} {container} sh -c %s", command))

    def run(
        self, name: str = "agent_mounts", seconds: float = 30, check: bool = False, diff: bool = False, **arguments: Any
    ) -> Outcome:
        """Run a module as root, with the arguments that the role gives it, changed by some; it must end in time.

        Ansible left it on the host when a playbook ran it first; to run it there takes a tenth of a playbook's time.
        """
        modes = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_tmpdir": None}
        given = MODULES[self.name, name] | arguments | modes
        given = {key: value for key, value in given.items() if value is not None}
        self._send(f"/opt/modules/{name}/debug_dir/args", json.dumps({"ANSIBLE_MODULE_ARGS": given}))
        command = f"python3 /opt/modules/{name}/AnsiballZ_{name}.py execute < /dev/null"
        done = self.host.run(f"timeout --kill-after=1 {seconds} {command}")
        assert done.rc not in (124, 137), f"the run did not end within {seconds} seconds"
        try:
            result: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return Outcome(True, done.stdout + done.stderr, {})
        result.pop("invocation", None)  # what a person sees at -vvv alone
        return Outcome(bool(result.get("failed")), "\n".join(texts(result)), result)

    def bring_modules(self) -> None:
        """Let the playbooks leave on the host what ``run`` runs: a module with all it needs, and its arguments."""
        for name, playbook in PLAYBOOKS.items():
            key = (self.name, name)
            if key in MODULES:
                continue
            self.host.run("rm -rf /root/.ansible/tmp")
            outcome = self.play(playbook, settings={"KEEP_REMOTE_FILES": "1", "PIPELINING": "0"})
            assert not outcome.refused, outcome.output
            self.root(
                f"rm -rf /opt/modules/{name}; mkdir -p /opt/modules/{name}; cd /opt/modules/{name}; "
                f"mv /root/.ansible/tmp/*/AnsiballZ_{name}.py .; python3 AnsiballZ_{name}.py explode; "
                "cp debug_dir/args ."
            )
            MODULES[key] = json.loads(self.host.file(f"/opt/modules/{name}/args").content_string)["ANSIBLE_MODULE_ARGS"]

    @property
    def name(self) -> str:
        return str(self.host.check_output("hostname"))

    def play(
        self, playbook: str = "mounts", *options: str, settings: dict[str, str] | None = None, **variables: Any
    ) -> Outcome:
        """Run a playbook of the collection on the host, as root."""
        command = ["ansible-playbook", "--inventory", "testbed/inventory", "--limit", self.name]
        command += [f"playbooks/{playbook}.yml", "--extra-vars", json.dumps(variables), *options]
        usual = {"CONFIG": str(CHECKOUT / "ansible.cfg"), "PIPELINING": "1", "NOCOLOR": "1"}
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=os.environ | {f"ANSIBLE_{key}": value for key, value in (usual | (settings or {})).items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode != 0, done.stdout, {"msg": done.stdout})

    def snapshot(self) -> str:
        """All that must not change: kind, owner, mode, inode, link target and content of what is watched."""
        watched = f"{' '.join(WATCHED)} -xdev -path /root/.ansible -prune -o"
        find = f"find {watched} -printf '%p %y %U:%G %m %i %l\\n' 2>/dev/null | sort"
        sums = f"find {watched} -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum"
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
        self.host.check_output("/opt/treasures restore")
        self.configure({"good": GOOD})


UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def unprintable(text: str) -> list[str]:
    """Escape sequences' bytes, control characters and bidi controls in what a terminal would be given."""
    return sorted({repr(character) for character in UNPRINTABLE.findall(text)})
