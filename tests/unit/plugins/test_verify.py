# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each way in which an agent stands: whether the module that verifies it fails, and with which sentence."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.action.agent_mounts_verify import judged as verified
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


LOOKS: dict[str, tuple[dict[str, Any], bool]] = {
    # Next to an agent that works, so that what fails is the one that is meant.
    **{way: (seen(["all is well", way], {}), False) for way in WAYS if way != "all is well"},
    "all is well": (seen(["all is well"], {}), False),
    "absent, and allowed": (seen(["all is well", "no container"], {}), True),
    "all absent, and allowed": (seen(["no container"], {}), True),
    "all stopped": (seen(["stopped"], {}), False),
    "all deferred": (seen(["deferred"], {}), False),
    "no agents": (seen([], {}), False),
    "one has a fault": (seen(["all is well"], {"bad": "bad: container.cli x is wrong."}), False),
    "no engine": ({"failed": True, "msg": "the engine does not answer"}, False),
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


@pytest.mark.parametrize("way", LOOKS)
def test_whether_it_fails_and_with_which_sentence(way: str) -> None:
    result = verified(*LOOKS[way])
    told = result["msg"] if isinstance(result["msg"], str) else " ".join(result["msg"])
    if way in ALONE:
        assert result["failed"] is (ALONE[way] is not None)
        assert told.endswith(str(ALONE[way] or "absent: no container."))
        return
    _changes, standing, sentence = WAYS[way]
    assert result["failed"] is (standing in FAILING)
    assert (f"{way}: {sentence}." in told) is (standing in FAILING)


def test_what_is_shown_is_a_line_for_each_agent_then_the_summary_and_the_problems() -> None:
    heading, first, second, summed, *found = verified(seen(["all is well", "stopped"], {}))["msg"]
    assert heading.startswith("AGENT ")
    assert (first.split("  ")[0], second.split("  ")[0]) == ("all is well", "stopped")
    assert summed == "1 of 2 agents can work now; stopped: stopped."
    assert found == []


def test_the_play_fails_where_nothing_can_be_looked_at(tmp_path: pathlib.Path) -> None:
    options = {"agents": {}, "docker_host": f"unix://{tmp_path}/none", "allow_absent": True}
    task = {"agentops.credentials.agent_mounts_verify": options}
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=tmp_path,
        env=os.environ
        | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "start it, set docker_host" in done.stdout
