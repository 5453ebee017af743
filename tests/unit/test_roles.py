"""The defaults of a role stand in two files, for Ansible and for people; they must say the same."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

ROLES = pathlib.Path(__file__).parents[2] / "roles"


def load(path: pathlib.Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_argument_specs_and_defaults_agree(role: str) -> None:
    specs = load(ROLES / role / "meta/argument_specs.yml")["argument_specs"]
    documented = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    defaults = load(ROLES / role / "defaults/main.yml")
    # A default that is computed cannot stand in a specification; its words are there.
    computed = {name for name, value in defaults.items() if "{{" in str(value)}
    told = {name: option["default"] for name, option in documented.items() if "default" in option}
    assert told == {name: value for name, value in defaults.items() if name not in computed}
    assert computed <= documented.keys()


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_options_carry_the_name_of_their_role(role: str) -> None:
    assert [name for name in load(ROLES / role / "defaults/main.yml") if not name.startswith(f"{role}_")] == []


def test_no_task_runs_python_where_a_user_could_have_put_modules() -> None:
    """A task's working directory is the connecting user's home, and ``python -c`` looks there first: for docker.py."""
    tasks = [task for file in ROLES.glob("*/tasks/*.yml") for task in load(file)]
    commands = [task["ansible.builtin.command"]["argv"] for task in tasks if "ansible.builtin.command" in task]
    assert [command for command in commands if "-c" in command] == []
