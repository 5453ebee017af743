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

from ansible_collections.agentops.credentials.plugins.module_utils._host.acl import ACL_ACCESS, Readers
from ansible_collections.agentops.credentials.plugins.module_utils._host.reader import (
    Process,
    _command,
    obstacle,
    process_of,
    processes,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
OTHER = 12345


@pytest.fixture
def running() -> Iterator[Process]:
    """A process of another user, who has no capability."""
    sleep = subprocess.Popen(["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "sleep", "60"])
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


def test_what_is_not_there_is_told(running: Process) -> None:
    assert obstacle(running, "/nowhere/login") == "No such file or directory"
    assert obstacle(replace(running, pid=2**22 + 1), "/x") == "No such file or directory"


def test_the_processes_that_run_the_cli_are_meant_and_else_the_main_one(running: Process) -> None:
    assert running.pid in [process.pid for process in processes(os.getpid(), ["sleep"])]
    assert [process.pid for process in processes(os.getpid(), ["no-such-cli"])] == [os.getpid()]


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
