"""Situations in which a run finds agents' containers, each with the whole plan that it makes: read this first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .. import fakes
from ..world import World

FILE = "/home/claude/.claude/.credentials.json"
TARGET = "/run/agent-credentials/claude"
SHARED = "/home/dev/.local/share/agentops/agent-auth/claude/.claude"
TAG = f"agentops-carried:boss-{fakes.recorded('boss_file_mount.json')['Id'][:12]}"
IMAGE = f"{TAG}-unless-stopped"


@dataclasses.dataclass(frozen=True)
class Situation:
    """``arrange`` brings a world, in which boss has its old file mount, into the situation."""

    name: str
    plan: str
    arrange: Callable[[World], None] = lambda world: None
    running: tuple[str, ...] = ("boss",)
    """Who runs before the run and after it."""

    @property
    def writes(self) -> int:
        """How many calls of the plan change something on the engine."""
        silent = (": verify ", ": on the host")
        return sum(not any(word in line for word in silent) for line in self.plan.splitlines())

    def __str__(self) -> str:
        return self.name


def options(world: World, **choices: Any) -> None:
    world.options = dataclasses.replace(world.options, **choices)


def add_sidecar(world: World, field: str = "NetworkMode") -> None:
    """A container that uses a namespace of boss."""
    sidecar = fakes.recorded("boss_file_mount.json")
    sidecar.update(Id="e" * 64, Name="/sidecar", Mounts=[])
    sidecar["HostConfig"].update({field: f"container:{world.engine.named('boss')['Id']}", "Binds": None})
    world.engine.world[sidecar["Id"]] = sidecar


def _with_sidecar(world: World) -> None:
    add_sidecar(world)
    options(world, recreate_dependents=True)


def _wrote_a_file(world: World) -> None:
    world.engine.layer = ("/srv/notes",)
    options(world, writable_layer="carry")


def layer_cannot_be_copied(world: World) -> None:
    _wrote_a_file(world)
    world.engine.is_overlay = False
    world.engine.named("boss")["GraphDriver"] = {"Name": "vfs", "Data": None}


def _stopped(world: World) -> None:
    world.engine.stop("boss", 0)
    world.engine.writes.clear()
    options(world, recreate_stopped=True)


def _stopped_and_not_copied(world: World) -> None:
    layer_cannot_be_copied(world)
    _stopped(world)


def _paused(world: World) -> None:
    world.engine.named("boss")["State"]["Status"] = "paused"


def _on_two_networks(world: World) -> None:
    other = {"IPAMConfig": None, "Links": None, "Aliases": ["dev"], "NetworkID": "n2", "MacAddress": ""}
    world.engine.named("boss")["NetworkSettings"]["Networks"]["other"] = other


def _home_on_a_volume(world: World) -> None:
    boss = world.engine.named("boss")
    boss["Mounts"].append({"Type": "volume", "Name": "home", "Destination": "/home/claude", "RW": True})
    boss["HostConfig"]["Binds"].append("home:/home/claude")


def _shared(world: World) -> None:
    world.container = {"mode": "shared", "credentials_host_dir": None}


def _without_a_restart_policy(world: World) -> None:
    world.engine.named("boss")["HostConfig"]["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}


def _always(world: World) -> None:
    world.engine.named("boss")["HostConfig"]["RestartPolicy"] = {"Name": "always", "MaximumRetryCount": 0}


PROBE = """\
boss: create boss.am-probe (to see that boss can start again)
boss: start boss.am-probe, which has no program
boss: remove boss.am-probe (volumes kept)
"""
PROBE_SIDECAR = PROBE.replace(" boss", " sidecar")
CREATE_STOPPED = f"boss: create boss.am-new (file_mount; {FILE} is a file mount, which stays at one inode)"
CREATE = PROBE + CREATE_STOPPED
LINK = f"boss: link {FILE} -> {TARGET}/.credentials.json (for versions that look there)"
BOOT = "boss: set restart policy of boss to always (a boot must start it, stopped or not)"
DISARM = "boss: set restart policy of boss.am-old to no (two must not start)"
VERIFY = f"boss: verify boss: running, sees {fakes.DIRECTORY} read-only"

RECREATION = Situation(
    "a file mount",
    f"""\
{CREATE}
{LINK}
{BOOT}
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
{VERIFY}
{DISARM}
boss: remove boss.am-old (volumes kept)
""",
)
WITH_SIDECAR = Situation(
    "a file mount, and a container that uses the network of boss",
    f"""\
{PROBE}{PROBE_SIDECAR}{CREATE_STOPPED}
{LINK}
boss: create sidecar.am-new (it uses boss)
{BOOT}
{BOOT.replace("policy of boss", "policy of sidecar")}
boss: stop sidecar
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
{VERIFY}
boss: rename sidecar -> sidecar.am-old
boss: rename sidecar.am-new -> sidecar
boss: start sidecar
boss: verify sidecar: running
{DISARM.replace("boss.am", "sidecar.am")}
{DISARM}
boss: remove sidecar.am-old (volumes kept)
boss: remove boss.am-old (volumes kept)
""",
    _with_sidecar,
    ("boss", "sidecar"),
)
CARRY = Situation(
    "a file mount, and files of its own that are carried",
    f"""\
{CREATE}
{BOOT}
boss: stop boss
boss: copy the writable layer of boss to boss.am-new
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
{LINK}
boss: start boss
{VERIFY}
{DISARM}
boss: remove boss.am-old (volumes kept)
""",
    _wrote_a_file,
)
COMMIT = Situation(
    "a file mount, and files of its own in a layer that cannot be copied",
    f"""\
{CREATE.replace("(file_mount", "(as a trial; file_mount")}
{BOOT}
boss: stop boss
boss: commit boss to the image {IMAGE} (its writable layer cannot be copied: the storage driver is vfs, not overlay2)
boss: rename boss -> boss.am-old
boss: remove boss.am-new (volumes kept) (the trial)
boss: create boss.am-new of the image {IMAGE}
{LINK}
boss: rename boss.am-new -> boss
boss: start boss
{VERIFY}
{DISARM}
boss: remove boss.am-old (volumes kept)
""",
    layer_cannot_be_copied,
)
COMMIT_STOPPED = Situation(
    "stopped, and files of its own in a layer that cannot be copied",
    f"""\
