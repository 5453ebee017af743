"""A home which its user can reach and root cannot, and one that never answers.

It is on a FUSE file system, without allow_root; or with a server that treats root as NFS does with root_squash, for the
test's machine may have no NFS server.
"""

from __future__ import annotations

import os
import pathlib
import pwd
import tempfile
import time
from collections.abc import Iterator
from functools import partial

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._agents.directory import directory_faults
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError, HostError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import mirror_paths
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host import bounded, filesystem, trust, users
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import Host
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User, as_user, look_as, owner_of
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import guard, install, place, run
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source

from .fuse import Fuse

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="it takes root and /dev/fuse"
)
NOBODY = pwd.getpwnam("nobody")


def mounted(answers: bool = True, squashes: bool = False, mode: int = 0o700) -> Iterator[User]:
    umask = os.umask(0o022)
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)  # noqa: S103
        home, backing = f"{path}/home", f"{path}/backing"
        os.mkdir(home)
        os.mkdir(backing, mode)
        os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
        fuse = Fuse(backing, home, NOBODY.pw_uid, answers=answers, squashes=squashes)
        try:
            yield User("nobody", NOBODY.pw_uid, NOBODY.pw_gid, home)
        finally:
            fuse.close()
            os.umask(umask)


@pytest.fixture(params=["FUSE", "root_squash"])
def user(request: pytest.FixtureRequest) -> Iterator[User]:
    yield from mounted(squashes=request.param == "root_squash")


@pytest.fixture
def squashed() -> Iterator[User]:
    """A home that others may pass: root reaches what he may not list."""
    yield from mounted(squashes=True, mode=0o755)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    for module in (users, filesystem, trust, bounded):
        monkeypatch.setattr(module, "LOOK_SECONDS", 1.0)
    yield from mounted(answers=False)


def write(user: User, path: str, text: str) -> None:
    def work(_own: Changes) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pathlib.Path(path).write_text(text)

    as_user(user, work, Changes(False))


def spec_of(user: User, where: str = "home") -> MirrorSpec:
    login = f"{user.home}/.claude/.credentials.json"
    root = f"{user.home}/.config/claude-hooks" if where == "home" else f"{mirror_paths.SYSTEM_PLACE}/nobody"
    return MirrorSpec(
        CATALOG["claude"],
        user,
        "user",
        root,
        Source(login, login),
        place="system" if where == "system" else "home",
    )


def make(spec: MirrorSpec) -> list[str]:
    """As a run does it, which check mode must have predicted."""
    records = Changes(check_mode=True), Changes(check_mode=False)
    for changes in records:
        place.ensure(changes, [spec], "refuse", "~/.config/claude-hooks")
        as_user(spec.user, partial(_directories, spec), changes)
    assert records[0].changes == records[1].changes
    return records[1].changes


def _directories(spec: MirrorSpec, own: Changes) -> None:
    install.ensure_directories(own, spec, "refuse")


def test_root_cannot_look_and_the_user_can(user: User) -> None:
    """What all the tests here rely on."""
    with pytest.raises(PermissionError):
        os.listdir(user.home)
    assert look_as(user, lambda: os.listdir(user.home)) == []


def test_the_mirrors_directories_are_made_in_such_a_home(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "may_use_engine", lambda _user: True)
    spec = spec_of(user)
    assert f"made the directory {spec.directory}" in make(spec)
    write(user, spec.published, "a login")
    assert make(spec) == [f"set the mode of {spec.published} to 0600"]
    assert make(spec) == []
    with pytest.raises(HostError, match=r"by its user and not by root.*creds_mirror_place to system"):
        guard.require_guardable(spec)


