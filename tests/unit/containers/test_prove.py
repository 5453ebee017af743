# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is proved of an agent whose mount is in order: the file that its CLI opens, by whom, and why it is another."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers import inspect_agents
from ansible_collections.agentops.credentials.plugins.module_utils._containers.info import info as info_of
from ansible_collections.agentops.credentials.plugins.module_utils._containers.judgement import judge
from ansible_collections.agentops.credentials.plugins.module_utils._containers.prove import prove
from ansible_collections.agentops.credentials.plugins.module_utils._host.process_root import MISSING, FileView
from ansible_collections.agentops.credentials.plugins.module_utils._host.reader import Process
from ansible_collections.agentops.credentials.plugins.module_utils._host.reading import fingerprint

from .. import fakes
from ..world import World
from .test_ways import FILE, TARGET, Beside, process

CONTENT = b'{"claudeAiOauth": {"accessToken": "fake-token-1"}}'
PUBLISHED = FileView("file", (1, 7), True, fingerprint(CONTENT))
OWN = FileView("file", (1, 8), False, "another")


class Root(fakes.FakeRoot):
    """A root in which links lead to the mount, where the published login is."""

    def stat(self, path: str) -> FileView:
        target = self.host.engine.links.get(self.document["Id"], {}).get(path, path)
        if target == f"{TARGET}/.credentials.json":
            return PUBLISHED
        return self.host.standing.get(path) or super().stat(path)


class Host(fakes.FakeHost):
    closed_to: tuple[int, ...] = ()

    def root(self, pid: int, container_id: str, started_at: str | None) -> Root:
        return Root(self, self.engine.world[container_id])

    def read(self, path: str) -> bytes | None:
        return CONTENT if path.startswith(fakes.DIRECTORY + "/") else None

    def inode(self, path: str) -> int | None:
        return 7

    def obstacle(self, process: Process, path: str) -> str | None:
        return "Permission denied" if process.uid in self.closed_to else None


@pytest.fixture
def served(world: World) -> World:
    """boss with its directory mount, link and variable."""
    world.host = Host(world.engine)
    world.run()
    return world


def told(world: World, *processes: Process) -> tuple[dict[str, Any], str]:
    world.host.running = Beside(processes[0], processes)
    seen = inspect_agents.inspect_agents(world.request(), world.engine, world.host)
    assert not seen.failures
    (plan,) = seen.agents
    info = info_of(plan, prove(world.engine, world.host, plan), ())
    judgement = judge(info, datetime.datetime.now(datetime.UTC))
    return info, f"{judgement.standing.value}: {judgement.sentence}"


MAIN = process(1000, HOME="/home/claude", CLAUDE_SECURESTORAGE_CONFIG_DIR=TARGET)


def claude(uid: int = 1000, **variables: str) -> Process:
    return process(uid, "claude", **{"HOME": "/home/claude", "CLAUDE_SECURESTORAGE_CONFIG_DIR": TARGET, **variables})


def links(world: World) -> dict[str, str]:
    return world.engine.links[world.engine.named("boss")["Id"]]


def test_what_is_in_order_works_and_asks_no_version(served: World) -> None:
    served.engine.reads.clear()
    info, sentence = told(served, MAIN, claude())
    assert (info["fresh"], sentence) == (True, "works: ")
    assert [reader["path"] for reader in info["readers"]] == [f"{TARGET}/.credentials.json"]
    assert "output" not in served.engine.reads and "execute" not in served.engine.reads
    assert "fake-token" not in str(info)


@pytest.mark.parametrize(("version", "works"), [("2.1.140", False), ("2.1.145", True), (None, True)])
def test_where_the_link_was_replaced_the_version_decides(served: World, version: str | None, works: bool) -> None:
    """clients.md, section 9: `claude mcp add --client-secret`, or /login, in clients up to 2.1.144."""
    del links(served)[FILE]
    served.host.standing[FILE] = OWN
    served.engine.version = version
    info, sentence = told(served, MAIN, claude())
    assert info["fresh"] is works
    assert info["readers"][0]["path"] == (f"{TARGET}/.credentials.json" if works else FILE)
    wanted = f"fails: {FILE} is not a link to the directory: run agentops.credentials.site"
    assert sentence == ("works: " if works else wanted)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"CLAUDE_SECURESTORAGE_CONFIG_DIR": "/own"},
            "claude runs as uid 1000 and opens /own/.credentials.json, but nothing is there: start it without "
            "CLAUDE_SECURESTORAGE_CONFIG_DIR of its own",
        ),
        (
            {"CLAUDE_SECURESTORAGE_CONFIG_DIR": "", "CLAUDE_CONFIG_DIR": "/own"},
            "claude runs as uid 1000 and opens /own/.credentials.json, but nothing is there: make that file's "
            "directory, as its reader's own, and run agentops.credentials.site",
        ),
        (
            {"ANTHROPIC_API_KEY": "fake-token-2"},
            "claude runs as uid 1000 with ANTHROPIC_API_KEY in its environment, which masks the mirrored login: start it "
            "without",
        ),
    ],
)  # fmt: skip
def test_a_running_cli_that_looks_elsewhere_is_not_fresh(served: World, variables: Any, sentence: str) -> None:
    info, judged = told(served, MAIN, claude(**variables))
    assert (info["fresh"], judged) == (False, f"fails: {sentence}")
    assert "fake-token" not in str(info)


