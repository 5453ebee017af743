"""One agent, ``boss``, whose container still has the file mount; and how to run the module's work on it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.host_needs import FormerPlace, HostNeeds
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._containers import run
from ansible_collections.agentops.credentials.plugins.module_utils._containers.options import Options, Request
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import Session

from . import fakes


@dataclasses.dataclass
class World:
    engine: fakes.FakeEngine
    host: fakes.FakeHost
    options: Options = dataclasses.field(default_factory=Options)
    container: dict[str, Any] = dataclasses.field(default_factory=dict)
    agents: dict[str, Any] | None = None
    max_parallel: int = 1
    require_all: bool = False
    config_path: str | None = None
    former_places: dict[str, str] = dataclasses.field(default_factory=dict)
    trusted_writers: tuple[str, ...] = ()
    provider: FakeProvider = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.provider = FakeProvider(self)

    @property
    def session(self) -> Session:
        return Session(self.engine, self.host, self.provider)

    def request(self, check_mode: bool = False) -> Request:
        settings = {"name": "boss", "credentials_host_dir": fakes.DIRECTORY, **self.container}
        context = ConfigContext(
            where="agents.json",
            home="/home/dev",
            mirrored={"/home/dev/.claude/.credentials.json": fakes.DIRECTORY},
            shared_roots=("/home/dev/.local/share/agentops/agent-auth",),
            owner_uid=1000,
            former_places=self.former_places,
        )
        return Request(
            config=parse({"agents": self.agents or {"boss": {"container": settings}}}, context),
            context=context,
            options=self.options,
            require_all=self.require_all,
            max_parallel=self.max_parallel,
            check_mode=check_mode,
            config_path=self.config_path,
            trusted_writers=self.trusted_writers,
        )

    def attempt(self, check_mode: bool = False) -> run.RunResult:
        """What the module does; agents may fail."""
        return run.reconcile(self.request(check_mode), self.session)

    def run(self, check_mode: bool = False) -> run.RunResult:
        """A run in which no agent fails."""
        result = self.attempt(check_mode)
        assert result.failures == {}, result.failures
        return result

    def failure(self, check_mode: bool = False) -> str:
        """Why the only agent that fails does so."""
        (sentence,) = self.attempt(check_mode).failures.values()
        return sentence


@dataclasses.dataclass
class FakeProvider:
    """Makes on the fake host what containers mount."""

    world: World
    provided: list[HostNeeds] = dataclasses.field(default_factory=list)
    fails: str | None = None
    left: dict[str, str] = dataclasses.field(default_factory=dict)
    """What moves have left: former path → what it is."""

    def missing(self, needs: HostNeeds) -> tuple[str, ...]:
        if self.fails:
            raise EngineError(self.fails)
        wanted = [needs.directory or "", needs.passwd.path if needs.passwd else ""]
        return tuple(f"made {path}" for path in wanted if path and path not in self.world.host.made)

    def leftovers(self, former: FormerPlace) -> tuple[str, ...]:
        return (f"removed the {self.left[former.path]} {former.path}",) if former.path in self.left else ()

    def retire(self, former: FormerPlace) -> None:
        del self.left[former.path]

    def provide(self, needs: HostNeeds) -> None:
        self.provided.append(needs)
        if needs.passwd:
            self.world.host.made.add(needs.passwd.path)
        if needs.directory:
            self.world.host.make(needs.directory)
