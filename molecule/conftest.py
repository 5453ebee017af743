"""What the scenarios' tests share: a look at containers and credentials on a host, and at unit journals on failure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import testinfra.host

CHECKOUT = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
TARGET = "/run/agent-credentials/claude"


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

    def module(
        self, name: str, arguments: dict[str, Any], user: str = "root", check: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        """Run a module of the collection on the host; whether it succeeded, and what it returned."""
        command = ["ansible", self.host.check_output("hostname"), "--inventory", "testbed/inventory"]
        command += ["--module-name", f"agentops.credentials.{name}", "--args", json.dumps(arguments)]
        command += ["--check"] if check else []
        command += ["--become", "--become-user", user] if user != "root" else []
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

    def inode(self, path: str) -> int:
        return int(self.host.check_output(f"stat --format=%i {path}"))

    def systemctl(self, *arguments: str) -> str:
        uid = self.host.check_output(f"id -u {self.user}")
        command = f"XDG_RUNTIME_DIR=/run/user/{uid} systemctl --user {' '.join(arguments)}"
        return str(self.host.run(f"runuser -u {self.user} -- env {command}").stdout.strip())


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.fixture
def agents(host: testinfra.host.Host, request: pytest.FixtureRequest) -> Agents:
    """The agents of the user who is named like the scenario."""
    scenario = request.path.parent.parent.name
    return Agents(host, "fresh" if scenario == "default" else scenario)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the mirror's journal to the report of a failure."""
    report: Any = yield
    agents = getattr(item, "funcargs", {}).get("agents")
    if report.failed and isinstance(agents, Agents):
        journal = agents.host.run("journalctl --no-pager --lines 60 | grep -e creds-mirror -e systemd -e docker")
        report.sections.append(("journal of the host", journal.stdout))
    return report
