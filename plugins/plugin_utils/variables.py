# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles' variables, which a person sets: those that are misspelt, and module options named as the variables."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, Collection, Iterable, Mapping

from ansible_collections.agentops.credentials.plugins.module_utils._base.near import nearest

_ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "roles")
_ALIKE = 5
_DEFAULT = re.compile(r"^([a-z_]+):", re.MULTILINE)
_REGISTERED = ("creds_mirror_result", "agent_containers_result", "agent_containers_verified")

# A module's option → the variable by which the role agent_containers sets it, where it is not agent_containers_OPTION.
SET_BY = {
    "home": "agent_containers_user",
    "mirror_clis": "creds_mirror_clis",
    "mirror_place": "creds_mirror_place",
    "mirror_root": "creds_mirror_root",
    "mirror_sources": "creds_mirror_sources",
}
_NEVER = "(?!)"
_ANSIBLES = r"\bvalue of |\bargument '?|\bElements value for option '?"
"""What Ansible's own words have in front of an option, when a value is not one of its type or choices."""
_SENTENCES = frozenset(("msg", "warnings", "failure", "judgement", "summary", "sentence", "reasons"))
"""What of a module's result is written for a person."""


@lru_cache(maxsize=None)
def variables() -> frozenset[str]:
    """The names of all variables of the roles."""
    names = set(_REGISTERED)
    for role in os.listdir(_ROLES):
        with open(os.path.join(_ROLES, role, "defaults", "main.yml"), encoding="utf-8") as file:
            names.update(_DEFAULT.findall(file.read()))
    return frozenset(names)


def misspelt(names: Iterable[str], known: frozenset[str]) -> list[str]:
    """A sentence for each name that is none of the roles' variables, and near to one."""
    # A play has hundreds of variables: those that neither begin nor end like one of ours are not compared further.
    begins, ends = {name[:_ALIKE] for name in known}, {name[-_ALIKE:] for name in known}
    written = sorted(name for name in names if name[:_ALIKE] in begins or name[-_ALIKE:] in ends)
    found = [(name, nearest(name, known)) for name in written if not name.startswith(("_", "ansible_"))]
    return [f"{name}: there is no such variable; did you mean {near}?" for name, near in found if near]


def is_in_role(task_vars: Mapping[str, Any]) -> bool:
    return str(task_vars.get("ansible_role_name", "")).startswith("agentops.credentials.")


def misspelt_in_role(task_vars: Mapping[str, Any]) -> str:
    """What is wrong with the names of the variables where a task is the role's; empty if nothing is."""
    return " ".join(misspelt(task_vars, variables())) if is_in_role(task_vars) else ""


def in_words_of_the_role(
    result: Mapping[str, Any], options: Collection[str], role: str = "agent_containers"
) -> dict[str, Any]:
    """A module's result, with the role's variables in its sentences in place of the module's options."""
    names = {option: f"{role}_{option}" for option in options}
    if role == "agent_containers":
        names.update((option, variable) for option, variable in SET_BY.items() if option in options)
    names = {option: variable for option, variable in names.items() if variable in variables()}
    # An option of one word is a word, too: it is meant only where something is set to a value.
    words = "|".join(name for name in names if "_" not in name) or _NEVER
    others = "|".join(sorted((name for name in names if "_" in name), key=len, reverse=True)) or _NEVER
    option = re.compile(rf"(?<![\w./-])(?:({others})(?![\w./-]*\w)|(?<=\bset )({words})(?= to\b))")
    ansibles = re.compile(rf"({_ANSIBLES})({words}|{others})\b")

    def said(value: Any) -> Any:
        if isinstance(value, str):
            value = ansibles.sub(lambda match: f"{match[1]}{names[match[2]]}", value)
            return option.sub(lambda match: names[match[1] or match[2]], value)
        return [said(one) for one in value] if isinstance(value, list) else value

    spoken = {key: said(value) if key in _SENTENCES else value for key, value in result.items()}
    agents = result.get("agents")
    if isinstance(agents, dict):
        spoken["agents"] = {name: in_words_of_the_role(agent, options, role) for name, agent in agents.items()}
    return spoken
