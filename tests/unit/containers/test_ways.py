# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reads and where its agent CLI looks, and that a link is made at each such place or the agent keeps what it has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.ways import ways
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import Container
from ansible_collections.agentops.credentials.plugins.module_utils._host.process_root import FileView
from ansible_collections.agentops.credentials.plugins.module_utils._host.reader import Process, Processes

from ..agents.specs import spec
from ..world import World
from .situations import options

PASSWD = "root:x:0:0:root:/root:/bin/sh\nclaude:x:1000:1000::/home/claude:/bin/sh\nvscode:x:1001:1001::/home/vscode:/bin/sh\n"
TARGET = "/run/agent-credentials/claude"
FILE = "/home/claude/.claude/.credentials.json"


class Beside(Processes):
    """What would be started has the numbers of the container: no process is there to be asked for its user namespace."""

    root = 0

    def beside(self, uid: int, gid: int, variables: Any) -> Process:
        return Process(1, uid, gid, (gid,), 0, "", variables)


def process(uid: int, command: str = "init", **variables: str) -> Process:
    return Process(7, uid, uid, (), 0, command, variables)


def found(config: dict[str, Any], *processes: Process, **settings: Any) -> list[tuple[int, str | None, bool]]:
    one = spec(**{"credentials_host_dir": "/c", "cli": "codex", **settings})
    seen = ways(one, Container({"Config": config}), PASSWD, Beside(processes[0], processes))
    return [(way.reader.uid, way.config_file, way.is_running) for way in seen]


DEVCONTAINER = {"devcontainer.metadata": json.dumps([{"remoteUser": "root"}, {"remoteUser": "vscode"}, {"x": 1}])}
ROOT_MAIN = process(0, HOME="/root")
CODEX = process(1001, "codex", HOME="/home/vscode")


@pytest.mark.parametrize(
    ("config", "processes", "settings", "expected"),
    [
        ({}, [ROOT_MAIN], {}, [(0, "/root/.codex/auth.json", False)]),
        ({"User": "claude"}, [process(1000, HOME="/home/claude")], {}, [(1000, "/home/claude/.codex/auth.json", False)]),
        # Who runs the CLI now is the best witness; others do not count.
        ({"User": "claude"}, [process(1000), CODEX], {}, [(1001, "/home/vscode/.codex/auth.json", True)]),
        ({}, [ROOT_MAIN, CODEX, CODEX], {}, [(1001, "/home/vscode/.codex/auth.json", True)]),
        ({}, [ROOT_MAIN, process(1001, "codex", HOME="/a", CODEX_HOME="/b")], {}, [(1001, "/b/auth.json", True)]),
        ({"Env": ["HOME=/e"]}, [ROOT_MAIN, process(1001, "codex")], {}, [(1001, "/e/.codex/auth.json", True)]),
        # A devcontainer's user, where the container's own is root.
        ({"Labels": DEVCONTAINER}, [ROOT_MAIN], {}, [(1001, "/home/vscode/.codex/auth.json", False)]),
        ({"Labels": DEVCONTAINER, "User": "0"}, [ROOT_MAIN], {}, [(1001, "/home/vscode/.codex/auth.json", False)]),
        (
            {"Labels": DEVCONTAINER, "User": "claude"}, [process(1000, HOME="/home/claude")], {},
            [(1000, "/home/claude/.codex/auth.json", False)],
        ),
        (
            {"User": "claude"}, [process(1000, HOME="/home/claude")], {"remote_user": "vscode"},
            [(1001, "/home/vscode/.codex/auth.json", False)],
        ),
        ({}, [ROOT_MAIN], {"remote_user": "1001"}, [(1001, "/home/vscode/.codex/auth.json", False)]),
        *(
            ({"Labels": {"devcontainer.metadata": label}}, [ROOT_MAIN], {}, [(0, "/root/.codex/auth.json", False)])
            for label in ("", "{", "7", "[7]", '{"remoteUser": "a b"}', '{"remoteUser": ["vscode"]}', '{"remoteUser": "nobody"}')
        ),
        ({"Labels": {"devcontainer.metadata": '{"remoteUser": "vscode"}'}}, [ROOT_MAIN], {}, [(1001, "/home/vscode/.codex/auth.json", False)]),
        # An image that starts as root and drops to a user of its own choice.
        ({}, [process(1500, HOME="/config")], {}, [(1500, "/config/.codex/auth.json", False)]),
        # An entrypoint that exports another directory: what is started by docker exec does not know of it.
        (
            {"User": "claude"}, [process(1000, HOME="/home/claude", CODEX_HOME="/x")], {},
            [(1000, "/home/claude/.codex/auth.json", False), (1000, "/x/auth.json", False)],
        ),
        ({"User": "12345"}, [process(12345, HOME="/")], {}, [(12345, "/.codex/auth.json", False)]),
    ],
)  # fmt: skip
def test_who_reads_and_where_its_cli_looks(config: Any, processes: Any, settings: Any, expected: Any) -> None:
    assert found(config, *processes, **settings) == expected