boss: commit boss to the image {TAG}-stopped (its writable layer cannot be copied: the storage driver is vfs, not overlay2)
{CREATE_STOPPED.replace("boss.am-new", f"boss.am-new of the image {TAG}-stopped")}
{LINK}
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: remove boss.am-old (volumes kept)
""",
    _stopped_and_not_copied,
    (),
)
STOPPED = Situation(
    "a file mount, stopped",
    f"""\
{CREATE_STOPPED}
{LINK}
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: remove boss.am-old (volumes kept)
""",
    _stopped,
    (),
)
PAUSED = Situation(
    "a file mount, paused",
    RECREATION.plan.replace(f"{VERIFY}\n", f"{VERIFY}\nboss: pause boss (as it was)\n"),
    _paused,
)
TWO_NETWORKS = Situation(
    "a file mount, on two networks, before API 1.44",
    RECREATION.plan.replace(f"{LINK}\n", f"boss: connect boss.am-new to network other\n{LINK}\n"),
    _on_two_networks,
)
ON_A_VOLUME = Situation(
    "a file mount, and a home on a volume: the original would see the link",
    RECREATION.plan.replace(f"{LINK}\n", "").replace(
        "boss: rename boss.am-new -> boss\n", f"boss: rename boss.am-new -> boss\n{LINK}\n"
    ),
    _home_on_a_volume,
)
SHARED_MODE = Situation(
    "mode shared",
    f"""\
boss: on the host: made {SHARED}
{CREATE}
{BOOT}
boss: stop boss
boss: rename boss -> boss.am-old
boss: rename boss.am-new -> boss
boss: start boss
boss: verify boss: running, sees {SHARED} writable
{DISARM}
boss: remove boss.am-old (volumes kept)
""",
    _shared,
)
WITHOUT_POLICY = Situation(
    "a file mount, without a restart policy",
    "".join(line for line in RECREATION.plan.splitlines(True) if "restart policy" not in line),
    _without_a_restart_policy,
)
ALWAYS = Situation(
    "a file mount, with the restart policy always",
    RECREATION.plan.replace(f"{BOOT}\n", ""),
    _always,
)
RECREATIONS = [
    RECREATION, WITH_SIDECAR, CARRY, COMMIT, COMMIT_STOPPED, STOPPED, PAUSED, TWO_NETWORKS, ON_A_VOLUME, SHARED_MODE,
    WITHOUT_POLICY, ALWAYS,
]  # fmt: skip


def is_in_order(world: World, situation: Situation) -> bool:
    """Whether every container has its own name, its state and its policy, and nothing is left that nobody needs."""
    engine = world.engine
    boss = engine.named("boss")
    is_original = boss["Id"] == fakes.recorded("boss_file_mount.json")["Id"]
    names = [*situation.running] if situation.running else ["boss"]
    assert engine.names() == names
    assert engine.running() == [*situation.running]
    assert len(engine.policies()) == 1
    if "sidecar" in names:
        assert engine.named("sidecar")["HostConfig"]["NetworkMode"] == f"container:{boss['Id']}"
    if situation in (COMMIT, COMMIT_STOPPED):
        # What boss wrote is there, and no image is left that nothing uses.
        assert engine.committed == (set() if is_original else {boss["Config"]["Image"]})
        assert is_original or boss["Image"] == fakes.COMMITTED_ID
    return True
