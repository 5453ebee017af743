"""Agents that share a container: one recreation gives it the directories of all."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers import report
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts

from .. import fakes
from ..world import World
from .situations import FILE, PROBE, TARGET, options

CODEX = "/home/dev/.config/claude-hooks/codex-credentials"
CODEX_FILE = "/home/claude/.codex/auth.json"
STORE = "/run/agent-credentials/codex"


@pytest.fixture
def both(world: World) -> World:
    """claude and codex in boss, each with its login as a file."""
    boss = world.engine.named("boss")
    row = {"Type": "bind", "Source": "/home/dev/.codex/auth.json", "Destination": CODEX_FILE, "RW": False}
    boss["Mounts"].append(row)
    boss["HostConfig"]["Binds"].append(f"{row['Source']}:{CODEX_FILE}:ro")
    world.host.directories[CODEX] = DirectoryFacts(CODEX, "directory", (64768, 4713), ("auth.json",), 0o700, 1000)
    world.agents = {
        "boss-claude": {"container": {"name": "boss", "credentials_host_dir": fakes.DIRECTORY}},
        "boss-codex": {"container": {"name": "boss", "credentials_host_dir": CODEX, "cli": "codex"}},
    }
    return world


def codex(world: World, **settings: Any) -> None:
    assert world.agents
    world.agents["boss-codex"]["container"].update(settings)


def test_one_recreation_gives_a_container_the_directories_of_all(both: World) -> None:
    predicted = both.run(check_mode=True)
    result = both.run()
    assert (
        str(predicted.plan)
        == str(result.plan)
        == (
            PROBE.replace("boss: ", "boss-claude: ")
            + f"""\
boss-claude: create boss.am-new (file_mount; {FILE} is a file mount, which stays at one inode)
boss-claude: link {FILE} -> {TARGET}/.credentials.json (for versions that look there)
boss-codex: link {CODEX_FILE} -> {STORE}/auth.json (the agent CLI looks there)
boss-claude: set restart policy of boss to always (a boot must start it, stopped or not)
boss-claude: stop boss
boss-claude: rename boss -> boss.am-old
boss-claude: rename boss.am-new -> boss
boss-claude: start boss
boss-claude: verify boss: running, sees {fakes.DIRECTORY} read-only
boss-codex: verify boss: running, sees {CODEX} read-only
boss-claude: set restart policy of boss.am-old to no (two must not start)
boss-claude: remove boss.am-old (volumes kept)
"""
        )
    )
    assert result.after == predicted.after == {"boss-claude": Verdict.OK, "boss-codex": Verdict.OK}
    assert {mount["Destination"] for mount in both.engine.named("boss")["Mounts"]} == {"/data", TARGET, STORE}
    assert not both.run().changed
    assert [diff["before_header"] for diff in report.diff(result) if "before" in diff] == [
        "boss-claude (container boss)"
    ]


@pytest.mark.parametrize("writable_layer", ["refuse", "carry"])
def test_what_one_has_already_stays_when_the_other_comes(both: World, writable_layer: Any) -> None:
    options(both, writable_layer=writable_layer)
    agents = both.agents or {}
    codex_alone = {"boss-codex": agents["boss-codex"]}
    both.agents = codex_alone
    both.run()
    # The link lies in the writable layer, where nobody misses it.
    both.engine.layer = ("/home", "/home/claude", "/home/claude/.codex", CODEX_FILE)
    both.agents = agents
    result = both.run()
    assert "copy_layer" not in both.engine.writes, "nobody misses the link, which is made again"
    assert not [one for plan in result.plan.agents for one in plan.differences if one.startswith("dropped")]
    assert result.after == {"boss-claude": Verdict.OK, "boss-codex": Verdict.OK}
    mounts = [mount["Destination"] for mount in both.engine.named("boss")["Mounts"]]
    assert sorted(mounts) == ["/data", TARGET, STORE]
    assert f"link boss.am-new {CODEX_FILE}" in both.engine.writes
    assert not both.run().changed


def test_both_are_restarted_once(both: World) -> None:
    both.run()
    both.engine.writes.clear()
    both.host.stale = (1, 1)
    plan = str(both.run(check_mode=True).plan)
    assert plan.count(": restart boss") == 1
    assert f"boss-codex: verify boss: running, sees {CODEX} read-only" in plan


def test_a_refusal_of_one_holds_both_up_and_each_is_told(both: World) -> None:
    both.engine.layer = ("/srv/notes",)
    failures = both.attempt().failures
    assert set(failures) == {"boss-claude", "boss-codex"}
    assert both.engine.writes == []


def test_a_target_of_the_other_is_refused(both: World) -> None:
    codex(both, target=f"{TARGET}/codex")
    failures = both.attempt().failures
    assert (
        f"boss-codex: container.target {TARGET}/codex is at or below {TARGET}, that of agent boss-claude in the same "
        f"container; choose another."
    ) in failures["boss-codex"]
    assert (
        "boss-claude: its container boss is that of agent boss-codex, too, which is refused" in failures["boss-claude"]
    )
    assert both.engine.writes == []


def test_a_failure_is_that_of_both(both: World) -> None:
    both.engine.fail_at = 8
    failures = both.attempt().failures
    assert "on purpose" in failures["boss-claude"]
    assert (
        failures["boss-codex"]
        == "boss-codex: its container is that of agent boss-claude, too, for which the run failed."
    )
    both.engine.revive()
    assert both.run().changed


@pytest.fixture
def lent(both: World) -> World:
    """boss has the volumes of store, which is an agent's container as well."""
    store = fakes.recorded("boss_file_mount.json")
    store.update(Id="f" * 64, Name="/store")
    both.engine.world[store["Id"]] = store
    both.engine.named("boss")["HostConfig"]["VolumesFrom"] = [store["Id"]]
    assert both.agents
    both.agents["store"] = {"container": {"credentials_host_dir": fakes.DIRECTORY}}
    return both


