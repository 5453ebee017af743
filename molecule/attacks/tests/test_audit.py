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
