"""The directories that agents.json names: root does nothing to, and mounts nothing of, what mal may not have himself."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from testbed.attacks import Field

SHARED = "~/.local/share/agentops/agent-auth"

# (the directory that agents.json names, or None for the usual one; what mal has done before)
ROOTS = {
    "first in root's PATH": ("/usr/local/sbin", ""),
    "empty": ("/opt/treasure/empty", ""),
    "deep": ("/opt/treasure/deep/empty", ""),
    "with something in it": ("/opt/treasure/login", ""),
    "not made yet": ("/opt/treasure/new", ""),
    "not made yet, deep": ("/opt/treasure/deep/new/codex", ""),
    "where systemd looks at boot": ("/etc/tmpfiles.d", ""),
    "of another user": ("/home/alice/empty", ""),
    "with dots": ("/home/mal/../../usr/local/sbin", ""),
    "with dots behind the shared root": (f"{SHARED}/../../../../../../opt/treasure/empty", ""),
    "by a link": ("~/link", "ln -s /usr/local/sbin link"),
    "by a link to a link": ("~/link", "ln -s /opt/treasure/empty link2; ln -s link2 link"),
    "by a link above": ("~/link/sbin", "ln -s /usr/local link"),
    "by a link above what is not made yet": ("~/link/new", "ln -s /opt/treasure/deep link"),
    "by a link in the shared root": (f"{SHARED}/codex", f"mkdir -p {SHARED}; ln -s /opt/treasure/empty {SHARED}/codex"),
    "usual, its last part a link": (None, f"mkdir -p {SHARED}/codex; ln -s /opt/treasure/empty {SHARED}/codex/.codex"),
    "usual, the part above a link": (None, f"mkdir -p {SHARED}; ln -s /opt/treasure/codex {SHARED}/codex"),
    "usual, its root a link": (None, f"mkdir -p {SHARED}; rmdir {SHARED}; ln -s /opt/treasure {SHARED}"),
    "usual, a link above its root": (None, "mkdir -p .local/share; ln -s /opt/treasure .local/share/agentops"),
}
CLEAN = f"rm -rf link link2 {SHARED} .local/share/agentops"


@pytest.mark.parametrize("case", ROOTS)
def test_a_shared_directory_of_others_is_not_given_to_mal(field: Field, case: str) -> None:
    """Attack 1, critical. On 0.2.0 root gave mal any empty directory: /usr/local/sbin became his, and root ran his ls."""
    directory, before = ROOTS[case]
    field.as_mal(f"{CLEAN}; {before}", undo=CLEAN)
    watched = field.snapshot()
    container = {"name": "mal-ghost", "mode": "shared", "cli": "codex"}
    field.configure({"ghost": container | ({"credentials_host_dir": directory} if directory else {})})
    outcome = field.run()
    assert field.snapshot() == watched
    if directory is not None:
        assert outcome.refused
        assert "ghost" in outcome.words


@pytest.mark.parametrize(
    "case", ["first in root's PATH", "by a link", "usual, the part above a link", "of another user"]
)
def test_a_shared_directory_of_others_is_not_mounted_writable(field: Field, case: str) -> None:
    """Attack 1, critical. On 0.2.0 the container got /usr/local/sbin, writable; what it put there root ran."""
    directory, before = ROOTS[case]
    field.as_mal(f"{CLEAN}; {before}", undo=CLEAN)
    watched = field.snapshot()
    field.start("mal-evil", "--user=0")
    container = {"name": "mal-evil", "mode": "shared", "cli": "codex"}
    field.configure({"evil": container | ({"credentials_host_dir": directory} if directory else {})})
    field.run()
    assert field.stolen_by("mal-evil") == []
    assert field.snapshot() == watched


LOGINS = {
    "root's registry": ("/root/.docker", "copilot", ""),
    "alice's published login": ("/home/alice/.config/claude-hooks/claude-credentials", "claude", ""),
    "alice's login": ("/home/alice/.claude", "claude", ""),
    "root's login": ("/opt/treasure/login", "claude", ""),
    "an empty directory of root": ("/opt/treasure/empty", "claude", ""),
    "the host's configuration": ("/etc", "claude", ""),
    "with dots": ("~/../alice/.claude", "claude", ""),
    "by a link": ("~/link", "claude", "ln -s /home/alice/.claude link"),
    "by a link above": ("~/link/.claude", "claude", "ln -s /home/alice link"),
    "by a link above root's": ("~/link/login", "claude", "ln -s /opt/treasure link"),
}


@pytest.mark.parametrize("case", LOGINS)
def test_a_login_of_others_is_not_mounted(field: Field, case: str) -> None:
    """Attack 4a, high. On 0.2.0 the container read root's registry login and alice's tokens, which mal may not."""
    directory, cli, before = LOGINS[case]
    field.as_mal(f"{CLEAN}; {before}", undo=CLEAN)
    watched = field.snapshot()
    field.start("mal-spy", "--user=0")
    field.configure({"spy": {"name": "mal-spy", "cli": cli, "credentials_host_dir": directory}})
    outcome = field.run()
    assert field.stolen_by("mal-spy") == []
    assert "fake-token-of" not in field.execute("mal-spy", "cat /run/agent-credentials/*/* /run/agent-auth/*/* || true")
    assert field.snapshot() == watched
    assert outcome.refused
    assert "spy" in outcome.words


@pytest.mark.parametrize(
    "path", ["/home/alice/.claude/.credentials.json", "~/link/.credentials.json", "/root/.docker/config.json"]
)
def test_a_login_file_of_others_is_not_mounted_either(field: Field, path: str) -> None:
    """Attack 4a by the old key: 0.2.0 took a credentials_host_path only where it is mirrored; so it must stay."""
    field.as_mal(f"{CLEAN}; ln -s /home/alice/.claude link", undo=CLEAN)
    field.start("mal-spy", "--user=0")
    field.configure({"spy": {"name": "mal-spy", "credentials_host_path": path}})
    outcome = field.run()
    assert field.stolen_by("mal-spy") == []
    assert outcome.refused


def test_a_directory_of_mals_own_with_more_than_a_login_is_not_mounted(field: Field) -> None:
    """Attack 4a, its limit: what may be named is a directory that holds nothing but a login."""
    field.as_mal("mkdir -p mine; echo '{}' >mine/.credentials.json; echo x >mine/id_rsa", undo="rm -rf mine")
    field.start("mal-spy", "--user=0")
    field.configure({"spy": {"name": "mal-spy", "credentials_host_dir": "~/mine"}})
    assert field.run().refused
    assert field.mounted("mal-spy") == {}


def test_a_run_warns_where_mal_can_redirect_a_mount(field: Field) -> None:
    """Attack 4b, high. On 0.2.0 mal replaced the directory by a link to /; the engine followed it, as root, at the next
    start, and nobody had said that this place allows it."""
    assert "redirect" in field.run("creds_mirror").words


def test_in_the_place_of_root_mal_can_redirect_nothing(field: Field) -> None:
    """Attack 4b, its remedy: with creds_mirror_place: system every parent of what is mounted is root's. (By eve, whose
    mirror is made for this test; mal's is held by a container.)"""
    eve: dict[str, Any] = {"user": "eve", "place": "system"}
    try:
        assert not field.run("creds_mirror", **eve).refused
        container = {"name": "mal-late", "credentials_host_path": "~/.claude/.credentials.json"}
        field.as_mal(
            f"echo {shlex.quote(json.dumps({'agents': {'late': {'container': container}}}))} > agents.json", user="eve"
        )
        field.start_late()
        outcome = field.run(home="~eve", path="~eve/agents.json", mirror_place="system")
        assert not outcome.refused, outcome.output
        source = field.mounted("mal-late")["/run/agent-credentials/claude"]
        parents = [source.rsplit("/", depth)[0] or "/" for depth in range(1, source.count("/") + 1)]
        assert {field.root(f"stat --format %U:%a {parent}") for parent in parents} <= {"root:755", "root:711"}
        assert field.host.run(f"runuser -u eve -- mv {source} {source}.away").rc != 0
        assert field.host.run(f"runuser -u eve -- rm -rf {source}; ls -d {source}").rc == 0
    finally:
        field.undo()
        field.run("creds_mirror", state="absent", **eve)
        field.root("rm -f /home/eve/agents.json")


