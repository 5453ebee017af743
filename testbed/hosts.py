"""What the scenarios' tests share: a look at containers and credentials on a throwaway host."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import time
from collections.abc import Callable
from typing import Any

import testinfra.host

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "/run/agent-credentials/claude"


def run_module(host: testinfra.host.Host, name: str, arguments: dict[str, Any], *options: str) -> tuple[bool, Any]:
    """Run a module of the collection on a host; whether it succeeded, and what it returned."""
    command = ["ansible", host.check_output("hostname"), "--inventory", "testbed/inventory", *options]
    command += ["--module-name", f"agentops.credentials.{name}", "--args", json.dumps(arguments)]
    settings = {"CONFIG": str(CHECKOUT / "ansible.cfg"), "CALLBACK_RESULT_FORMAT": "json", "PIPELINING": "1"}
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=os.environ | {f"ANSIBLE_{key}": value for key, value in settings.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    _words, arrow, result = done.stdout.partition(" => ")
    return done.returncode == 0, json.loads(result) if arrow else {"msg": done.stdout + done.stderr}


def program(file: str) -> str:
    """An option of the module creds_mirror as the role gives it: the text would be taken for a template."""
    path = CHECKOUT / "roles/creds_mirror/files" / file
    return f"{{{{ lookup('ansible.builtin.file', '{path}', rstrip=false) }}}}"


PROGRAM = {"program": program("creds_mirror.py"), "start": program("start.py")}


def wait_until(holds: Callable[[], bool], fault: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{fault} after {seconds} seconds"
        time.sleep(0.1)


@dataclasses.dataclass
class Agents:
    """The agent containers of one user of a host."""

    host: testinfra.host.Host
    user: str

    @property
    def home(self) -> str:
        return f"/home/{self.user}"

    @property
    def source(self) -> str:
        return f"{self.home}/.claude/.credentials.json"

    @property
    def directory(self) -> str:
        return f"{self.home}/.config/claude-hooks/claude-credentials"

    @property
    def published(self) -> str:
        return f"{self.directory}/.credentials.json"

    def inspect(self, container: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.host.check_output(f"docker inspect {container}"))[0]
        return document

    def inside(self, container: str, path: str = f"{TARGET}/.credentials.json") -> str:
        """What a process in the container reads."""
        return str(self.host.check_output(f"docker exec {container} cat {path}"))

    def login(self, way: str, serial: int) -> None:
        self.host.check_output(f"runuser -u {self.user} -- fake-login {self.source} {way} {serial}")

    def wait_until_published(self, serial: int) -> None:
        token = f"access-{serial:06d}"
        wait_until(lambda: token in self.host.file(self.published).content_string, "the login is not published")

    def wait_until_seen(self, container: str, serial: int) -> None:
        """Until a process in the container reads the login."""
        command, token = f"docker exec --user root {container} cat {TARGET}/.credentials.json", f"access-{serial:06d}"
        wait_until(lambda: token in self.host.run(command).stdout, f"login {serial} is not visible in the container")

    def status(self) -> str:
        """What the mirror says of itself, which must be that it is healthy."""
        status = self.host.run(f"runuser -l {self.user} -c '~/.local/bin/creds-mirror status'")
        assert status.rc == 0, status.stdout + status.stderr
        return str(status.stdout)

    def module(
        self, name: str, arguments: dict[str, Any], user: str = "root", check: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        options = ["--check"] if check else []
        options += ["--become", "--become-user", user] if user != "root" else []
        return run_module(self.host, name, arguments, *options)

    def inode(self, path: str) -> int:
        return int(self.host.check_output(f"stat --format=%i {path}"))

    def systemctl(self, *arguments: str) -> str:
        uid = self.host.check_output(f"id -u {self.user}")
        command = f"XDG_RUNTIME_DIR=/run/user/{uid} systemctl --user {' '.join(arguments)}"
        return str(self.host.run(f"runuser -u {self.user} -- env {command}").stdout.strip())


class UsersEngine:
    """A user's own engine (testbed/engine-kind rootless), which his systemd runs."""

    def __init__(self, agents: Agents) -> None:
        self._host = agents.host
        self._configuration = f"{agents.home}/.config/docker/daemon.json"
        uid = self._host.check_output(f"id -u {agents.user}")
        self._cgroups = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/app.slice"
        self._as_user = (
            f"runuser -u {agents.user} -- env HOME={agents.home} XDG_RUNTIME_DIR=/run/user/{uid}"
            f" DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus DOCKER_HOST=unix:///run/user/{uid}/docker.sock"
        )
        self.client = f"{self._as_user} docker"

    def docker(self, command: str) -> str:
        return str(self._host.check_output(f"{self.client} {command}"))

    def configuration(self) -> dict[str, Any]:
        return dict(json.loads(self._host.file(self._configuration).content_string))

    def restart(self, configuration: dict[str, Any]) -> None:
        text = shlex.quote(json.dumps(configuration))
        self._host.check_output(f"sh -c {shlex.quote(f'printf %s {text} >{self._configuration}')}")
        self._host.check_output(f"{self._as_user} systemctl --user restart docker.service")
        wait_until(lambda: bool(self._host.run(f"{self.client} info").rc == 0), "the user's engine does not answer")

    def forbid_cgroups(self) -> None:
        """Let the user make none where his would be, until his systemd ends."""
        self._host.check_output(f"chown root {self._cgroups}")
