"""The demo's throwaway host, seen from outside: commands in it, and playbooks against it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
INVENTORY = "testbed/inventory"
LOGS = CHECKOUT / ".cache/log"


class DemoError(Exception):
    """A step of the demo failed; ``str()`` is what to tell the person."""


@dataclasses.dataclass(frozen=True)
class PlaybookRun:
    """``changed`` and ``failed`` are counts of tasks; ``error`` is Ansible's last word on it; ``seconds`` wall time."""

    changed: int
    failed: int
    error: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Host:
    """``container``: the name of the host's container."""

    container: str

    @classmethod
    def named(cls, name: str, release: str) -> Host:
        """The host of that name in the inventory; every Ansible process started from here on knows it alone."""
        os.environ["AGENTOPS_HOSTS"] = f"{name}:{release}"
        inventory = subprocess.run([CHECKOUT / INVENTORY], check=True, capture_output=True, text=True)
        return cls(json.loads(inventory.stdout)["_meta"]["hostvars"][name]["ansible_host"])

    def run(self, *command: str, stdin: str | bytes = b"", user: str = "root") -> str:
        """The output of a command in the host."""
        done = subprocess.run(
            ["docker", "exec", "--interactive", "--user", user, self.container, *command],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"{command[0]} failed in {self.container}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode()

    def write(self, path: str, content: bytes, mode: str, user: str = "root") -> None:
        self.run(
            "sh",
            "-c",
            'mkdir -p "$(dirname "$0")" && cat >"$0" && chmod "$1" "$0"',
            path,
            mode,
            stdin=content,
            user=user,
        )

    def playbook(
        self, arguments: list[str], log: str, on_task: Callable[[str, str], None] = lambda *_: None
    ) -> PlaybookRun:
        """Run a playbook; its output goes to the log, ``on_task`` gets each task's name and outcome."""
        LOGS.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        task = error = ""
        changed = failed = 0
        with (
            (LOGS / log).open("w", encoding="utf-8") as file,
            subprocess.Popen(
                ["ansible-playbook", "--inventory", INVENTORY, *arguments],
                cwd=CHECKOUT,
                env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                file.write(line)
                if named := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*?)\]", line):
                    task = named[1].rpartition(" : ")[2]
                elif outcome := re.match(r"(ok|changed|fatal|failed): \[", line):
                    on_task(task, outcome[1])
                elif counts := re.search(r"changed=(\d+) +unreachable=(\d+) +failed=(\d+)", line):
                    changed, failed = int(counts[1]), int(counts[2]) + int(counts[3])
                elif line.startswith("[ERROR]: "):
                    error = line.removeprefix("[ERROR]: ").strip()
        # A playbook that could not begin has no recap.
        failed = failed or int(process.returncode != 0)
        return PlaybookRun(changed, failed, error, time.monotonic() - started)
