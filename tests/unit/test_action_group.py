"""``module_defaults`` can name the engine once for all modules that talk to one."""

from __future__ import annotations

import pathlib

import yaml

COLLECTION = pathlib.Path(__file__).parents[2]


def test_every_module_that_talks_to_an_engine_is_in_the_action_group() -> None:
    groups = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())["action_groups"]
    modules = (COLLECTION / "plugins/modules").glob("*.py")
    talking = {path.stem for path in modules if "agentops.credentials.engine" in path.read_text()}
    assert set(groups["agents"]) == talking
