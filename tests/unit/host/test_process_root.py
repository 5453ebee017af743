"""The host's files, and the root of a process as it sees it: here of the process that runs the tests."""

from __future__ import annotations

import datetime
import os
import pathlib
import socket
import stat
import subprocess
import time
from collections.abc import Iterator

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._host import filesystem, process_root
from ansible_collections.agentops.credentials.plugins.module_utils._host.node import Node
from ansible_collections.agentops.credentials.plugins.module_utils._host.reading import fingerprint


@pytest.fixture
def own_cgroup() -> str:
    """Stands for a container's id: what ``/proc/PID/cgroup`` of this process does tell."""
    return pathlib.Path("/proc/self/cgroup").read_text().splitlines()[0]


def test_a_directory_is_told_by_its_inode_whatever_links_lead_to_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "x").touch()
    facts = filesystem.Host().directory(str(tmp_path / "link"))
    status = (tmp_path / "real").stat()
    assert facts.path == str(tmp_path / "real")
    assert (facts.kind, facts.identity, facts.names) == ("directory", (status.st_dev, status.st_ino), ("x",))
    assert facts.mode == stat.S_IMODE(status.st_mode)


@pytest.mark.parametrize(("make", "kind"), [("touch", "other"), (None, "missing")])
def test_what_is_no_directory_is_told(tmp_path: pathlib.Path, make: str | None, kind: str) -> None:
    if make:
        (tmp_path / "it").touch()
    assert filesystem.Host().directory(str(tmp_path / "it")).kind == kind


def test_reading_neither_follows_a_link_nor_hangs_on_a_fifo(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    host = filesystem.Host()
    assert host.read(str(tmp_path / "file")) == b"x"
    (tmp_path / "above").symlink_to(".")
    assert [host.read(str(tmp_path / name)) for name in ("link", "fifo", "none", "above/file")] == [None] * 4
    assert host.inode(str(tmp_path / "file")) == (tmp_path / "file").stat().st_ino
    assert host.inode(str(tmp_path / "none")) is None


def test_a_process_sees_what_is_there(tmp_path: pathlib.Path, own_cgroup: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    with process_root.ContainerRoot(os.getpid(), own_cgroup) as root:
        directory, file = root.stat(str(tmp_path)), root.stat(str(tmp_path / "file"))
        status = tmp_path.stat()
        assert (directory.kind, directory.identity) == ("directory", (status.st_dev, status.st_ino))
        assert file.fingerprint == fingerprint(b"x")
        assert root.lstat(str(tmp_path / "link")).link_target == "file"
        assert root.lstat(str(tmp_path / "file")).kind == "file"
        assert root.stat(str(tmp_path / "none")) == root.lstat(str(tmp_path / "none")) == process_root.MISSING
        assert root.stat("/dev/null").kind == "other"
        assert root.read("/dev/zero") is None


def test_a_process_of_another_container_proves_nothing() -> None:
    with pytest.raises(process_root.NotProven, match="not the container's"):
        process_root.ContainerRoot(os.getpid(), "0" * 64)
    with pytest.raises(process_root.NotProven, match="not visible"):
        process_root.ContainerRoot(2**22 + 1, "0" * 64)


@pytest.fixture
def other_mounts() -> Iterator[int]:
    """A process in a mount namespace of its own, as a container's is, in no cgroup of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root makes a mount namespace")
    process = subprocess.Popen(["unshare", "--mount", "sleep", "60"])
    end = time.monotonic() + 5
    while os.readlink(f"/proc/{process.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt") and time.monotonic() < end:
        time.sleep(0.01)
    yield process.pid
    process.kill()
    process.wait()


def ago(seconds: float, form: str = "%Y-%m-%dT%H:%M:%S.%f000Z") -> str:
    """A time as engines tell it."""
    zone = datetime.UTC if form.endswith("Z") else datetime.timezone(datetime.timedelta(hours=2))
    return (datetime.datetime.now(zone) - datetime.timedelta(seconds=seconds)).strftime(form)


def test_without_cgroups_a_containers_process_is_known_by_its_mounts_and_its_start(other_mounts: int) -> None:
    """The cgroup driver ``none`` of a rootless Docker, ``--cgroups=disabled`` of podman."""
    for told in (ago(0), ago(-20), ago(0, "%Y-%m-%dT%H:%M:%SZ"), ago(0, "%Y-%m-%dT%H:%M:%S.%f+02:00")):
        with process_root.ContainerRoot(other_mounts, "0" * 64, told) as root:
            assert root.stat("/").kind == "directory"
    for told in (ago(60), ago(-120), "0001-01-01T00:00:00Z", "yesterday", ""):
        with pytest.raises(process_root.NotProven, match="not the container's"):
            process_root.ContainerRoot(other_mounts, "0" * 64, told)


def test_a_process_with_this_ones_mounts_is_no_containers_whenever_it_was_started() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        with pytest.raises(process_root.NotProven, match="not the container's"):
            process_root.ContainerRoot(process.pid, "0" * 64, ago(0))
        process.kill()


def test_what_stands_at_a_path_is_told_by_kind_and_identity(tmp_path: pathlib.Path, own_cgroup: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "link-out").symlink_to("file/below")
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.close()
    status = (tmp_path / "file").stat()
    expected = {
        "file": "file", "link": "file", "pipe": "pipe", "socket": "socket", ".": "directory",
        "none": "missing", "file/below": "missing", "link-out": "missing",
    }  # fmt: skip
    host = filesystem.Host()
    with process_root.ContainerRoot(os.getpid(), own_cgroup) as root:
        for name, kind in expected.items():
            path = str(tmp_path / name)
            assert host.node(path) == root.node(path), name
            assert host.node(path).kind == kind, name
        assert root.node(str(tmp_path / "link")).identity == (status.st_dev, status.st_ino)
        # A device is what the kernel calls it, wherever its node is.
        assert root.node("/dev/null") == host.node("/dev/null") == Node("device", (0, os.makedev(1, 3)))
    assert host.node("/nul\0").kind == "unknown"


@pytest.mark.parametrize(
    ("other", "is_same"), [("same", True), ("longer", False), ("different", False), ("none", False), ("pipe", False)]
)
def test_two_files_are_compared_by_content(tmp_path: pathlib.Path, own_cgroup: str, other: str, is_same: bool) -> None:
    content = b"x" * (1 << 21)
    for name, text in {
        "one": content,
        "same": content,
        "longer": content + b"y",
        "different": content[:-1] + b"y",
    }.items():
        (tmp_path / name).write_bytes(text)
    os.mkfifo(tmp_path / "pipe")
    with process_root.ContainerRoot(os.getpid(), own_cgroup) as root:
        assert root.has_content_of(str(tmp_path / "one"), str(tmp_path / other)) is is_same
        assert not root.has_content_of(str(tmp_path / "none"), str(tmp_path / other))
