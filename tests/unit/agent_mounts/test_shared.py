"""Mode shared and passwd files: what is mounted, what is made on the host first, and who shares a login."""

from __future__ import annotations

import os
import pathlib
import stat
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.filter.docker_args import docker_args
from ansible_collections.agentops.credentials.plugins.module_utils._agents import config as _agents
from ansible_collections.agentops.credentials.plugins.module_utils._agents import host_needs as _preparation
from ansible_collections.agentops.credentials.plugins.module_utils._agents import placement as _placement
from ansible_collections.agentops.credentials.plugins.module_utils._agents import provide as _preparation_host
from ansible_collections.agentops.credentials.plugins.module_utils._agents import shared_logins as _sharing
from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import Passwd
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Record
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    ConfigError,
    HostError,
    RefusedError,
)
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import override
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._containers import plan as _model
from ansible_collections.agentops.credentials.plugins.module_utils._containers import report as _report
from ansible_collections.agentops.credentials.plugins.module_utils._containers import run as _reconcile
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import MountSpec

from . import fakes

CONTEXT = _agents.Context("agents.json", "/h")
ROOT = "/h/.local/share/agentops/agent-auth"


def spec(**container: Any) -> _agents.AgentSpec:
    found = _agents.parse({"agents": {"boss": {"container": container}}}, CONTEXT)
    assert found.faults == ()
    return found.specs[0]


@pytest.mark.parametrize(
    ("cli", "directory", "target", "variable"),
    [
        ("claude", "claude/.claude", "/run/agent-auth/claude", ("CLAUDE_CONFIG_DIR", "/run/agent-auth/claude")),
        ("codex", "codex/.codex", "/run/agent-auth/codex", ("CODEX_HOME", "/run/agent-auth/codex")),
        ("gemini", "gemini/.gemini", "/run/agent-auth/gemini/.gemini", ("GEMINI_CLI_HOME", "/run/agent-auth/gemini")),
        (
            "opencode",
            "opencode/.local/share",
            "/run/agent-auth/opencode",
            ("XDG_DATA_HOME", "/run/agent-auth/opencode"),
        ),
        ("copilot", "copilot/.copilot", "/run/agent-auth/copilot", ("COPILOT_HOME", "/run/agent-auth/copilot")),
    ],
)
def test_the_config_directory_is_mounted_writable_where_its_variable_says(
    cli: str, directory: str, target: str, variable: Any
) -> None:
    placed = _placement.place(spec(cli=cli, mode="shared"), {}, None)
    assert placed is not None
    assert placed.mounts == (MountSpec("bind", f"{ROOT}/{directory}", target, False),)
    assert (placed.variables, placed.link) == ((variable,), None)


@pytest.mark.parametrize(
    ("cli", "credential"),
    [("claude", ".credentials.json"), ("gemini", "oauth_creds.json"), ("opencode", "opencode/auth.json")],
)
def test_where_the_login_lies_in_the_shared_directory(cli: str, credential: str) -> None:
    assert spec(cli=cli, mode="shared").credential == credential


@pytest.mark.parametrize(
    ("container", "directory", "target", "variables"),
    [
        ({"credentials_host_dir": "/srv/auth"}, "/srv/auth", "/run/agent-auth/gemini/.gemini", None),
        ({"target": "/auth"}, f"{ROOT}/gemini/.gemini", "/auth/.gemini", (("GEMINI_CLI_HOME", "/auth"),)),
        (
            {"home": "/tmp/agent-1"},
            f"{ROOT}/gemini/.gemini",
            "/run/agent-auth/gemini/.gemini",
            (("GEMINI_CLI_HOME", "/run/agent-auth/gemini"), ("HOME", "/tmp/agent-1")),
        ),
    ],
)
def test_what_is_explicit_wins(container: Any, directory: str, target: str, variables: Any) -> None:
    placed = _placement.place(spec(cli="gemini", mode="shared", **container), {}, "/home/a")
    assert placed is not None
    assert (placed.mount.source, placed.mount.target) == (directory, target)
    assert variables is None or placed.variables == variables


