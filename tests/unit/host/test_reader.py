# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a process could open a file: with its root, ids and capabilities, tried."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.namespace import (
    in_user_namespace,
    user_namespace,
)
from ansible_collections.agentops.credentials.plugins.module_utils._host.acl import ACL_ACCESS, Readers
from ansible_collections.agentops.credentials.plugins.module_utils._host.reader import (
    Process,
    Processes,
    ProcessTable,
    _command,
    host_id,
    obstacle,
    process_of,
    seen_from_inside,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
OTHER = 12345


@pytest.fixture
def running() -> Iterator[Process]:
    """A process of another user, who has no capability."""
    sleep = subprocess.Popen(
        ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "sleep", "60"],
        env={"PATH": os.environ["PATH"], "CODEX_HOME": "/x", "SECRET": "fake-token-1"},
    )
    process = None
    end = time.monotonic() + 10
    while (process is None or process.capabilities or process.command != "sleep") and time.monotonic() < end:
        process = process_of(sleep.pid)
    assert process is not None
    yield process
    sleep.kill()
    sleep.wait()


@pytest.fixture
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """A file below directories that everybody can search."""
    top = tmp_path_factory.getbasetemp()
    place = top / "published"
    place.mkdir()
    file = place / ".credentials.json"
    file.write_text("{}")
    modes = {
        path: path.stat().st_mode
        for path in (place, *place.parents)
        if path not in (pathlib.Path("/"), pathlib.Path("/tmp"))
    }
    for path in modes:
        path.chmod(0o755)
    yield file
    for path, mode in modes.items():
        path.chmod(mode & 0o7777)
    file.unlink()
    place.rmdir()


def test_the_ids_of_a_process_are_the_kernels(running: Process) -> None:
    assert (running.uid, running.gid, running.groups, running.capabilities) == (OTHER, OTHER, (), 0)
    assert running.command == "sleep"
    assert process_of(2**22 + 1) is None


@pytest.mark.parametrize(
    ("directory", "file", "acl", "why"),
    [
        (0o755, 0o644, None, None),
        (0o755, 0o600, None, "Permission denied"),
        (0o700, 0o644, None, "Permission denied"),
        (0o711, 0o604, None, None),
        (0o700, 0o600, Readers(uids=(OTHER,)), None),
        (0o700, 0o600, Readers(gids=(OTHER,)), None),
        (0o700, 0o600, Readers(uids=(OTHER + 1,)), "Permission denied"),
    ],
)
def test_whether_it_can_read_is_tried_with_modes_and_lists(
    running: Process, login: pathlib.Path, directory: int, file: int, acl: Readers | None, why: str | None
) -> None:
    login.parent.chmod(directory)
    login.chmod(file)
    if acl:
        os.setxattr(login.parent, ACL_ACCESS, acl.directory_acl or b"")
        os.setxattr(login, ACL_ACCESS, acl.file_acl or b"")
    assert obstacle(running, str(login)) == why


def test_root_without_capabilities_cannot_read_what_is_anothers(running: Process, login: pathlib.Path) -> None:
    login.chmod(0o600)
    os.chown(login, OTHER, OTHER)
    root = replace(running, uid=0, gid=0)
    assert obstacle(root, str(login)) == "Permission denied"
    assert obstacle(replace(root, capabilities=1 << 1), str(login)) is None
    assert obstacle(running, str(login)) is None


def test_another_user_with_a_capability_can_read_it(running: Process, login: pathlib.Path) -> None:
    login.chmod(0o600)
    assert obstacle(running, str(login)) == "Permission denied"
    assert obstacle(replace(running, capabilities=1 << 2), str(login)) is None
    assert obstacle(replace(running, capabilities=1 << 2), "/nowhere/login") == "No such file or directory"


def test_what_is_not_there_is_told(running: Process) -> None:
    assert obstacle(running, "/nowhere/login") == "No such file or directory"
    assert obstacle(replace(running, pid=2**22 + 1), "/x") == "No such file or directory"


def test_the_processes_of_a_mount_namespace_are_found_by_their_program(running: Process) -> None:
    found = ProcessTable().of(os.getpid(), ["CODEX_HOME"])
    assert found is not None
    assert found.main.pid == os.getpid()
    (sleep,) = [process for process in found.running(["sleep"]) if process.pid == running.pid]
    assert sleep.variables == {"CODEX_HOME": "/x"}
    assert "/x" not in repr(sleep)
    assert found.running(["no-such-cli"]) == ()
    assert ProcessTable().of(2**22 + 1, ()) is None