def test_a_hard_link_to_a_file_of_root_counts_as_a_link(field: Field) -> None:
    """A variation of attack 4a, where the kernel lets mal make it: the file's inode is root's, whatever directory it is in."""
    field.root("mkdir /home/mal/mine; chown mal /home/mal/mine", undo="rm -rf /home/mal/mine")
    field.root("ln /opt/treasure/login/.credentials.json /home/mal/mine/.credentials.json")
    field.start("mal-spy", "--user=0")
    field.configure({"spy": {"name": "mal-spy", "credentials_host_dir": "~/mine"}})
    watched = field.snapshot()
    field.run()
    assert field.mounted("mal-spy") == {}
    assert field.snapshot() == watched


def _writable(field: Field, *options: str) -> None:
    """A container that can write what lies in mal's work directory, with agents.json in it."""
    field.as_mal("mkdir -p work/config; ln -sfn work w", undo="rm -rf work w")
    field.configure(
        {"good": {"name": "mal-good", "credentials_host_dir": "~/.config/claude-hooks/claude-credentials"}},
        "work/config/agents.json",
    )
    field.start("mal-evil", "--user=0", *options)


WRITABLE = {
    "the project": ["--volume=/home/mal/work:/work"],
    "the file": ["--volume=/home/mal/work/config/agents.json:/agents.json"],
    "the home": ["--volume=/home/mal:/host"],
    "all": ["--volume=/:/host"],
    "by a link": ["--volume=/home/mal/w:/work"],
    "by mount": ["--mount=type=bind,source=/home/mal/work,target=/work"],
    "by a volume": ["--mount=type=volume,source=mal-work,target=/work,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/home/mal/work"],
}  # fmt: skip


