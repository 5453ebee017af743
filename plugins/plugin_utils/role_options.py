# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a module that its role's variables set: ``ROLE_OPTION``, or as ``SET_BY`` says.

Not by templates in the role's tasks: Ansible compiles each of them anew for each host, and some twenty of a task cost
the controller a third of what a ping does (docs/fleet.md).
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import SET_BY

MIRROR = (
    "user",
    "state",
    "scope",
    "clis",
    "place",
    "root",
    "sources",
    "publish",
    "readers",
    "on_logout",
    "logout_grace",
    "keep_warm",
    "keep_warm_environment",
    "notify",
    "metrics_directory",
    "guard_directory",
    "catalog",
    "foreign_files",
)
LOOK = (
    "path",
    "agents",
    "home",
    "mirrored",
    "mirror_clis",
    "mirror_place",
    "mirror_root",
    "mirror_sources",
    "catalog",
    "shared_root",
    "allowed_directories",
    "allowed_containers",
    "allow_commands",
    "trusted_writers",
)
MOUNTS = (
    *LOOK,
    "state",
    "apply",
    "manifest",
    "require_all",
    "recreate_stopped",
    "recreate_dependents",
    "accept_replaced_files",
    "writable_layer",
    "writable_layer_ignore",
    "max_parallel",
    "wait_for",
    "wait_timeout",
)
_IN_HOME = re.compile(r"^~(?=/)")


def options_of_role(
    role: str, options: Iterable[str], variables: Mapping[str, Any], template: Callable[[Any], Any]
) -> dict[str, Any]:
    """Option → value, of those whose variable is set and not omitted.

    :param template: renders the value of a variable, as Ansible's ``Templar.template`` does.
    """
    set_by = SET_BY if role == "agent_containers" else {}
    names = {option: set_by.get(option, f"{role}_{option}") for option in options}
    values = {option: _rendered(variables[name], template) for option, name in names.items() if name in variables}
    return {option: value for option, value in values.items() if value is not None}


def mounts_options(
    options: Iterable[str], variables: Mapping[str, Any], template: Callable[[Any], Any]
) -> dict[str, Any]:
    """The same for the modules of the role agent_containers, whose paths can be in the home of the user."""
    values = options_of_role("agent_containers", options, variables, template)
    values["home"] = f"~{values.get('home', '')}"
    for name in ("path", "manifest"):
        values[name] = _IN_HOME.sub(values["home"], str(values.get(name, "")))
    if values["path"]:
        values.pop("agents", None)
    return {name: value for name, value in values.items() if value or name not in ("path", "manifest", "mirrored")}


def _rendered(value: Any, template: Callable[[Any], Any]) -> Any:
    """A variable's value, or None if it is ``omit``: a text before ansible-core 2.19, an exception since."""
    try:
        rendered = template(value)
    except Exception as error:
        if type(error).__name__ == "AnsibleValueOmittedError":
            return None
        raise
    return None if str(rendered).startswith("__omit_place_holder__") else rendered
