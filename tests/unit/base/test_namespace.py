"""Work in the user namespace of a process, as a rootless engine has one."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._base.namespace import (
    in_user_namespace,
    user_namespace,
)

FIRST = 100_000


@pytest.fixture
def namespace() -> Iterator[int]:
    """A process in a user namespace whose root is uid 100000 of the host."""
    if os.geteuid() != 0:
        pytest.skip("only root maps ids of others")
    try:
        process = subprocess.Popen(["unshare", "--user", "sleep", "60"])
        end = time.monotonic() + 5
        while user_namespace(process.pid) == user_namespace("self") and time.monotonic() < end:
            time.sleep(0.01)
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{process.pid}/{name}").write_text(f"0 {FIRST} 65536\n")
    except OSError as error:
        pytest.skip(f"no user namespaces here: {error}")
    yield process.pid
    process.kill()
    process.wait()


def test_it_is_done_as_the_namespaces_root(namespace: int) -> None:
    assert in_user_namespace(namespace, 10, os.getresuid) == (0, 0, 0)
    assert in_user_namespace(namespace, 10, user_namespace, "self") == user_namespace(namespace)
    assert user_namespace("self") != user_namespace(namespace)


def test_its_root_gives_files_to_its_ids_and_may_do_nothing_to_those_of_the_host(
    namespace: int, tmp_path: pathlib.Path
) -> None:
    tmp_path.chmod(0o755)
    directory = os.open(tmp_path, os.O_RDONLY)  # its parents are closed to others
    own, hosts = tmp_path / "own", tmp_path / "hosts"
    own.touch(0o600)
    hosts.touch(0o600)
    os.chown(own, FIRST, FIRST)

    def give(name: str) -> None:
        os.chown(name, 1000, 7, dir_fd=directory)

    def read(name: str) -> None:
        os.close(os.open(name, os.O_RDONLY, dir_fd=directory))

    in_user_namespace(namespace, 10, give, "own")
    assert (own.stat().st_uid, own.stat().st_gid) == (FIRST + 1000, FIRST + 7)
    in_user_namespace(namespace, 10, read, "own")
    for work in (give, read):
        with pytest.raises(PermissionError):
            in_user_namespace(namespace, 10, work, "hosts")
    os.close(directory)


def fail() -> None:
    raise EngineError("it failed on purpose")


def test_a_fault_is_that_of_the_work(namespace: int) -> None:
    with pytest.raises(EngineError, match="it failed on purpose"):
        in_user_namespace(namespace, 10, fail)


def test_work_that_does_not_end_is_ended(namespace: int) -> None:
    with pytest.raises(OSError, match="gave no answer within 0 seconds"):
        in_user_namespace(namespace, 0.2, time.sleep, 30)


def test_ones_own_namespace_cannot_be_entered() -> None:
    with pytest.raises(OSError, match="ns/user"):
        in_user_namespace(os.getpid(), 10, os.getuid)