def test_an_entrypoint_that_exports_another_directory_is_told(served: World) -> None:
    main = process(1000, HOME="/home/claude", CLAUDE_SECURESTORAGE_CONFIG_DIR="/own")
    assert told(served, main)[1].startswith("fails: claude would run as uid 1000 and opens /own/.credentials.json, but")


def test_what_is_there_instead_is_told(served: World) -> None:
    own = {"/own/.credentials.json": OWN, "/dir/.credentials.json": FileView("directory", (1, 2))}
    served.host.standing.update(own)
    links(served)["/led/.credentials.json"] = "/work/login"
    words = {
        "/own": "another file is there",
        "/dir": "no file is there",
        "/led": "a link that leads elsewhere is there",
    }
    for directory, found in words.items():
        assert found in told(served, MAIN, claude(CLAUDE_SECURESTORAGE_CONFIG_DIR=directory))[1]


def test_a_link_of_the_containers_own_is_left_and_told(served: World) -> None:
    served.container = {"placement": "link"}
    served.run()
    links(served)[FILE] = "/work/login"
    main = process(1000, HOME="/home/claude")
    assert told(served, main)[1] == (
        f"fails: claude would run as uid 1000 and opens {FILE}, but a link that leads elsewhere is there: no link is made, "
        f"for {FILE} is a link of the container's own; move that away, or have it look elsewhere"
    )


def test_where_it_is_not_known_where_a_cli_looks_nothing_is_proved(served: World) -> None:
    served.container = {"placement": "link"}
    served.run()
    config = served.engine.named("boss")["Config"]
    config.update(User="unknown", Env=[entry for entry in config["Env"] if not entry.startswith("HOME=")])
    assert told(served, process(1000))[1] == (
        "fails: claude would run as uid 1000 and where it looks is not known, for it has no HOME: set container.home"
    )


def test_who_cannot_read_is_told_and_others_are_only_told(served: World) -> None:
    served.host.closed_to = (1001, 1002)  # type: ignore[attr-defined]
    info, sentence = told(served, MAIN, claude(), process(1002, "other"))
    assert sentence == "works: "
    assert (
        "boss: other processes of the container cannot read the login; they run as uid 1002 of the host."
        in info["warnings"]
    )
    sentence = told(served, MAIN, claude(), claude(1001))[1]
    assert "claude runs as uid 1001 and cannot read the login (Permission denied): set creds_mirror_readers" in sentence


@pytest.mark.parametrize(("status", "standing"), [(1, "deferred"), (0, "fails")])
def test_an_agent_that_a_run_would_defer_is_told_as_deferred(world: World, status: int, standing: str) -> None:
    world.host = Host(world.engine)
    world.container = {"only_when_idle": ["busy"]}
    world.engine.idle_status = status
    world.host.standing[FILE] = OWN
    info, sentence = told(world, MAIN)
    assert sentence.startswith(f"{standing}: {FILE} is a file mount")
    assert ("boss is not idle now (only_when_idle ended with status 1), and a later run" in sentence) == bool(status)
    assert info["idle_status"] == status


def test_a_directory_that_its_mirror_has_not_made_yet_is_no_fault_of_the_agent(world: World) -> None:
    world.host.directories.clear()
    world.host.standing[FILE] = MISSING
    seen = inspect_agents.inspect_agents(world.request(), world.engine, world.host)
    assert not seen.failures


# ---------------------------------------------------------------------------------------------------------------------
# Whom auto lets in


@pytest.mark.parametrize(
    ("user", "settings", "uids"),
    [
        ("1000", {}, []),  # the owner
        ("12345", {}, [12345]),
        ("12345:5", {}, [12345]),
        ("0", {}, [0]),  # root in a container without the right to read others' files
        ("claude", {"remote_user": "12345"}, [12345]),
        ("nobody-knows", {}, []),
        ("4242", {}, []),  # a person of the host
    ],
)
def test_auto_lets_in_whom_the_operator_has_named(served: World, user: str, settings: Any, uids: list[int]) -> None:
    served.engine.named("boss")["Config"]["User"] = user
    served.container = settings
    served.host.whose_id = lambda uid: "mal" if uid == 4242 else None  # type: ignore[method-assign]
    served.host.running = Beside(MAIN, (MAIN, claude(34567)))
    seen = inspect_agents.inspect_agents(served.request(), served.engine, served.host)
    assert inspect_agents.asked_readers(seen.agents, served.host, 1000) == {"uids": uids, "gids": []}


def test_a_name_does_not_mean_an_account_of_the_hosts_system(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes, "PASSWD", b"claude:x:33:33::/home/claude:/bin/sh\nagent:x:2000:2000::/a:/bin/sh\n")
    served.host.running = Beside(MAIN, (MAIN,))
    for user, uids in (("claude", []), ("agent", [2000]), ("33", [33])):
        served.engine.named("boss")["Config"]["User"] = user
        seen = inspect_agents.inspect_agents(served.request(), served.engine, served.host)
        assert inspect_agents.asked_readers(seen.agents, served.host, 1000)["uids"] == uids