def test_a_cli_without_a_variable_gets_it_where_it_looks() -> None:
    rows = override.extended(CATALOG, {"codex": {"config_dir_variable": None}})
    agents = {"boss": {"container": {"mode": "shared", "cli": "codex"}}}
    (one,) = _agents.parse({"agents": agents}, _agents.Context("agents.json", "/h", catalog=rows)).specs
    placed = _placement.place(one, {}, "/home/a")
    assert placed is not None
    assert (placed.mount.target, placed.variables) == ("/home/a/.codex", ())
    assert _placement.place_unseen(one) is None
    assert _placement.unseen_faults(one)[0].startswith("boss: container.home is not set, and no container is looked at")


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        (
            {"mode": "shared", "placement": "link"},
            "boss: container.placement link has no meaning with mode shared; take",
        ),
        ({"mode": "shared", "home": "a"}, "boss: container.home a is a relative path; write"),
        (
            {"mode": "shared", "user": "claude"},
            "boss: container.user claude is not numeric; write it as UID or UID:GID",
        ),
        ({"mode": "shared", "passwd": "yes"}, "boss: container.passwd is neither true nor false; write"),
    ],
)
def test_a_fault_is_one_sentence(container: Any, fault: str) -> None:
    (found,) = _agents.parse({"agents": {"boss": {"container": container}}}, CONTEXT).faults
    assert fault in found


# ---- the run


SHARED = "/home/dev/.local/share/agentops/agent-auth/claude/.claude"


def test_a_container_gets_the_shared_directory_once_it_was_made(world: Any) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    outcome = world.run()
    assert [one.directory for one in world.prepared] == [SHARED]
    assert (world.prepared[0].uid, world.prepared[0].seeds) == (1000, {".claude.json": "{}\n"})
    body = world.engine.named("boss")
    mount = {"Type": "bind", "Source": SHARED, "Target": "/run/agent-auth/claude", "ReadOnly": False}
    assert mount in body["HostConfig"]["Mounts"]
    assert "CLAUDE_CONFIG_DIR=/run/agent-auth/claude" in body["Config"]["Env"]
    assert outcome.after == {"boss": "ok"}
    assert "boss: verify boss: running, sees " + SHARED + " writable\n" in str(outcome.plan)
    assert not world.run().changed


def test_check_mode_foretells_the_same_plan(world: Any) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    foretold = str(world.run(check_mode=True).plan)
    assert world.engine.writes == []
    assert str(world.run().plan) == foretold


def test_where_it_cannot_be_made_the_agent_is_left_and_told(world: Any) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    world.preparation_fails = "boss: no room."
    outcome = world.run()
    assert world.engine.writes == []
    assert not outcome.changed
    assert "boss: no room. The agent is left without the mount, and the others go on." in outcome.warnings


def test_a_read_only_mount_of_a_shared_login_is_replaced(world: Any) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}
    world.run()
    world.engine.named("boss")["Mounts"][-1]["RW"] = False
    (agent,) = world.run(check_mode=True).plan.agents
    assert agent.judgement.reasons == (
        "the mount at /run/agent-auth/claude is read-only, and a shared login is written there",
    )


def test_the_agents_that_write_one_login_are_told(world: Any) -> None:
    world.agents = {
        name: {"container": {"mode": "shared", "home": "/home/claude"}} for name in ("boss", "dev", "reviewer")
    }
    world.agents["reviewer"]["container"]["cli"] = "codex"
    agents, sharers = _report.observation(world.engine, world.host, world.request())
    assert sharers == {"boss": ("dev",), "dev": ("boss",)}
    assert f"boss: shares the writable login {SHARED} with dev: each of them may refresh it" in agents[0].warnings[-1]


def test_a_writable_mount_of_the_config_directory_is_a_shared_login_too() -> None:
    mounts = (MountSpec("bind", "/h/.claude", "/home/a/.claude", False), MountSpec("bind", "/x", "/y", False))
    one = spec(credentials_host_dir="/c")
    (login,) = _sharing.writable_logins(one, None, mounts, {}, "/home/a")
    assert login.directory == "/h/.claude"


MIRROR = {"credentials_host_dir": fakes.DIRECTORY}
SHARE: dict[str, Any] = {"mode": "shared", "credentials_host_dir": None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MIRROR, SHARE),
        (SHARE, MIRROR),
        (MIRROR, {**MIRROR, "placement": "config_dir"}),
        (MIRROR, {**MIRROR, "target": "/x"}),
    ],
)
def test_a_change_of_mode_or_placement_leaves_nothing_of_the_earlier_one(world: Any, before: Any, after: Any) -> None:
    world.container = before
    world.run()
    world.container = after
    assert world.run().after == {"boss": "ok"}
    placed = _placement.place(spec(**after), {}, "/home/claude")
    assert placed is not None
    body = world.engine.named("boss")
    assert [mount["Target"] for mount in body["HostConfig"]["Mounts"] if mount["Type"] == "bind"] == [
        placed.mount.target
    ]
    told = {entry for entry in body["Config"]["Env"] if entry.startswith(("CLAUDE_CONFIG_DIR=", "CLAUDE_SECURE"))}
    assert told == {f"{name}={value}" for name, value in placed.variables}
    assert not world.run().changed