def test_a_table_is_made_anew_for_a_container_that_came_later(running: Process) -> None:
    table = ProcessTable()
    assert table.of(os.getpid(), ()) is not None
    apart = subprocess.Popen(["unshare", "--mount", "sleep", "60"])
    try:
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{apart.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            assert time.monotonic() < end
            time.sleep(0.01)
        found = table.of(apart.pid, ())
        assert found is not None
        assert [process.pid for process in found.all] == [apart.pid]
    finally:
        apart.kill()
        apart.wait()


def test_what_is_started_beside_has_the_ids_of_the_namespace(running: Process) -> None:
    """As with userns-remap: uid 1001 in the container is another on the host."""
    apart = subprocess.Popen(["unshare", "--user", "sleep", "60"])
    try:
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{apart.pid}/ns/user") == os.readlink("/proc/self/ns/user"):
            assert time.monotonic() < end
            time.sleep(0.01)
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{apart.pid}/{name}").write_text("0 165536 65536\n")
        main = process_of(apart.pid)
        assert main is not None
        found = Processes(main, (main,))
        assert (host_id(apart.pid, "uid_map", 1001), found.root) == (166537, 165536)
        one = found.beside(1001, 100, {"HOME": "/h"})
        assert (one.uid, one.gid, one.groups, one.capabilities, one.variables) == (
            166537, 165636, (165636,), 0, {"HOME": "/h"}
        )  # fmt: skip
        assert found.beside(70000, 0, {}).uid == 65534, "who is not mapped is nobody"
    finally:
        apart.kill()
        apart.wait()


def test_roots_own_has_what_the_container_may_have(running: Process) -> None:
    root = replace(running, bounding=1 << 1)
    assert Processes(root, ()).beside(0, 0, {}).capabilities == 1 << 1
    assert Processes(root, ()).beside(5, 5, {}).capabilities == 0
    assert Processes(root, ()).beside(OTHER, OTHER, {}) == replace(root, command="")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/local/bin/claude", "--continue"], "claude"),
        (["node", "/opt/npm/bin/claude", "-p"], "claude"),
        (["/usr/bin/node", "--no-warnings", "/opt/bundle/gemini.js"], "gemini"),
        (["sh", "/opt/agent"], "agent"),
        (["bash"], "bash"),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_command_is_named_by_what_an_interpreter_runs(words: list[str], name: str) -> None:
    assert _command(words) == name


FIRST = 100_000


@pytest.fixture
def mapped() -> Iterator[Process]:
    """A process in a user namespace, whose root is uid 100000 of this host, as in a rootless engine's container."""
    process = subprocess.Popen(["unshare", "--user", "sleep", "60"])
    end = time.monotonic() + 5
    while user_namespace(process.pid) == user_namespace("self") and time.monotonic() < end:
        time.sleep(0.01)
    try:
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{process.pid}/{name}").write_text(f"0 {FIRST} 65536\n")
    except OSError as error:
        pytest.skip(f"no user namespaces here: {error}")
    found = process_of(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


def test_a_process_is_seen_from_inside_in_its_namespaces_numbers(mapped: Process) -> None:
    outside = replace(mapped, uid=FIRST + 1000, gid=FIRST + 7, groups=(FIRST + 5, 12))
    inside = seen_from_inside(outside)
    assert (inside.uid, inside.gid, inside.groups) == (1000, 7, (5,))
    assert (host_id(mapped.pid, "uid_map", 1000), host_id(mapped.pid, "uid_map", 70_000)) == (FIRST + 1000, 65534)


@pytest.mark.parametrize(("uid", "is_let_in"), [(FIRST + 1000, True), (FIRST + 1001, False), (FIRST, False)])
def test_in_a_users_namespace_it_is_tried_with_the_rights_of_its_root(
    mapped: Process, login: pathlib.Path, uid: int, is_let_in: bool
) -> None:
    os.chown(login, FIRST + 1000, FIRST + 1000)
    login.chmod(0o600)
    reader = replace(mapped, uid=uid, gid=uid, groups=(uid,), capabilities=0)
    words = in_user_namespace(mapped.pid, 10, obstacle, seen_from_inside(reader), str(login))
    assert words == (None if is_let_in else "Permission denied")
