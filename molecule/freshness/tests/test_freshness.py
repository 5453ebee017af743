"""The verdict on each case of molecule/freshness/cases, what is proved of it, and that one run heals all."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.hosts import Agents

ROOT = "/opt/freshness"
TARGET = "/run/agent-credentials/claude"

# case → verdict, fresh
CASES: dict[str, tuple[str, bool | None]] = {
    "ok": ("ok", True),
    "unlinked": ("missing", True),  # as a launcher starts it: only the link for older versions is missing
    "spelled": ("ok", True),  # the same paths, with dots and double slashes; its link is missing
    "image-link": ("ok", True),  # the target lies below a link of the image
    "scratch": ("ok", True),  # an image without /etc/passwd and without programs
    "file": ("file_mount", False),  # the credential file is mounted
    "nested": ("file_mount", False),  # the credential file is mounted inside a mounted directory
    "source": ("wrong_source", False),
    "writable": ("writable", False),
    "missing": ("missing", False),
    "removed": ("stale", False),  # the directory was removed and made again
    "renamed": ("stale", False),  # the directory was renamed away, and another one made in its place
    "flipped": ("stale", False),  # the source is a link, which leads to another directory by now
    "hostile": ("stale", False),  # the container has put a link where its target's parent was
    "stopped": ("ok", None),  # there is no process whose view could be looked at
    "absent": ("absent", None),
    "prefix": ("absent", None),  # its name begins those of others
}
UNLINKED = {"spelled": "missing", "image-link": "missing", "scratch": "missing"}
STALE = ("removed", "renamed", "flipped", "hostile")
NOT_RUNNING = ("stopped", "absent", "prefix")


def configuration() -> dict[str, Any]:
    agents: dict[str, Any] = {case: {"credentials_host_dir": f"{ROOT}/{case}/credentials"} for case in CASES}
    agents["flipped"]["credentials_host_dir"] = f"{ROOT}/flipped/current"
    agents["hostile"]["credentials_host_dir"] = f"{ROOT}/hostile/claude"
    agents["spelled"]["credentials_host_dir"] = f"{ROOT}//missing/../spelled/credentials/"
    agents["image-link"]["target"] = "/by-link/claude"
    return {
        case: {"container": {"name": "freshness-" if case == "prefix" else f"freshness-{case}", **settings}}
        for case, settings in agents.items()
    }


def look(agents: Agents, user: str = "root", without: tuple[str, ...] = ()) -> dict[str, Any]:
    wanted = {case: agent for case, agent in configuration().items() if case not in without}
    succeeded, result = agents.module("agent_mounts_info", {"agents": wanted}, user=user)
    assert succeeded, result
    return dict(result["agents"])


def reads(agents: Agents, case: str) -> str:
    """The serial of the login that a process in the container reads at the target."""
    target = "/by-link/claude" if case == "image-link" else TARGET
    command = "/busybox cat" if case == "scratch" else "cat"
    text = agents.host.run(f"docker exec --user 0 freshness-{case} {command} {target}/.credentials.json").stdout
    return str(text.partition("fake-token-")[2][:1])


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What is seen on a host before anything is healed, by the host's name."""
    return {}


def before(agents: Agents, seen: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = agents.host.check_output("hostname")
    if name not in seen:
        seen[name] = look(agents)
    return seen[name]


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_and_what_is_proved(agents: Agents, seen: Any, case: str) -> None:
    verdict, fresh = CASES[case]
    agent = before(agents, seen)[case]
    assert (agent["verdict"], agent["fresh"]) == (UNLINKED.get(case, verdict), fresh), agent
    if fresh:
        assert agent["inside"]["inode"] == agent["published"]["inode"]
    if case not in NOT_RUNNING:
        is_current = case != "file" and (fresh or case == "writable")
        assert (reads(agents, case) == "2") == is_current, "what the process reads is not what is said of it"


@pytest.mark.parametrize("case", ["removed", "renamed", "flipped"])
def test_the_archive_shows_a_fresh_file_in_a_stale_container(agents: Agents, seen: Any, case: str) -> None:
    """The engine mounts the sources again for an archive: why it is never asked."""
    archive = agents.host.check_output(f"docker cp freshness-{case}:{TARGET}/.credentials.json - | tar -xO")
    assert "fake-token-2" in archive
    assert before(agents, seen)[case]["fresh"] is False


def test_followed_on_the_host_the_link_of_a_hostile_container_would_look_fresh(agents: Agents, seen: Any) -> None:
    """Why nothing is opened below /proc/PID/root by a plain open."""
    pid = agents.inspect("freshness-hostile")["State"]["Pid"]
    followed = agents.inode(f"/proc/{pid}/root{TARGET}/.credentials.json")
    assert followed == agents.inode(f"{ROOT}/hostile/claude/.credentials.json")
    assert before(agents, seen)["hostile"]["inside"]["inode"] is None


def not_looked_into(agents: Agents) -> tuple[str, ...]:
    """Docker 28 does not look into a container in which a link stands above one of its mounts."""
    version = agents.host.check_output("docker version --format '{{.Server.Version}}'")
    return ("hostile", "image-link") if int(version.split(".")[0]) >= 28 else ()


def test_without_root_nothing_is_called_fresh(agents: Agents) -> None:
    for case, agent in look(agents, "freshness", not_looked_into(agents)).items():
        assert agent["fresh"] is None, case
        assert agent["inside"] is None, case
        if case not in NOT_RUNNING:
            assert any("not proven" in warning for warning in agent["warnings"]), case


def test_a_container_into_which_the_engine_does_not_look_is_told_alone_and_runs_on(agents: Agents) -> None:
    for case in not_looked_into(agents):
        id_ = agents.inspect(f"freshness-{case}")["Id"]
        succeeded, done = agents.module("agent_mounts", {"agents": {case: configuration()[case]}})
        assert not succeeded
        assert "a link stands in it in the place of a directory above one of its mounts; take the link" in done["msg"]
        assert f"The old container freshness-{case} is in place as before." in done["msg"]
        now = agents.inspect(f"freshness-{case}")
        assert (now["Id"], now["State"]["Running"]) == (id_, True)


def test_one_run_heals_all_and_says_so_before(agents: Agents) -> None:
    healed = {case: agent for case, agent in configuration().items() if case not in not_looked_into(agents)}
    stale = [case for case in STALE if case in healed]
    arguments = {"agents": healed}
    succeeded, predicted = agents.module("agent_mounts", arguments, check=True)
    assert succeeded, predicted.get("msg", predicted)
    for case in stale:
        assert f"{case}: restart freshness-{case} (stale; " in predicted["plan"]
    pids = {case: agents.inspect(f"freshness-{case}")["Id"] for case in stale}

    succeeded, done = agents.module("agent_mounts", arguments)
    assert succeeded, done.get("msg", done)
    assert done["plan"] == predicted["plan"]
    after = look(agents, without=not_looked_into(agents))
    for case in healed:
        if case not in NOT_RUNNING:
            assert (after[case]["verdict"], after[case]["fresh"], reads(agents, case)) == ("ok", True, "2"), case
    assert pids == {case: agents.inspect(f"freshness-{case}")["Id"] for case in stale}, "a restart was enough"

    succeeded, again = agents.module("agent_mounts", arguments)
    assert succeeded, again
    assert not again["changed"]