def test_what_is_left_of_an_earlier_placement_is_a_drift(world: Any) -> None:
    world.container = {**MIRROR, "target": "/x"}
    world.run()
    left = {"Type": "bind", "Source": "/c", "Destination": "/run/agent-auth/claude", "RW": True}
    boss = world.engine.named("boss")
    boss["Mounts"].append(left)
    boss["Config"]["Env"].append("CLAUDE_CONFIG_DIR=/run/agent-auth/claude")
    (agent,) = world.run(check_mode=True).plan.agents
    assert agent.judgement.reasons == (
        "/run/agent-auth/claude is left of another mode or placement",
        "CLAUDE_CONFIG_DIR is left of another mode or placement",
    )


# ---- passwd


def test_a_uid_without_an_entry_gets_one_in_a_file_that_never_changes() -> None:
    one = spec(credentials_host_dir="/c", passwd=True, home="/work")
    passwd = _placement.needed_passwd(one, "12345:7", "root:x:0:0::/root:/bin/sh", None)
    assert passwd is not None
    assert passwd.text == "root:x:0:0::/root:/bin/sh\nagent:x:12345:7:agent:/work:/bin/sh\n"
    assert os.path.dirname(passwd.path) == "/h/.local/share/agentops/passwd"
    other = _placement.needed_passwd(one, "12346", "root:x:0:0::/root:/bin/sh", None)
    assert other is not None
    assert other.path != passwd.path


@pytest.mark.parametrize(
    ("container", "user"),
    [({"passwd": True}, "1000"), ({"passwd": True}, "root"), ({"passwd": True}, ""), ({}, "12345")],
)
def test_no_passwd_file_where_none_is_needed(container: Any, user: str) -> None:
    one = spec(credentials_host_dir="/c", **container)
    assert _placement.needed_passwd(one, user, "a:x:1000:1000::/:/bin/sh\n", None) is None


def test_a_container_gets_its_passwd_file_and_home(world: Any) -> None:
    world.container = {"passwd": True, "home": "/work"}
    world.engine.named("boss")["Config"]["User"] = "12345"
    world.run()
    (passwd,) = [one.passwd for one in world.prepared]
    body = world.engine.named("boss")
    mount = {"Type": "bind", "Source": passwd.path, "Target": "/etc/passwd", "ReadOnly": True}
    assert mount in body["HostConfig"]["Mounts"]
    assert "HOME=/work" in body["Config"]["Env"]


@pytest.mark.parametrize("container", [{"passwd": True, "home": "/work"}, {"mode": "shared", "home": "/work"}])
def test_state_absent_takes_away_all_that_was_mounted(world: Any, container: Any) -> None:
    world.container = {"credentials_host_dir": None if "mode" in container else fakes.DIRECTORY, **container}
    world.engine.named("boss")["Config"]["User"] = "12345"
    world.run()
    world.options = _model.Options(state="absent")
    world.prepared.clear()
    assert world.run().changed
    body = world.engine.named("boss")
    assert [mount for mount in body["HostConfig"]["Mounts"] if mount["Type"] == "bind"] == []
    assert not [entry for entry in body["Config"]["Env"] if entry.startswith(("CLAUDE_CONFIG", "CLAUDE_SECURE"))]
    assert world.prepared == []
    assert not world.run().changed


def test_a_passwd_file_without_a_home_is_refused(world: Any) -> None:
    world.container = {"passwd": True}
    config = world.engine.named("boss")["Config"]
    config.update(User="12345", Env=[entry for entry in config["Env"] if not entry.startswith("HOME=")])
    with pytest.raises(RefusedError, match=r"boss: container.home is not set and the container has no HOME; set"):
        world.run()


