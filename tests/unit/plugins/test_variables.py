"""The roles' variables as a person writes them, and as messages name them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import (
    in_words_of_the_role,
    misspelt,
    misspelt_in_role,
    variables,
)

OPTIONS = frozenset((*_agents_module.argument_spec(), "writable_layer", "writable_layer_ignore", "recreate_dependents"))


def test_variables_are_those_of_both_roles() -> None:
    assert {"creds_mirror_user", "agent_containers_path", "agent_containers_verified"} <= variables()


@pytest.mark.parametrize("name", ["creds_mirror_cli", "creds_mirror_usr", "agent_container_path"])
def test_a_misspelt_variable_stops_the_role(name: str) -> None:
    role = {"ansible_role_name": "agentops.credentials.creds_mirror", "creds_mirror_user": "dev", name: "x"}
    assert misspelt_in_role(role).startswith(f"{name}: there is no such variable; did you mean ")
    assert misspelt_in_role({**role, "ansible_role_name": "somebody.elses.role"}) == ""


def test_other_peoples_variables_are_none_of_ours() -> None:
    others = [
        "ansible_user",
        "creds_mirror_of_the_company",
        "__creds_mirror_usr",
        "user",
        "docker_users",
        "inventory_dir",
    ]
    assert misspelt([*others, *variables()], variables()) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("boss: set writable_layer to carry, or add it to writable_layer_ignore.",
         "boss: set agent_containers_writable_layer to carry, or add it to agent_containers_writable_layer_ignore."),
        ("set recreate_dependents: true", "set agent_containers_recreate_dependents: true"),
        ("x: does not exist; set path to the agents' configuration.",
         "x: does not exist; set agent_containers_path to the agents' configuration."),
        ("home: /x is no home; set home to one.", "home: /x is no home; set agent_containers_user to one."),
        ("only_when_idle is forbidden by allow_commands: false",
         "only_when_idle is forbidden by agent_containers_allow_commands: false"),
        ("value of writable_layer must be one of: refuse, carry, discard, got: keep",
         "value of agent_containers_writable_layer must be one of: refuse, carry, discard, got: keep"),
        ("argument 'writable_layer' is of type <class 'dict'>",
         "argument 'agent_containers_writable_layer' is of type <class 'dict'>"),
        ("mirror_clis: no agent CLI is named x", "creds_mirror_clis: no agent CLI is named x"),
        ("set creds_mirror_place to system", "set creds_mirror_place to system"),
        ("/srv/writable_layer/x and the path to it", "/srv/writable_layer/x and the path to it"),
        ("start it, set docker_host, or use become", "start it, set docker_host, or use become"),
    ],
)  # fmt: skip
def test_messages_name_the_variable_that_the_reader_set(said: str, words: str) -> None:
    result: dict[str, Any] = {"msg": said, "agents": {"boss": {"failure": said, "warnings": [said], "target": said}}}
    assert in_words_of_the_role(result, OPTIONS) == {
        "msg": words,
        "agents": {"boss": {"failure": words, "warnings": [words], "target": said}},
    }


def test_the_mirrors_role_has_its_own() -> None:
    said = {"msg": "value of scope must be one of: user, system, got: all; a root of the scope"}
    words = "value of creds_mirror_scope must be one of: user, system, got: all; a root of the scope"
    assert in_words_of_the_role(said, {"scope", "root", "program"}, "creds_mirror") == {"msg": words}
