# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is looked at for its content: a device is not even opened, and the kernel's own files are not read."""

from __future__ import annotations

import ctypes
import os
import pathlib
import pwd
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import AgentMountsError
from ansible_collections.agentops.credentials.plugins.module_utils._host import reader
from ansible_collections.agentops.credentials.plugins.module_utils._host.files import content_of
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import Host
from ansible_collections.agentops.credentials.plugins.module_utils._host.process_root import ContainerRoot
from ansible_collections.agentops.credentials.plugins.module_utils._host.trust import read_configuration
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

IN_OPEN = 0x20
ME = User(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), os.getegid(), "/")


@contextmanager
def opens(path: pathlib.Path) -> Iterator[list[str]]:
    """How often a file is opened; to name it only (O_PATH) is no event."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert libc.inotify_add_watch(descriptor, os.fsencode(path), IN_OPEN) > 0
    seen: list[str] = []
    try:
        yield seen
        with suppress(BlockingIOError):
            events = os.read(descriptor, 1 << 16)
            seen += ["open"] * (len(events) // struct.calcsize("iIII"))
    finally:
        os.close(descriptor)


def container() -> ContainerRoot:
    return ContainerRoot(os.getpid(), pathlib.Path("/proc/self/cgroup").read_text().splitlines()[0])


def obstacle(path: str) -> object:
    process = reader.process_of(os.getpid())
    assert process is not None
    return reader.obstacle(reader.Process(**{**process.__dict__, "capabilities": 0}), path)


LOOKS: dict[str, Callable[[str], object]] = {
    "of the user's": content_of,
    "of the host": Host().read,
    "the configuration": lambda path: read_configuration(path, ME),
    "a container's passwd file": lambda path: container().read(path, is_mounted=True),
    "a container's login": lambda path: container().stat(path).fingerprint,
    "a source that was replaced": lambda path: container().has_content_of(path, path),
    "as the container's process": obstacle,
}


def make(path: pathlib.Path, kind: str) -> None:
    if kind == "device":
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root can make a device")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("x")


@pytest.mark.parametrize("kind", ["device", "pipe", "file"])
@pytest.mark.parametrize("look", LOOKS)
def test_only_a_regular_file_is_opened(tmp_path: pathlib.Path, look: str, kind: str) -> None:
    """A container with Docker's usual rights makes /etc/passwd a watchdog's device: whose open has the host reset."""
    if look == "as the container's process" and os.geteuid() != 0:
        pytest.skip("only root can become another")
    path = tmp_path / "it"
    make(path, kind)
    with opens(path) as seen, suppress(AgentMountsError):
        LOOKS[look](str(path))
    assert (seen != []) == (kind == "file")


@pytest.mark.parametrize("path", ["/proc/version", "/sys/kernel/notes", "/proc/kmsg"])
def test_the_kernels_own_files_are_not_read_where_a_containers_link_leads_there(
    tmp_path: pathlib.Path, path: str
) -> None:
    """Before, a link in a shared auth directory had root read the kernel's log, and so take it away from who reads it."""
    link = tmp_path / "login"
    link.symlink_to(path)
    with container() as root:
        view = root.stat(str(link))
        assert (view.kind, view.fingerprint) == ("file", None)
        assert root.read(str(link)) is None
        assert not root.has_content_of(str(link), path)