def test_a_mount_of_the_containers_own_at_passwd_is_not_replaced(world: Any) -> None:
    world.container = {"passwd": True, "home": "/work"}
    boss = world.engine.named("boss")
    boss["Config"]["User"] = "12345"
    boss["Mounts"].append({"Type": "bind", "Source": "/own", "Destination": "/etc/passwd", "RW": False})
    with pytest.raises(RefusedError, match=r"boss: container.passwd: a mount of the container's own is at /etc/passwd"):
        world.run()


# ---- the version in the container


@pytest.mark.parametrize("version", ["2.1.110 (Claude Code)", "1.0.100 (Claude Code)"])
def test_a_version_that_fails_with_the_placement_is_refused(world: Any, version: str) -> None:
    world.container = {"placement": "config_dir"}
    world.engine.version = version
    with pytest.raises(RefusedError) as error:
        world.run()
    assert str(error.value) == (
        f"boss: container.placement config_dir does not work with claude {version.split()[0]}: below 2.1.175 it ends with "
        "status 0 and without any output, or crashes; install a newer one in the image, use another placement (store), or set "
        "container.force_placement: true."
    )
    assert world.engine.writes == []


def test_force_placement_does_not_ask(world: Any) -> None:
    world.container = {"placement": "config_dir", "force_placement": True}
    world.engine.version = "2.1.110"
    assert world.run().changed
    assert "output" not in world.engine.reads


def test_an_unknown_version_is_told_and_not_refused(world: Any) -> None:
    world.container = {"placement": "config_dir"}
    world.engine.version = None
    outcome = world.run()
    assert outcome.changed
    assert any("the version of claude in the container is not known" in warning for warning in outcome.warnings)


def test_a_version_whose_processes_never_read_again_is_told(world: Any) -> None:
    world.engine.version = "2.1.70 (Claude Code)"
    (agent,) = world.run().plan.agents
    assert (
        "boss: claude 2.1.70 in the container uses a new login only in a new process; update it to 2.1.90 or newer."
        in agent.warnings
    )


def test_nothing_is_asked_without_a_drift(world: Any) -> None:
    world.run()
    world.engine.reads.clear()
    world.run()
    assert "output" not in world.engine.reads


# ---- launchers


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        (
            {"credentials_host_dir": "/c", "placement": "config_dir"},
            "boss: container.home is not set, and no container is looked at that would tell it; set",
        ),
        (
            {"credentials_host_dir": "/c", "passwd": True, "home": "/work"},
            "boss: container.passwd needs container.user and container.home where no container is looked at; set both.",
        ),
    ],
)
def test_what_a_launcher_must_say_itself(container: Any, fault: str) -> None:
    made: list[Any] = []
    with pytest.raises(ConfigError) as error:
        _reconcile.prepare_unseen([spec(**container)], None, made.append)
    assert fault in str(error.value)
    assert made == []


def test_a_launchers_directory_is_made_before_its_first_start(world: Any) -> None:
    made: list[Any] = []
    one = spec(mode="shared", cli="gemini", home="/work", user="12345:12345", passwd=True)
    assert _reconcile.prepare_unseen([one], world.host, made.append) == ()
    ((preparation),) = made
    assert (preparation.directory, preparation.uid, preparation.gid) == (f"{ROOT}/gemini/.gemini", 12345, 12345)
    assert "agent:x:12345:12345:agent:/work:/bin/sh\n" in preparation.passwd.text


def test_a_launcher_whose_uid_may_not_read_the_directory_is_told_the_mend(world: Any) -> None:
    one = spec(credentials_host_dir=fakes.DIRECTORY, user="12345")
    (note,) = _reconcile.prepare_unseen([one], world.host, lambda _preparation: None)
    assert note.startswith("boss: the container runs as uid 12345, which may not read")
    assert "creds_mirror_readers: {uids: [12345]}" in note


MIRRORED = "/h/.config/claude-hooks/claude-credentials"
STORE = "/run/agent-credentials/claude"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "docker_container",
            {
                "mounts": [{"type": "bind", "source": MIRRORED, "target": STORE, "read_only": True}],
                "env": {"CLAUDE_SECURESTORAGE_CONFIG_DIR": STORE},
            },
        ),
        (
            "run",
            [
                "--mount",
                f"type=bind,source={MIRRORED},target={STORE},readonly",
                "--env",
                f"CLAUDE_SECURESTORAGE_CONFIG_DIR={STORE}",
            ],
        ),
    ],
)
def test_the_filter_serves_other_playbooks(form: str, expected: Any) -> None:
    agent = {"container": {"credentials_host_path": "~/.claude/.credentials.json"}}
    assert docker_args(agent, form=form, home="/h") == expected


