"""In the roles, each option of a module is the variable of its name; none is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.modules import agent_mounts, agent_mounts_info, creds_mirror
from ansible_collections.agentops.credentials.plugins.plugin_utils.role_options import (
    LOOK,
    MIRROR,
    MOUNTS,
    mounts_options,
    options_of_role,
)
from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import SET_BY, variables

NO_VARIABLES = {"program", "start", "mirror_timeout"}
"""Files of the role, and what its entry points decide."""
ENGINE = {"docker_host", "tls", "validate_certs", "ca_path", "client_cert", "client_key", "timeout"}
"""Set by ``module_defaults``, as those of community.docker."""


def same(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("module", "role", "options"),
    [
        (creds_mirror, "creds_mirror", MIRROR),
        (agent_mounts_info, "agent_containers", LOOK),
        (agent_mounts, "agent_containers", MOUNTS),
    ],
)
def test_each_option_of_the_module_is_set_by_a_variable_of_its_role(
    module: Any, role: str, options: tuple[str, ...]
) -> None:
    documented = set(yaml.safe_load(module.DOCUMENTATION).get("options", {}))
    shared = set(_agents_module.argument_spec()) - ENGINE if role == "agent_containers" else set()
    assert set(options) == (documented | shared) - NO_VARIABLES
    names = {(SET_BY if role == "agent_containers" else {}).get(option, f"{role}_{option}") for option in options}
    assert names <= variables()


def test_a_variable_that_is_not_set_or_omitted_is_the_modules_default() -> None:
    class AnsibleValueOmittedError(Exception):
        """Named as that of ansible-core 2.19."""

    def template(value: Any) -> Any:
        if value == "{{ omit }}":
            raise AnsibleValueOmittedError
        return "__omit_place_holder__1f" if value == "{{ omit | d() }}" else value

    given = {"creds_mirror_scope": "{{ omit }}", "creds_mirror_place": "{{ omit | d() }}", "creds_mirror_publish": None}
    assert options_of_role("creds_mirror", MIRROR, {**given, "creds_mirror_clis": ["codex"]}, template) == {
        "clis": ["codex"]
    }


def test_what_is_wrong_with_a_template_is_told() -> None:
    def template(value: Any) -> Any:
        raise ValueError(f"{value} is undefined")

    with pytest.raises(ValueError, match="is undefined"):
        options_of_role("creds_mirror", MIRROR, {"creds_mirror_user": "{{ x }}"}, template)


@pytest.mark.parametrize(
    ("variables_", "options"),
    [
        ({}, {"home": "~"}),
        ({"agent_containers_user": "dev"}, {"home": "~dev"}),
        (
            {"agent_containers_user": "dev", "agent_containers_path": "~/a.json", "agent_containers_agents": {"boss": {}}},
            {"home": "~dev", "path": "~dev/a.json"},
        ),
        ({"agent_containers_path": "~other/a.json"}, {"home": "~", "path": "~other/a.json"}),
        ({"agent_containers_manifest": "", "agent_containers_mirrored": {}}, {"home": "~"}),
        ({"agent_containers_manifest": "~/m.json"}, {"home": "~", "manifest": "~/m.json"}),
        ({"creds_mirror_clis": ["codex"], "creds_mirror_root": "/x"}, {"home": "~", "mirror_clis": ["codex"], "mirror_root": "/x"}),
        ({"agent_containers_apply": False, "agent_containers_agents": {}}, {"home": "~", "apply": False, "agents": {}}),
    ],
)  # fmt: skip
def test_paths_of_the_containers_side_are_in_the_users_home(
    variables_: dict[str, Any], options: dict[str, Any]
) -> None:
    assert mounts_options(MOUNTS, variables_, same) == options
