"""What the tests of the scenario ``field_reports`` share: containers as in the reports, and the module run on them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from testbed.hosts import Agents


@dataclasses.dataclass
class Field(Agents):
    """The user's containers; they are named without the user's name in front, which they have on the host."""

    def full(self, name: str) -> str:
        return f"{self.user}-{name}"

    @property
    def file_mount(self) -> str:
        """The arguments of ``docker run`` that mount the login as a file."""
        return f"--volume {self.source}:/home/claude/.claude/.credentials.json:ro"

    def clear(self) -> None:
        """Remove the user's containers and networks."""
        listed = f"docker ps --all --quiet --filter name=^/{self.user}-"
        self.host.check_output(f"{listed} | xargs --no-run-if-empty docker rm --force --volumes")
        self.host.check_output(
            f"docker network ls --quiet --filter name=^{self.user}- | xargs --no-run-if-empty docker network rm"
        )

    def start(self, name: str, options: str = "", command: str = "") -> dict[str, Any]:
        """Start a container that has the login as a file; what inspect says of it."""
        self.host.check_output(
            f"docker run --detach --name {self.full(name)} {self.file_mount} {options} agentops-agent {command}"
        )
        return self.inspect(self.full(name))

    def serve(
        self, *names: str, entries: dict[str, Any] | None = None, check: bool = False, **options: Any
    ) -> tuple[bool, dict[str, Any]]:
        """Run the module on agents that are named like their containers, and on ``entries``: whether it succeeded."""
        agents = {name: {"container": self.entry(name)} for name in names} | (entries or {})
        return self.module("agent_mounts", {"agents": agents, "home": self.home, **options}, check=check)

    def entry(self, name: str, **settings: Any) -> dict[str, Any]:
        """What an agent's configuration says of its container."""
        return {"name": self.full(name), "credentials_host_dir": self.directory, **settings}

    def is_untouched(self, before: dict[str, Any]) -> bool:
        """Whether a container runs on as :meth:`start` has told, and nothing is left beside it."""
        name = before["Name"].lstrip("/")
        now = self.inspect(name)
        beside = [other for other in self.names() if other.startswith(f"{name.removeprefix(f'{self.user}-')}.am-")]
        same = all(before[key] == now[key] for key in ("Id", "Config", "HostConfig"))
        return same and before["State"]["StartedAt"] == now["State"]["StartedAt"] and not beside

    def names(self) -> dict[str, str]:
        """Every container of the user, and the engine's word for its state."""
        form = "'{{json .}}'"
        rows = self.host.check_output(f"docker ps --all --filter name=^/{self.user}- --format {form}").splitlines()
        return {row["Names"].removeprefix(f"{self.user}-"): row["State"] for row in map(json.loads, rows)}

    def is_served(self, name: str) -> bool:
        """Whether the container runs and reads the login where the directory is mounted."""
        published = self.host.file(self.published).content_string.strip()
        return self.names().get(name) == "running" and self.inside(self.full(name)) == published