@pytest.mark.parametrize("case", WRITABLE)
def test_an_agents_json_that_a_container_can_write_is_refused(field: Field, case: str) -> None:
    """Attack 1 without the user's help. On 0.2.0 an agent wrote agents.json in the project that it works on, and got
    /usr/local/sbin, writable, at the next run."""
    _writable(field, *WRITABLE[case])
    field.undone.insert(0, "docker volume rm --force mal-work")
    evil = {"name": "mal-evil", "mode": "shared", "cli": "codex", "credentials_host_dir": "/usr/local/sbin"}
    watched = field.snapshot()
    outcome = field.run(path="~mal/work/config/agents.json")
    assert outcome.refused
    assert "mal-evil" in outcome.words
    # What the container then writes there wins nothing either.
    field.as_mal(f"echo {shlex.quote(json.dumps({'agents': {'evil': {'container': evil}}}))} > work/config/agents.json")
    assert field.run(path="~mal/work/config/agents.json").refused
    assert field.stolen_by("mal-evil") == []
    assert field.snapshot() == watched


def test_an_agents_json_that_a_container_can_only_read_is_taken(field: Field) -> None:
    """What is refused is writing: a read-only bind of the project harms nobody."""
    _writable(field, "--volume=/home/mal/work:/work:ro")
    assert not field.run(path="~mal/work/config/agents.json").refused


OPEN = {
    "to all": "chmod 666 agents.json",
    "to a group": "chgrp users agents.json; chmod 664 agents.json",
    "by an ACL": "setfacl -m u:alice:rw agents.json",
    "by the directory": "chmod 777 /home/mal",
    "by the directory's ACL": "setfacl -m u:alice:rwx /home/mal",
    "to its owner": "chown alice agents.json",
}


@pytest.mark.parametrize("case", OPEN)
def test_an_agents_json_that_others_can_write_is_refused(field: Field, case: str) -> None:
    """A variation of attack 1: 0.2.0 did not ask who can write the file that it obeys."""
    field.root(
        f"cd /home/mal; {OPEN[case]}",
        undo="setfacl -b /home/mal; chmod 700 /home/mal; rm -f /home/mal/agents.json",
    )
    outcome = field.run()
    assert outcome.refused
    assert "agents.json" in outcome.words


def test_an_agents_json_of_the_private_group_is_taken(field: Field) -> None:
    """The usual mode with umask 002, where each user has a group of his own."""
    field.as_mal("chmod 664 agents.json", undo="chmod 644 agents.json")
    assert not field.run().refused