def test_the_variables_of_the_running_cli_decide() -> None:
    claude = process(1000, "claude", HOME="/h", CLAUDE_SECURESTORAGE_CONFIG_DIR="/s", ANTHROPIC_API_KEY="fake-token-x")
    container = Container({"Config": {"User": "claude"}})
    (way,) = ways(spec(credentials_host_dir="/c"), container, PASSWD, Beside(claude, (claude,)))
    assert (way.store_file, way.config_file) == ("/s/.credentials.json", "/h/.claude/.credentials.json")
    assert way.masks == ("ANTHROPIC_API_KEY",)
    assert "fake-token" not in repr(way)


def test_without_processes_nobody_is_known() -> None:
    assert ways(spec(credentials_host_dir="/c"), Container({"Config": {}}), PASSWD, None) == ()


# ---------------------------------------------------------------------------------------------------------------------
# The links


def links(world: World) -> dict[str, str]:
    boss = world.engine.named("boss")
    return world.engine.links.get(boss["Id"], {})


def test_where_a_file_mount_is_taken_away_a_link_takes_its_place(world: World) -> None:
    """Case 03: the link was made in the home of Config.User, and who had read the login elsewhere lost it."""
    world.container = {"placement": "link"}
    boss = world.engine.named("boss")
    for mount in boss["Mounts"]:
        if mount["Type"] == "bind":
            mount["Destination"] = "/srv/elsewhere/.credentials.json"
    boss["HostConfig"]["Binds"] = [
        f"{mount['Source']}:{mount['Destination']}:ro" for mount in boss["Mounts"] if mount["Type"] == "bind"
    ]
    plan = str(world.run().plan)
    assert links(world) == dict.fromkeys((FILE, "/srv/elsewhere/.credentials.json"), f"{TARGET}/.credentials.json")
    assert "link /srv/elsewhere/.credentials.json -> " in plan
    assert not world.run().changed


def test_a_link_that_an_earlier_run_has_made_elsewhere_is_made_again(world: World) -> None:
    world.run()
    elsewhere = "/srv/.credentials.json"
    links(world)[elsewhere] = f"{TARGET}/.credentials.json"
    world.engine.layer = (FILE, elsewhere)
    world.engine.named("boss")["Mounts"][-1]["RW"] = True
    result = world.run()
    assert result.changed
    assert set(links(world)) == {FILE, elsewhere}


def test_where_no_link_can_take_its_place_the_agent_keeps_what_it_has(world: World) -> None:
    world.container = {"placement": "link"}
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "bind", "Source": "/srv/home", "Destination": "/home/claude/.claude", "RW": True})
    assert world.failure() == (
        "boss: claude would lose its login with the file mount, for no link can take its place: "
        f"{FILE} lies on a bind mount; start the container without that mount, or set container.mode: shared."
    )
    assert world.engine.writes == []