def test_its_directory_is_looked_at_and_refused_for_what_it_is(user: User) -> None:
    """Before, root's look said that nothing could be read, and to "use become"."""
    spec = spec_of(user)
    make(spec)
    write(user, spec.published, "a login")
    host = Host(user)
    facts = host.directory(spec.directory)
    assert (facts.kind, facts.names, facts.uid, facts.is_beyond_root) == (
        "directory",
        (".credentials.json",),
        user.uid,
        True,
    )
    assert host.read(spec.published) == b"a login"
    assert host.inode(spec.published) == look_as(user, lambda: os.lstat(spec.published).st_ino)
    context = ConfigContext("agents.json", user.home, owner_uid=user.uid)
    agent = parse({"agents": {"boss": {"container": {"credentials_host_dir": spec.directory}}}}, context).agents[0]
    (fault,) = directory_faults(agent, facts, context)
    assert fault.startswith("boss: container.credentials_host_dir: ")
    assert "can be reached by its user and not by root" in fault and "creds_mirror_place: system" in fault


def test_links_in_such_a_home_are_resolved(user: User) -> None:
    write(user, f"{user.home}/real/file", "text")
    look_as(user, lambda: os.symlink("real", f"{user.home}/link"))
    host = Host(user)
    assert host.realpath(f"{user.home}/link/file") == f"{user.home}/real/file"
    assert host.directory(f"{user.home}/link").path == f"{user.home}/real"


def test_the_place_system_serves_such_a_user(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out that the refusal names; what lies in the home is kept, for root cannot move it."""
    old = spec_of(user)
    make(old)
    write(user, old.published, "a login")
    monkeypatch.setattr(mirror_paths, "SYSTEM_PLACE", f"{os.path.dirname(user.home)}/lib")
    spec = spec_of(user, "system")
    assert f"made the directory {spec.directory}" in make(spec)
    kept = Changes(False)
    place.keep_former(kept, [spec], "~/.config/claude-hooks")
    assert "was not moved" in kept.warnings[0]
    facts = Host(user).directory(spec.directory)
    assert (facts.kind, facts.is_beyond_root) == ("directory", False)
    assert make(spec) == []


def test_where_root_is_squashed_in_an_open_home_a_move_is_refused(
    squashed: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's engine can mount from there, so a container may have the directory, whose login would grow old."""
    old = spec_of(squashed)
    make(old)
    as_user(squashed, lambda _own: os.chmod(old.root, 0o711), Changes(False))  # noqa: S103
    write(squashed, old.published, "a login")
    facts = Host(squashed).directory(old.directory)
    assert (facts.kind, facts.names, facts.is_beyond_root) == ("directory", (".credentials.json",), True)
    monkeypatch.setattr(mirror_paths, "SYSTEM_PLACE", f"{os.path.dirname(squashed.home)}/lib")
    with pytest.raises(HostError, match="cannot be moved to"):
        make(spec_of(squashed, "system"))
    assert look_as(squashed, lambda: os.listdir(old.directory)) == [".credentials.json"]


def test_agents_json_is_read_there_and_its_home_has_an_owner(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    write(user, f"{user.home}/agents.json", '{"agents": {}}')
    os.chmod(os.path.dirname(user.home), 0o755)  # noqa: S103
    assert trust.read_configuration(f"{user.home}/agents.json", user) == '{"agents": {}}'
    entry = pwd.struct_passwd(("nobody", "x", user.uid, user.gid, "", user.home, "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [entry])
    assert owner_of(user.home).uid == user.uid


def test_a_home_that_never_answers_holds_nothing_up(silent: User) -> None:
    """Each look ends, though the process that looks may hang in the kernel and cannot be killed."""
    begin = time.monotonic()
    host = Host(silent)
    facts = host.directory(f"{silent.home}/x")
    assert facts.kind == "unreadable" and "did not end within 1 seconds" in facts.obstacle
    assert host.read(f"{silent.home}/x") is None
    with pytest.raises((HostError, ConfigError), match="did not end within 1 seconds"):
        trust.read_configuration(f"{silent.home}/agents.json", silent)
    with pytest.raises(HostError, match="did not end within 1 seconds"):
        run._resolved([spec_of(silent)])  # a run's first look
    assert time.monotonic() - begin < 30
