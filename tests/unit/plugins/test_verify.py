# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each way in which an agent stands: whether the play that verifies it fails, and with which sentence."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import yaml

from ansible_collections.agentops.credentials.plugins.module_utils._containers.judgement import judge, summary

from ..containers.test_judgement import AGENT, NOW, WAYS

CHECKOUT = pathlib.Path(__file__).parents[3]
FAILING = ("fails", "not_proven", "absent")


def seen(ways: list[str], failures: dict[str, str]) -> dict[str, Any]:
    """What agent_mounts_info returns of agents of which each stands in one way."""
    agents: dict[str, Any] = {}
    judged = {}
    for way in ways:
        agent = {**AGENT, "directory_inode": 1, "inside": None, **WAYS[way][0]}
        agent["published"] = {"inode": 1, **agent["published"]}
        judged[way] = judge(agent, NOW)
        agents[way] = {
            **agent, "failed": False, "standing": judged[way].standing.value, "judgement": judged[way].of(way)
        }  # fmt: skip
    agents.update({name: {"failed": True, "failure": sentence} for name, sentence in failures.items()})
    return {"agents": agents, "summary": summary(judged, len(failures))}


HOSTS: dict[str, dict[str, Any]] = {
    # Next to an agent that works, so that what fails is the one that is meant.
    **{way: {"agent_containers_verified": seen(["all is well", way], {})} for way in WAYS if way != "all is well"},
    "all is well": {"agent_containers_verified": seen(["all is well"], {})},
    "absent, and allowed": {
        "agent_containers_verified": seen(["all is well", "no container"], {}),
        "agent_containers_verify_allow_absent": True,
    },
    "all absent, and allowed": {
        "agent_containers_verified": seen(["no container"], {}),
        "agent_containers_verify_allow_absent": True,
    },
    "all stopped": {"agent_containers_verified": seen(["stopped"], {})},
    "all deferred": {"agent_containers_verified": seen(["deferred"], {})},
    "no agents": {"agent_containers_verified": seen([], {})},
    "one has a fault": {"agent_containers_verified": seen(["all is well"], {"bad": "bad: container.cli x is wrong."})},
    "no engine": {"agent_containers_verified": {"failed": True, "msg": "the engine does not answer"}},
}
ALONE = {
    "absent, and allowed": None,
    "all absent, and allowed": "0 of 1 agent can work now; absent: no container. No agent was proven to work.",
    "all stopped": "0 of 1 agent can work now; stopped: stopped. No agent was proven to work.",
    "all deferred": "0 of 1 agent can work now; deferred: deferred. No agent was proven to work.",
    "no agents": "0 of 0 agents can work now. No agent was proven to work.",
    "one has a fault": "1 of 2 agents can work now; 1 could not be looked at. bad: container.cli x is wrong.",
    "no engine": "the engine does not answer",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Way → why the play fails, ``None`` if it does not: one run, with a host for each way."""
    directory = tmp_path_factory.mktemp("verify")
    names = {f"host{number}": way for number, way in enumerate(HOSTS)}
    hosts = {
        name: {**HOSTS[way], "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        for name, way in names.items()
    }
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": json.loads(json.dumps(hosts))}}))
    role = {"name": "agentops.credentials.agent_containers", "tasks_from": "judge"}
    why = {"ansible.builtin.set_fact": {"why": "{{ [ansible_failed_result.msg] | flatten | join(' ') }}"}}
    whys = "groups.all | map('extract', hostvars) | map(attribute='why', default='')"
    told = {
        "ansible.builtin.copy": {
            "content": f"{{{{ dict(groups.all | zip({whys})) | to_json }}}}", "dest": str(directory / "told.json")
        },
        "run_once": True,
    }  # fmt: skip
    tasks = [{"block": [{"ansible.builtin.include_role": role}], "rescue": [why]}, told]
    (directory / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml", "play.yml"],
        cwd=directory,
        env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told_by = json.loads((directory / "told.json").read_text())
    return {way: told_by[name] or None for name, way in names.items()}


@pytest.mark.parametrize("way", HOSTS)
def test_whether_the_play_fails_and_with_which_sentence(played: dict[str, str | None], way: str) -> None:
    why = played[way]
    if way in ALONE:
        assert why is None if ALONE[way] is None else (why or "").endswith(str(ALONE[way]))
        return
    _changes, standing, sentence = WAYS[way]
    assert (why is not None) == (standing in FAILING)
    assert why is None or f"{way}: {sentence}." in why
