"""One agent, ``boss``, whose container still has the file mount; and how to run the module's work on it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents import config as _agents
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._containers import plan as _model
from ansible_collections.agentops.credentials.plugins.module_utils._containers import run as _reconcile
from ansible_collections.agentops.credentials.plugins.module_utils._containers.execute import Executor

from . import fakes


@dataclasses.dataclass
class World:
    engine: fakes.FakeEngine
    host: fakes.FakeHost
    options: _model.Options = dataclasses.field(default_factory=_model.Options)
    container: Any = dataclasses.field(default_factory=dict)
    agents: Any = None
    max_parallel: int = 1
    prepared: list[Any] = dataclasses.field(default_factory=list)
    preparation_fails: str | None = None

    def request(self, check_mode: bool = False) -> _reconcile.Request:
        settings = {"name": "boss", "credentials_host_dir": fakes.DIRECTORY, **self.container}
        return _reconcile.Request(
            document={"agents": self.agents or {"boss": {"container": settings}}},
            max_parallel=self.max_parallel,
            context=_agents.Context(
                where="agents.json",
                home="/home/dev",
                mirrored={"/home/dev/.claude/.credentials.json": fakes.DIRECTORY},
            ),
            options=self.options,
            check_mode=check_mode,
        )

    def run(self, check_mode: bool = False) -> _reconcile.Outcome:
        def executor(prover: Any) -> Executor:
            return Executor(
                engine=self.engine,
                prove=prover.prove,
                carry_layer=lambda source, target: self.engine._write("carry_layer"),
                way_back=lambda plan: _reconcile.way_back(self.engine, plan),
            )

        def prepare(preparation: Any) -> None:
            if self.preparation_fails:
                raise EngineError(self.preparation_fails)
            self.prepared.append(preparation)
            if preparation.directory and not check_mode:
                self.host.make(preparation.directory)

        return _reconcile.reconcile(self.request(check_mode), self.engine, self.host, executor, prepare)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(
        "ansible_collections.agentops.credentials.plugins.module_utils._containers.observe._SETTLED", 0.0
    )
    engine = fakes.FakeEngine(fakes.recorded("boss_file_mount.json"))
    return World(engine, fakes.FakeHost(engine))
