"""The verdict on a container's mounts: every trap that was met on a real engine, as a table."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers import observe as _observe
from ansible_collections.agentops.credentials.plugins.module_utils._containers import verdict as _verdict
from ansible_collections.agentops.credentials.plugins.module_utils._host import process_root

from . import fakes

TARGET = "/run/agent-credentials/claude"
LOGIN = "/home/dev/.claude/.credentials.json"
FILE = "/home/claude/.claude/.credentials.json"
VARIABLE = f"CLAUDE_SECURESTORAGE_CONFIG_DIR={TARGET}"


def bind(source: str, target: str, writable: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": target, "RW": writable}


OURS = bind(fakes.DIRECTORY, TARGET)


def judged(world: Any, mounts: list[Any], name: str = "boss") -> tuple[Any, Any]:
    """What is observed of, and the verdict on, the container ``boss`` with ``mounts``, with variable and link set."""
    boss = world.engine.named("boss")
    boss["Mounts"] = mounts
    boss["Config"]["Env"] = [*boss["Config"]["Env"], VARIABLE]
    world.engine.links[boss["Id"]] = {FILE: f"{TARGET}/.credentials.json"}
    world.container = {"name": name}
    ((spec,), _faults) = _specs(world)
    observed = _observe.observe(world.engine, world.host, _observe.Listing.of(world.engine), spec)
    return observed, _verdict.judge(observed, world.options)


def _specs(world: Any) -> Any:
    from ansible_collections.agentops.credentials.plugins.module_utils._containers import run as _reconcile

    return _reconcile.specifications(world.request(), world.host)


@pytest.mark.parametrize(
    ("mounts", "verdict", "mend"),
    [
        pytest.param([OURS], "ok", None, id="the directory, read-only"),
        pytest.param([bind(fakes.DIRECTORY + "/", TARGET + "/")], "ok", None, id="trailing slashes"),
        pytest.param([bind(fakes.DIRECTORY, "/run/x/..//agent-credentials/claude")], "ok", None, id="dots and double slashes"),
        pytest.param([bind(LOGIN, FILE)], "file_mount", "recreate", id="the file"),
        pytest.param([bind("/elsewhere/credentials", FILE)], "file_mount", "recreate", id="a file of another host path"),
        pytest.param([bind(LOGIN, "/login.json")], "file_mount", "recreate", id="the file at another place"),
        pytest.param(
            [bind("/home/dev/.claude", "/home/claude/.claude", True), bind(LOGIN, FILE)],
            "file_mount", "recreate", id="a file mount nested in a directory mount",
        ),
        pytest.param([OURS, bind(LOGIN, f"{TARGET}/.credentials.json")], "file_mount", "recreate", id="a file mount nested in ours"),
        pytest.param([bind("/elsewhere", TARGET)], "wrong_source", "recreate", id="another directory"),
        pytest.param([bind(fakes.DIRECTORY, TARGET, True)], "writable", "recreate", id="writable"),
        pytest.param([], "missing", "recreate", id="nothing"),
        pytest.param([bind(fakes.DIRECTORY, TARGET + "-2")], "missing", "recreate", id="a target whose path begins with ours"),
    ],
)  # fmt: skip
def test_verdicts_by_the_mounts(world: Any, mounts: list[Any], verdict: str, mend: str | None) -> None:
    normal = [{**row, "Destination": row["Destination"]} for row in mounts]
    world.host = _Seeing(world.engine)
    judgement = judged(world, normal)[1]
    assert (judgement.verdict, judgement.mend) == (verdict, mend)


class _Seeing(fakes.FakeHost):
    """A host on which the process sees the wanted directory whatever the text of the mount is."""

    def realpath(self, path: str) -> str:
        return path.rstrip("/")

    def root(self, pid: int, container_id: str) -> Any:
        root = super().root(pid, container_id)
        root.see = lambda path: process_root.Sight("directory", fakes.IDENTITY, True)  # type: ignore[method-assign]
        return root


def test_a_directory_that_was_removed_or_renamed_away_is_stale(world: Any) -> None:
    """The process goes on seeing the old one, whose device and inode are not those of the path on the host."""
    world.host = _Seeing(world.engine)
    real_root = world.host.root

    def root(pid: int, container_id: str) -> Any:
        seen = real_root(pid, container_id)
        seen.see = lambda path: process_root.Sight("directory", (1, 1), True)
        return seen

    world.host.root = root
    judgement = judged(world, [OURS])[1]
    assert (judgement.verdict, judgement.mend) == ("stale", "restart")


def test_a_source_that_is_a_link_is_told_by_where_it_leads(world: Any) -> None:
    """When the link is set to another directory, the mount keeps the former one."""
    world.host.realpath = lambda path: fakes.DIRECTORY if path == "/by/link" else path
    world.host.directories["/by/link"] = world.host.directories[fakes.DIRECTORY]
    assert judged(world, [bind("/by/link", TARGET)])[1].verdict == "ok"
    world.host.realpath = lambda path: "/flipped" if path == "/by/link" else path
    assert judged(world, [bind("/by/link", TARGET)])[1].verdict == "wrong_source"


def test_a_stopped_container_has_a_verdict_but_no_proof(world: Any) -> None:
    """Its mounts are described by the engine, but there is no process whose view could be looked at."""
    world.engine.named("boss")["State"].update(Status="exited", Running=False, Pid=0)
    observed, judgement = judged(world, [OURS])
    assert (judgement.verdict, observed.seen) == ("ok", None)


def test_an_image_without_users_is_judged_too(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch image has no /etc/passwd."""
    monkeypatch.setattr(fakes, "PASSWD", None)
    world.engine.named("boss")["Config"].update(User="")
    assert judged(world, [OURS])[1].verdict in ("ok", "missing")
    assert judged(world, [])[1].verdict == "missing"


@pytest.mark.parametrize("name", ["bos", "boss1", "oss", "BOSS"])
def test_names_are_compared_whole(world: Any, name: str) -> None:
    """A part of a name, another case or a longer name is another container."""
    assert judged(world, [OURS], name)[1].verdict == "absent"


def test_the_archive_is_not_asked_for_freshness(world: Any) -> None:
    """The engine mounts the sources again for it, so it shows fresh content for a stale container."""
    world.engine.reads.clear()
    judged(world, [OURS])
    assert "read_file" not in world.engine.reads


def test_without_proof_a_mount_is_not_called_stale(world: Any) -> None:
    world.host.provable = False
    observed, judgement = judged(world, [OURS])
    assert judgement.verdict == "ok"
    assert observed.unproven is not None
    assert dataclasses.replace(observed, unproven=None).seen is None