@pytest.mark.parametrize(("version", "is_refused"), [("2.1.140", True), ("2.1.145", False), (None, False)])
def test_an_older_version_that_would_find_neither_link_nor_variable_is_refused(
    world: World, version: str | None, is_refused: bool
) -> None:
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "bind", "Source": "/srv/home", "Destination": "/home/claude/.claude", "RW": True})
    world.engine.version = version
    failures = world.attempt(check_mode=True).failures
    assert (
        "claude 2.1.140 does not know CLAUDE_SECURESTORAGE_CONFIG_DIR (as 2.1.145 does), and would not find the login by a "
        f"link, for {FILE} lies on a bind mount" in str(failures)
    ) == is_refused
    assert bool(failures) == is_refused


def test_a_login_of_the_containers_own_is_set_aside(world: World) -> None:
    """On 0.2.0 it was warned about for ever, and verify passed: clients up to 2.1.144 opened it."""
    world.run()
    del links(world)[FILE]
    world.host.standing[FILE] = FileView("file", (1, 2), fingerprint="abc")
    assert str(world.run().plan) == (
        f"boss: link {FILE} -> {TARGET}/.credentials.json (a file of the container's own is there, which is kept beside it)\n"
    )
    assert links(world)[FILE] == f"{TARGET}/.credentials.json"


@pytest.mark.parametrize(
    "view", [FileView("directory", (1, 2)), FileView("other", (1, 2)), FileView("link", link_target="/work/login")]
)
def test_nothing_but_a_regular_file_or_a_link_of_ours_is_replaced(world: World, view: FileView) -> None:
    world.run()
    links(world).clear()
    world.host.standing[FILE] = view
    result = world.run()
    assert not result.changed
    assert "the link is left out, for" in " ".join(result.warnings)


def test_a_file_of_the_containers_own_would_be_lost_by_a_recreation(world: World) -> None:
    world.engine.layer = (FILE,)
    boss = world.engine.named("boss")
    boss["Mounts"] = [mount for mount in boss["Mounts"] if mount["Destination"] != FILE]
    assert f"has written files that a recreation would lose ({FILE})" in world.failure()
    world.engine.can_look = False
    assert world.attempt(check_mode=True).failures == {}
    world.engine.can_look = True
    options(world, writable_layer="carry")
    assert f"link {FILE} -> " in str(world.run().plan)


@pytest.mark.parametrize(
    ("uid", "owner", "is_made"), [(1000, 1000, True), (1000, 0, False), (1000, None, False), (0, 1000, True)]
)
def test_where_a_process_looks_a_link_is_made_if_it_could_itself(
    world: World, uid: int, owner: int | None, is_made: bool
) -> None:
    """What a process says of itself is the container's word: root's engine does nothing for it that it could not do."""
    world.run()
    codex = process(uid, "claude", HOME="/home/claude", CLAUDE_CONFIG_DIR="/elsewhere")
    world.host.running = Beside(codex, (codex,))
    if owner is not None:
        world.host.owners["/elsewhere"] = owner
    assert world.run().changed == is_made
    assert ("/elsewhere/.credentials.json" in links(world)) == is_made


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"claudeAiOauth": {"accessToken": "fake-token-1"}, "mcpOAuth": {"a": 1}, "pluginSecrets": {"b": 1}}, "mcpOAuth, pluginSecrets"),
        ({"claudeAiOauth": {"accessToken": "fake-token-1"}, "mcpOAuth": {}}, None),
        ([1], None),
        ("x", None),
    ],
)  # fmt: skip
def test_what_else_is_in_the_file_that_is_taken_away_is_told(world: World, content: Any, told: str | None) -> None:
    world.host.files[FILE] = json.dumps(content).encode()
    warnings = " ".join(world.run(check_mode=True).warnings)
    assert (f"boss: the login file in the container holds {told}, too: secrets that claude keeps" in warnings) == bool(
        told
    )
    assert "fake-token" not in warnings
    assert told or "holds" not in warnings
