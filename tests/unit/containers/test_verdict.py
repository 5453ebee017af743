"""The verdict on a container's mounts: every trap that was met on a real engine, as a table."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.observe import observe
from ansible_collections.agentops.credentials.plugins.module_utils._containers.observed import Observed
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import ContainerList
from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import (
    Diagnosis,
    Remedy,
    Verdict,
    diagnose,
)
from ansible_collections.agentops.credentials.plugins.module_utils._host import process_root

from .. import fakes
from ..world import World

TARGET = "/run/agent-credentials/claude"
LOGIN = "/home/dev/.claude/.credentials.json"
FILE = "/home/claude/.claude/.credentials.json"
VARIABLE = f"CLAUDE_SECURESTORAGE_CONFIG_DIR={TARGET}"


def bind(source: str, target: str, writable: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": target, "RW": writable}


OURS = bind(fakes.DIRECTORY, TARGET)


def diagnosed(world: World, mounts: list[Any], name: str = "boss") -> tuple[Observed, Diagnosis]:
    """What is observed of, and the diagnosis of, the container ``boss`` with ``mounts``, with variable and link set."""
    boss = world.engine.named("boss")
    boss["Mounts"] = mounts
    boss["Config"]["Env"] = [*boss["Config"]["Env"], VARIABLE]
    world.engine.links[boss["Id"]] = {FILE: f"{TARGET}/.credentials.json"}
    world.container = {"name": name}
    (spec,) = world.request().config.agents
    observed = observe(world.engine, world.host, ContainerList.of(world.engine), spec)
    return observed, diagnose(observed, world.options)


@pytest.mark.parametrize(
    ("mounts", "verdict", "remedy"),
    [
        pytest.param([OURS], Verdict.OK, None, id="the directory, read-only"),
        pytest.param([bind(fakes.DIRECTORY + "/", TARGET + "/")], Verdict.OK, None, id="trailing slashes"),
        pytest.param([bind(fakes.DIRECTORY, "/run/x/..//agent-credentials/claude")], Verdict.OK, None, id="dots"),
        pytest.param([bind(LOGIN, FILE)], Verdict.FILE_MOUNT, Remedy.RECREATE, id="the file"),
        pytest.param([bind("/elsewhere/credentials", FILE)], Verdict.FILE_MOUNT, Remedy.RECREATE, id="a file of another host path"),
        pytest.param([bind(LOGIN, "/login.json")], Verdict.FILE_MOUNT, Remedy.RECREATE, id="the file at another place"),
        pytest.param(
            [bind("/home/dev/.claude", "/home/claude/.claude", True), bind(LOGIN, FILE)],
            Verdict.FILE_MOUNT, Remedy.RECREATE, id="a file mount nested in a directory mount",
        ),
        pytest.param([OURS, bind(LOGIN, f"{TARGET}/.credentials.json")], Verdict.FILE_MOUNT, Remedy.RECREATE, id="nested in ours"),
        pytest.param([bind("/elsewhere", TARGET)], Verdict.WRONG_SOURCE, Remedy.RECREATE, id="another directory"),
        pytest.param([bind(fakes.DIRECTORY, TARGET, True)], Verdict.WRITABLE, Remedy.RECREATE, id="writable"),
        pytest.param([], Verdict.MISSING, Remedy.RECREATE, id="nothing"),
        pytest.param([bind(fakes.DIRECTORY, TARGET + "-2")], Verdict.MISSING, Remedy.RECREATE, id="a target with our prefix"),
    ],
)  # fmt: skip
def test_verdicts_by_the_mounts(world: World, mounts: list[Any], verdict: Verdict, remedy: Remedy | None) -> None:
    world.host = _Seeing(world.engine)
    diagnosis = diagnosed(world, copy.deepcopy(mounts))[1]
    assert (diagnosis.verdict, diagnosis.remedy) == (verdict, remedy)


class _SeenDirectory(fakes.FakeRoot):
    """A root in which the directory with ``identity`` stands at every path."""

    identity = fakes.IDENTITY

    def stat(self, path: str) -> process_root.FileView:
        return process_root.FileView("directory", self.identity, read_only=True)


class _Seeing(fakes.FakeHost):
    """A host on which the process sees the wanted directory whatever the text of the mount is."""

    root_class = _SeenDirectory

    def realpath(self, path: str) -> str:
        return path.rstrip("/")

    def root(self, pid: int, container_id: str, started_at: str | None) -> fakes.FakeRoot:
        return self.root_class(self, self.engine.world[container_id])


class _SeenOther(_SeenDirectory):
    identity = (1, 1)


class _SeeingAnother(_Seeing):
    root_class = _SeenOther


def test_a_directory_that_the_process_does_not_see_any_more_is_stale(world: World) -> None:
    """Removed and made again, or renamed away; ``molecule/freshness`` proves both on real engines."""
    world.host = _SeeingAnother(world.engine)
    diagnosis = diagnosed(world, [OURS])[1]
    assert (diagnosis.verdict, diagnosis.remedy) == (Verdict.STALE, Remedy.RESTART)


class _Linked(fakes.FakeHost):
    """A host on which ``/by/link`` is a link."""

    leads_to = fakes.DIRECTORY

    def realpath(self, path: str) -> str:
        return self.leads_to if path == "/by/link" else path


def test_a_source_that_is_a_link_is_told_by_where_it_leads(world: World) -> None:
    world.host = _Linked(world.engine)
    world.host.directories["/by/link"] = world.host.directories[fakes.DIRECTORY]
    assert diagnosed(world, [bind("/by/link", TARGET)])[1].verdict is Verdict.OK
    world.host.leads_to = "/flipped"
    assert diagnosed(world, [bind("/by/link", TARGET)])[1].verdict is Verdict.WRONG_SOURCE


def test_a_stopped_container_has_a_verdict_but_no_proof(world: World) -> None:
    world.engine.named("boss")["State"].update(Status="exited", Running=False, Pid=0)
    observed, diagnosis = diagnosed(world, [OURS])
    assert diagnosis.verdict is Verdict.OK
    assert observed.container is not None
    assert observed.container.seen_directory is None


def test_an_image_without_users_gets_a_verdict_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch image has no ``/etc/passwd``: it runs as uid 0, whose home is ``/``."""
    monkeypatch.setattr(fakes, "PASSWD", None)
    world.engine.named("boss")["Config"].update(User="")
    diagnosis = diagnosed(world, [OURS])[1]
    assert diagnosis.reasons == ("/.claude/.credentials.json is not a link to the directory",)
    assert diagnosed(world, [])[1].remedy is Remedy.RECREATE


@pytest.mark.parametrize("name", ["bos", "boss1", "oss", "BOSS"])
def test_names_are_compared_whole(world: World, name: str) -> None:
    assert diagnosed(world, [OURS], name)[1].verdict is Verdict.ABSENT


def test_the_archive_is_not_asked_for_freshness(world: World) -> None:
    """It mounts the sources again, and shows fresh content for a stale container."""
    world.engine.reads.clear()
    diagnosed(world, [OURS])
    assert "read_file" not in world.engine.reads


def test_without_proof_a_mount_is_not_called_stale(world: World) -> None:
    world.host.provable = False
    observed, diagnosis = diagnosed(world, [OURS])
    assert diagnosis.verdict is Verdict.OK
    assert observed.container is not None
    assert observed.container.proof_obstacle is not None
    assert observed.container.seen_directory is None