def test_the_filter_tells_a_writable_mount_and_home() -> None:
    agent = {"command": "codex", "container": {"mode": "shared", "home": "/work"}}
    assert docker_args(agent, home="/h") == {
        "mounts": [
            {"type": "bind", "source": f"{ROOT}/codex/.codex", "target": "/run/agent-auth/codex", "read_only": False}
        ],
        "env": {"CODEX_HOME": "/run/agent-auth/codex", "HOME": "/work"},
    }
    assert docker_args(agent, form="run", home="/h")[1].endswith("target=/run/agent-auth/codex")


@pytest.mark.parametrize(
    ("agent", "form", "fault"),
    [
        ({"container": {}}, "run", "container has neither credentials_host_dir nor credentials_host_path"),
        ({"container": {"credentials_host_dir": "/c", "placement": "config_dir"}}, "run", "container.home is not set"),
        ({"command": "vim", "container": {}}, "run", "its command is no agent CLI"),
        ({"container": {"credentials_host_dir": "/c"}}, "x", "the form x is not known; use docker_container, run"),
    ],
)
def test_the_filter_tells_faults(agent: Any, form: str, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        docker_args(agent, form=form, home="/h")


# ---- making it on a real file system


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def preparation(home: pathlib.Path, uid: int | None = None, passwd: Passwd | None = None) -> _preparation.Preparation:
    directory = str(home / ".local/share/agentops/agent-auth/opencode/.local/share/opencode")
    return _preparation.Preparation("boss", directory, uid, uid, {"settings.json": "{}\n"}, passwd)


def test_a_shared_directory_is_made_private_and_seeded_once(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path)
    foretold, done, again = (Record(check) for check in (True, False, False))
    _preparation_host.prepare(wanted, str(tmp_path), foretold)
    assert list(tmp_path.iterdir()) == []
    _preparation_host.prepare(wanted, str(tmp_path), done)
    directory = pathlib.Path(wanted.directory or "")
    assert foretold.changes == done.changes
    assert [mode(path) for path in (directory, directory.parent, directory / "settings.json")] == [0o700, 0o700, 0o600]
    (directory / "settings.json").write_text("the client's own")
    _preparation_host.prepare(wanted, str(tmp_path), again)
    assert again.changes == []
    assert (directory / "settings.json").read_text() == "the client's own"


def test_its_mode_is_repaired(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path)
    _preparation_host.prepare(wanted, str(tmp_path), Record(False))
    directory = pathlib.Path(wanted.directory or "")
    directory.chmod(0o755)
    record = Record(False)
    _preparation_host.prepare(wanted, str(tmp_path), record)
    assert record.changes == [f"set the mode of {directory} to 0700"]
    assert mode(directory) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_it_belongs_to_the_uid_that_the_container_runs_as(tmp_path: pathlib.Path) -> None:
    wanted = preparation(tmp_path, uid=12345)
    _preparation_host.prepare(wanted, str(tmp_path), Record(False))
    directory = pathlib.Path(wanted.directory or "")
    assert {path.stat().st_uid for path in (directory, directory / "settings.json")} == {12345}
    again = Record(False)
    _preparation_host.prepare(wanted, str(tmp_path), again)
    assert again.changes == []
    with pytest.raises(HostError, match=r"boss: the container runs as uid 777, but .* belongs? to uid 12345"):
        _preparation_host.prepare(preparation(tmp_path, uid=777), str(tmp_path), Record(False))


def test_a_file_in_its_place_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".local").write_text("")
    with pytest.raises(HostError, match=r"boss: .*\.local"):
        _preparation_host.prepare(preparation(tmp_path), str(tmp_path), Record(False))


def test_a_passwd_file_is_written_once(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ".local/share/agentops/passwd/abc"
    wanted = _preparation.Preparation("boss", None, None, None, {}, Passwd(str(path), "root:x:0:0\n"))
    record, again = Record(False), Record(False)
    _preparation_host.prepare(wanted, str(tmp_path), record)
    inode = path.stat().st_ino
    _preparation_host.prepare(wanted, str(tmp_path), again)
    assert (path.read_text(), mode(path), path.stat().st_ino) == ("root:x:0:0\n", 0o644, inode)
    assert record.changes != [] == again.changes
