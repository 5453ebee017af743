"""A whole run under strace: root changes nothing that lies below a directory of somebody else."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from testbed import audit
from testbed.attacks import DIRECTORY, LATE, Field

TRACED = "/opt/traced-python"


@pytest.fixture
def traced(field: Field) -> Field:
    field.root("rm -rf /opt/traces", undo="rm -rf /opt/traces")
    return field


def changed_by_root(field: Field) -> set[tuple[str, str]]:
    """Call and path of each change by root to what lies below another one's directory."""
    names = field.root("ls /opt/traces").split()
    assert names, "nothing was traced"
    # Each run is a family of its own: process ids come again.
    traces = {int(name.rpartition(".")[2]): field.host.file(f"/opt/traces/{name}").content_string for name in names}
    found = audit.changes(traces)
    assert found, "root has changed nothing: the trace was not understood"
    parents = sorted({str(parent) for change in found for parent in pathlib.PurePosixPath(change.path).parents})
    owners = dict(
        line.split(" ", 1)[::-1]
        for line in field.host.run("stat --format '%u:%a %n' " + " ".join(map(repr, parents))).stdout.splitlines()
    )

    def is_roots(directory: str) -> bool:
        uid, _colon, mode = owners.get(directory, "0:755").partition(":")
        return uid == "0" and (int(mode, 8) & 0o022 == 0 or int(mode, 8) & 0o1000 != 0)

    return {
        (change.call, change.path)
        for change in found
        if not all(is_roots(str(parent)) for parent in pathlib.PurePosixPath(change.path).parents)
    }


def test_what_the_audit_sees() -> None:
    """By path, by a directory's descriptor, by one in /proc; of root, of a child that is the user, of a failed call."""
    root = """\
openat2(3</>, "home/mal/x", {flags=O_PATH, resolve=RESOLVE_BENEATH}, 24) = 7</home/mal/x>
chown("/proc/self/fd/7", 12345, 12345) = 0
openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 5</etc/hosts>
openat(AT_FDCWD</>, "log", O_WRONLY|O_CREAT, 0644) = 5</var/log>
renameat(8</home/mal>, "a", 9</var/lib>, "b") = 0
clone(child_stack=NULL, flags=SIGCHLD) = 12
fchown(6</run/lock>, 0, 0) = 0
mkdir("/root/denied", 0700) = -1 EACCES (Permission denied)
"""
    user = 'mkdir("/tmp/before", 0700) = 0\nsetuid(1003) = 0\nmkdir("/home/mal/y", 0700) = 0\n'
    assert sorted((one.call, one.path) for one in audit.changes({11: root, 12: user})) == [
        ("chown", "/home/mal/x"),
        ("fchown", "/run/lock"),
        ("mkdir", "/tmp/before"),
        ("openat", "/var/log"),
        ("renameat", "/home/mal/a"),
        ("renameat", "/var/lib/b"),
    ]


def test_root_changes_nothing_below_mals_directories(traced: Field) -> None:
    """Attacks 1, 3 and 9, the kind of them. On 0.2.0 root made directories, gave them away and wrote the manifest in mal's
    home by path."""
    traced.as_mal("rm -rf manifests", undo="rm -rf manifests .local/share/agentops")
    traced.start_late()
    traced.start("mal-evil", "--user=0")
    traced.start("mal-nameless", "--user=12345", "--env=HOME=/tmp")
    traced.configure(
        {
            "late": LATE,
            "evil": {"name": "mal-evil", "mode": "shared", "cli": "codex"},
            "nameless": {"name": "mal-nameless", "credentials_host_dir": DIRECTORY, "passwd": True, "home": "/tmp"},
        }
    )
    outcome = traced.play(
        "site",
        ansible_python_interpreter=TRACED,
        agent_containers_writable_layer="discard",
        agent_containers_manifest="~/launchers.json",
        agent_containers_install_sdk=False,  # looked for by the traced interpreter, which cannot trace itself
    )
    traced.undone.append("rm -rf /home/mal/launchers.json /home/mal/.local/share/agentops")
    assert not outcome.refused, outcome.output
    assert traced.is_served("mal-late")
    assert changed_by_root(traced) == set()


@pytest.mark.parametrize("scope", ["user", "system"])
def test_root_changes_nothing_below_eves_directories(traced: Field, scope: str) -> None:
    """Attacks 2 and 9, the kind of them: the whole mirror, with its guard, made and taken away again."""
    variables: dict[str, Any] = {
        "creds_mirror_user": "eve",
        "creds_mirror_scope": scope,
        "creds_mirror_guard_directory": True,
        "creds_mirror_place": "system",
    }
    for state in ("present", "absent"):
        outcome = traced.play("mirror", ansible_python_interpreter=TRACED, creds_mirror_state=state, **variables)
        assert not outcome.refused, outcome.output
    assert changed_by_root(traced) == set()