def test_both_are_planned_again_after_what_they_need(lent: World) -> None:
    assert lent.run().after == dict.fromkeys(("boss-claude", "boss-codex", "store"), Verdict.OK)
    store, boss = lent.engine.named("store"), lent.engine.named("boss")
    assert boss["HostConfig"]["VolumesFrom"] == [store["Id"]]
    assert {mount["Destination"] for mount in boss["Mounts"]} == {TARGET, STORE}
    assert lent.engine.writes.count("create boss.am-new") == 1
    assert not lent.run().changed


def test_what_fails_after_what_they_need_is_told_of_both_once(lent: World) -> None:
    def vanish(name: str, body: Any) -> str:
        made = create(name, body)
        if name == "store.am-new":
            # What boss has written since the first plan.
            lent.engine.layer = ("/srv/notes",)
        return made

    create = lent.engine.create
    lent.engine.create = vanish  # type: ignore[method-assign]
    failures = lent.attempt().failures
    assert set(failures) == {"boss-claude", "boss-codex"}
    for failure in failures.values():
        assert failure.count("/srv/notes") == 1
        assert "for which the run failed" not in failure
    assert "stop boss" not in lent.engine.writes


def test_one_that_is_busy_defers_both(both: World) -> None:
    codex(both, only_when_idle=["busy"])
    both.engine.idle_status = 1
    result = both.run()
    assert [plan.deferred is not None for plan in result.plan.agents] == [True, True]
    assert both.engine.writes == []


def test_what_is_the_containers_is_stated_by_one(both: World) -> None:
    codex(both, home="/tmp/home")
    both.run()
    assert "HOME=/tmp/home" in both.engine.named("boss")["Config"]["Env"]
    assert both.engine.links[both.engine.named("boss")["Id"]].keys() == {
        "/tmp/home/.claude/.credentials.json",
        "/tmp/home/.codex/auth.json",
        # Where the file mounts were.
        "/home/claude/.claude/.credentials.json",
        "/home/claude/.codex/auth.json",
    }
    assert not both.run().changed


def test_state_absent_takes_both_away(both: World) -> None:
    both.run()
    options(both, state="absent")
    both.run()
    assert [mount["Destination"] for mount in both.engine.named("boss")["Mounts"]] == ["/data"]
    assert not both.run().changed


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"cli": "claude"},
            "is already the container of agent boss-claude with the same agent CLI; give each agent of",
        ),
        (
            {"home": "/two"},
            "is already the container of agent boss-claude, which has another container.home; write the",
        ),
    ],
)
def test_what_cannot_be_together_is_a_fault_of_the_second(both: World, settings: dict[str, Any], fault: str) -> None:
    assert both.agents
    both.agents["boss-claude"]["container"]["home"] = "/one"
    codex(both, **settings)
    result = both.attempt()
    assert fault in result.failures["boss-codex"]
    assert result.after == {"boss-claude": Verdict.OK}


def test_the_file_mount_of_another_cli_is_told(both: World) -> None:
    told = (
        f"boss-claude: the container has the login of codex as a file mount at {CODEX_FILE}, too, which stays at one "
        f"inode; add an agent with container.name boss and container.cli codex."
    )
    assert told not in both.run(check_mode=True).warnings
    assert both.agents
    del both.agents["boss-codex"]
    assert told in both.run(check_mode=True).warnings
