"""A run without drift compiles nothing of what changes containers, and asks no more than it must."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers import change, settled
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World

MODULES = "ansible_collections.agentops.credentials.plugins.modules"
CHANGING = {
    "change", "create_request", "execute", "inquiry", "layer_changes", "leftovers", "operations", "planner", "podman",
    "probe",
    "recovery", "recreation", "recreation_advice", "refusals", "relations", "start_conditions", "start_looks", "steady",
    "together", "verify", "versions",
}  # fmt: skip


def imported(statement: str) -> set[str]:
    """The last names of what is imported of the package ``_containers``, in a Python of its own."""
    code = f"{statement}\nimport sys\nprint(*[name for name in sys.modules if '_containers.' in name])"
    path = [entry for entry in sys.path if entry]
    command = [sys.executable, "-c", f"import sys\nsys.path[:0] = {path!r}\n{code}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return {name.rpartition(".")[2] for name in said.split()}


@pytest.mark.parametrize("module", ["agent_mounts", "agent_mounts_info"])
def test_a_module_imports_nothing_of_what_changes_containers(module: str) -> None:
    found = imported(f"import {MODULES}.{module}")
    assert "observe" in found
    assert not found & CHANGING


def test_that_is_all_that_is_imported_late() -> None:
    module = "ansible_collections.agentops.credentials.plugins.module_utils._containers"
    assert imported(f"import {module}.change") - imported(f"import {module}.run") - {"recreation_facts"} == CHANGING


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be changed."""

    def fail(*_arguments: Any) -> None:
        raise AssertionError("there was something to do")

    monkeypatch.setattr(change, "change", fail)


def test_a_run_without_drift_does_without_it(world: World, request: pytest.FixtureRequest) -> None:
    world.run()
    request.getfixturevalue("refused")
    result = world.run()
    assert not result.changed
    assert str(result.plan) == ""
    assert result.after == {"boss": Verdict.OK}


def test_an_agent_without_container_is_no_drift(world: World, refused: None) -> None:
    world.container = {"name": "nobody"}
    assert world.run().after == {"boss": Verdict.ABSENT}


@pytest.mark.parametrize("is_checked", [True, False])
def test_something_to_do_is_not_overlooked(world: World, refused: None, is_checked: bool) -> None:
    with pytest.raises(AssertionError, match="something to do"):
        world.attempt(check_mode=is_checked)


def test_what_a_move_has_left_is_something_to_do(world: World, request: pytest.FixtureRequest) -> None:
    world.run()
    former = "/home/dev/former"
    world.former_places = {fakes.DIRECTORY: former}
    request.getfixturevalue("refused")
    world.run()
    world.provider.left[former] = "link"
    with pytest.raises(AssertionError, match="something to do"):
        world.run()


def test_a_container_that_is_required_and_absent_is_no_settled_run(world: World) -> None:
    world.container, world.require_all = {"name": "nobody"}, True
    assert "set require_all: false" in world.failure()


def test_a_fault_is_the_agents_failure_and_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()

    def fail(_observed: object) -> None:
        raise ValueError

    monkeypatch.setattr(settled, "warnings", fail)
    assert world.failure().count("an unexpected ValueError") == 1
