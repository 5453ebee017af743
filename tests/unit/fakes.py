"""An engine and a host in memory, which can fail or be cut off at any call.

The documents are those that a real engine told (``fixtures/``). What the fakes model is only what
the plan relies on: names are unique, a running container sees what its mounts said when it started.
"""

from __future__ import annotations

import copy
import itertools
import json
import pathlib
from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import (
    EngineError,
    NotFoundError,
    RunEnded,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.probe import PROGRAM
from ansible_collections.agentops.credentials.plugins.module_utils._engine.documents import (
    ApiVersion,
    Container,
    ContainerRow,
    Image,
)
from ansible_collections.agentops.credentials.plugins.module_utils._host import process_root
from ansible_collections.agentops.credentials.plugins.module_utils._host.filesystem import DirectoryFacts
from ansible_collections.agentops.credentials.plugins.module_utils._host.mountinfo import Mount
from ansible_collections.agentops.credentials.plugins.module_utils._host.node import Node
from ansible_collections.agentops.credentials.plugins.module_utils._host.reader import Process, Processes

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
DIRECTORY = "/home/dev/.config/claude-hooks/claude-credentials"
IDENTITY = (64768, 4711)


def recorded(name: str, engine: str = "engine_20_10") -> Any:
    return json.loads((FIXTURES / engine / name).read_text())


class CutOff(BaseException):
    """The process was killed: nothing more is done, not even a rollback."""


class FakeEngine:
    def __init__(self, *containers: Any) -> None:
        self.world: dict[str, Any] = {document["Id"]: copy.deepcopy(document) for document in containers}
        self.is_local = True
        self.may_set_owners = True
        self.api_version: ApiVersion = (1, 41)
        self.image = recorded("image.json")
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.layer: tuple[str, ...] = ()
        self.kinds: dict[str, str] = {}
        self.fail_at: int | None = None
        self.cut_at: int | None = None
        self.end_at: int | None = None
        self.gone_after: int | None = None
        self.idle_status = 0
        self.version: str | None = "2.1.330 (Claude Code)"
        self.is_overlay = True
        self.calls_itself = "Engine"
        self.words_at_start: list[str] = []
        self.volumes: dict[str, Any] = {}
        self.created: list[tuple[str, Any]] = []
        self.committed: set[str] = set()
        self.vanishing: dict[str, Any] | None = None
        self.links: dict[str, dict[str, str]] = {}
        self.newer: dict[str, Any] = {}
        """Fields of ``HostConfig`` that the engine tells at its own API version only."""
        self.can_look = True
        self.unstartable: set[str] = set()
        """Names of containers that cannot be started."""
        self.crashing: set[str] = set()
        """Names of containers that fall into a crash loop when they are started, but for the recorded one."""
        self._never_started: set[str] = set()
        self._stopped_by_hand: set[str] = set()
        self._ids = itertools.count(1)
        self._clock = itertools.count(1)

    # what a test asks

    def names(self) -> list[str]:
        return sorted(document["Name"][1:] for document in self.world.values())

    def named(self, name: str) -> Any:
        return next(document for document in self.world.values() if document["Name"] == f"/{name}")

    def running(self) -> list[str]:
        return sorted(document["Name"][1:] for document in self.world.values() if document["State"]["Running"])

    def policies(self) -> set[str]:
        return {document["HostConfig"]["RestartPolicy"]["Name"] for document in self.world.values()}

    def revive(self) -> None:
        self.fail_at = self.cut_at = None
        self.writes.clear()

    def boot(self) -> None:
        """The host's power is cut, and it starts again: what Daemon.restore of moby does, in an order that may vary.

        Two of one recreation hold the same ports, so only the first one starts.
        """
        self.revive()
        for document in self.world.values():
            if document["State"]["Running"]:
                document["State"].update(Status="exited", Running=False, Pid=0, ExitCode=255, FinishedAt=self._now())
        for identity, document in self.world.items():
            policy = document["HostConfig"]["RestartPolicy"]["Name"]
            is_kept = policy == "unless-stopped" and identity not in self._stopped_by_hand
            if identity not in self._never_started and (policy == "always" or is_kept) and not self._beside(identity):
                document["State"].update(Status="running", Running=True, Pid=1234)

    def _now(self) -> str:
        return f"2030-01-01T00:00:{next(self._clock):02d}Z"

    def _beside(self, identity: str) -> list[str]:
        """The other containers of its recreation that run."""
        own = self.world[identity]["Name"][1:].partition(".am-")[0]
        running = [one["Name"][1:] for one in self.world.values() if one["State"]["Running"] and one["Id"] != identity]
        return [name for name in running if name.partition(".am-")[0] == own]

    # reading

    def identity(self) -> str:
        return "the fake engine"

    def product(self) -> str:
        self._read("product")
        return self.calls_itself

    def containers(self) -> list[ContainerRow]:
        self._read("containers")
        if self.gone_after is not None and len(self.writes) >= self.gone_after:
            raise EngineError("the engine is gone")
        rows = [
            {"Id": document["Id"], "Names": [document["Name"]], "Mounts": document["Mounts"]}
            for document in self.world.values()
        ]
        return [ContainerRow(row) for row in (*rows, self.vanishing) if row]

    def inspect(self, container: str) -> Container:
        self._read("inspect")
        return Container(copy.deepcopy(self._find(container)))

    def inspect_in_full(self, container: str) -> Container:
        self._read("inspect_in_full")
        document = copy.deepcopy(self._find(container))
        document["HostConfig"].update(self.newer)
        return Container(document)

    def inspect_image(self, image: str) -> Image | None:
        self._read("inspect_image")
        if image in self.committed or image == COMMITTED_ID:
            return Image({**self.image, "Id": COMMITTED_ID, "RepoTags": sorted(self.committed)})
        return Image(self.image) if image in (self.image["Id"], *self.image["RepoTags"]) else None

    def changed_paths(self, container: str) -> tuple[str, ...]:
        self._read("changed_paths")
        return self.layer

    def kind(self, container: str, path: str) -> str:
        self._read("kind")
        return self.kinds.get(path, "file")

    def read_file(self, container: str, path: str) -> bytes | None:
        self._read("read_file")
        return PASSWD if path == "/etc/passwd" else None

    def link_target(self, container: str, path: str) -> str | None:
        self._read("link_target")
        return self.links.get(container, {}).get(path, "") if self.can_look else None

    def maps_ids(self) -> bool:
        return False

    def execute(self, container: str, command: Any) -> int:
        self._read("execute")
        return self.idle_status

    def output(self, container: str, command: Any) -> str | None:
        is_cat = command[0] == "cat"
        self._read(" ".join(command) if is_cat else "output")
        return PASSWD.decode() if is_cat else self.version

    def inspect_volume(self, volume: str) -> Any:
        self._read("inspect_volume")
        return self.volumes.get(volume)

    def layer_directory(self, container: str) -> str | None:
        return "/upper" if self.is_overlay else None

    # writing

    def create(self, name: str, body: Any) -> str:
        body = copy.deepcopy(body)
        self._write(f"create {name}")
        if name in self.names():
            raise EngineError(f'Conflict. The container name "/{name}" is already in use')
        assert self._image_id(body["Image"]), "the engine has no such image"
        self.created.append((name, copy.deepcopy(body)))
        number = next(self._ids)
        for field in ("NetworkMode", "PidMode", "IpcMode"):
            mode = str(body["HostConfig"].get(field) or "")
            if mode.startswith("container:"):
                body["HostConfig"][field] = f"container:{self._find(mode.split(':', 1)[1])['Id']}"
        config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
        identity = f"{number:064x}"
        self._never_started.add(identity)
        self.world[identity] = {
            "Id": identity,
            "Name": f"/{name}",
            "Created": self._now(),
            "Image": self._image_id(body["Image"]),
            "State": {"Status": "created", "Running": False, "Pid": 0, "FinishedAt": "0001-01-01T00:00:00Z"},
            "Config": {**config, "Hostname": config["Hostname"] or identity[:12]},
            "HostConfig": copy.deepcopy(body["HostConfig"]),
            "Mounts": _effective_mounts(body["HostConfig"]),
            "NetworkSettings": {"Networks": copy.deepcopy(body["NetworkingConfig"]["EndpointsConfig"])},
        }
        return identity

    def connect(self, container: str, network: str, endpoint: Any) -> None:
        self._write(f"connect {self._name(container)} {network}")

    def disconnect(self, container: str, network: str) -> None:
        self._write(f"disconnect {self._name(container)} {network}")

    def set_restart_policy(self, container: str, policy: Any) -> None:
        self._write(f"set_restart_policy {self._name(container)} {policy['Name']}")
        self._find(container)["HostConfig"]["RestartPolicy"] = dict(policy)

    def stop(self, container: str, timeout: int) -> None:
        self._write(f"stop {self._name(container)}")
        document = self._find(container)
        self._stopped_by_hand.add(document["Id"])
        document["State"].update(Status="exited", Running=False, Pid=0, FinishedAt=self._now())

    def restart(self, container: str, timeout: int) -> None:
        self.stop(container, timeout)
        self.start(container)

    def rename(self, container: str, new_name: str) -> None:
        self._write(f"rename {self._name(container)} {new_name}")
        assert new_name not in self.names(), "the engine refuses a name in use"
        self._find(container)["Name"] = f"/{new_name}"

    def start(self, container: str) -> None:
        self._write(f"start {self._name(container)}")
        mode = self._find(container)["HostConfig"]["NetworkMode"]
        if mode.startswith("container:") and not self._find(mode.split(":", 1)[1])["State"]["Running"]:
            raise EngineError("cannot join network of a non running container")
        document = self._find(container)
        identity, state = document["Id"], document["State"]
        if self.words_at_start:
            raise EngineError(self.words_at_start.pop(0))
        if document["Config"].get("Entrypoint") == [PROGRAM]:
            raise EngineError(f'runc create failed: exec: "{PROGRAM}": stat {PROGRAM}: no such file or directory')
        if self._name(container) in self.unstartable or identity in self.unstartable:
            raise EngineError("it cannot be started on purpose")
        assert not self._beside(identity) or state["Running"], "two would run, and one of them could hold a port"
        self._never_started.discard(identity)
        self._stopped_by_hand.discard(identity)
        state.update(Status="running", Running=True, Restarting=False, Pid=1234)
        if self._name(container) in self.crashing and len(identity.lstrip("0")) < 64:
            state.update(Status="restarting", Restarting=True, Pid=0)

    def pause(self, container: str) -> None:
        self._write(f"pause {self._name(container)}")
        self._find(container)["State"]["Status"] = "paused"

    def remove(self, container: str, force: bool) -> None:
        self._write(f"remove {self._name(container)}")
        document = self._find(container)
        assert force or not document["State"]["Running"], "the engine does not remove a running container"
        del self.world[document["Id"]]

    def commit(self, container: str, image: str) -> None:
        self._write(f"commit {self._name(container)} {image}")
        assert not self._find(container)["State"]["Running"], "what it writes afterwards would be lost"
        self.committed.add(image)

    def remove_image(self, image: str) -> None:
        self._write(f"remove_image {image}")
        assert all(document["Config"]["Image"] != image for document in self.world.values()), "it is in use"
        self.committed.discard(image)

    def _image_id(self, image: str) -> str | None:
        known = image in (self.image["Id"], *self.image["RepoTags"])
        return self.image["Id"] if known else COMMITTED_ID if image in self.committed else None

    def make_link(self, container: str, path: str, target: str, uid: int, gid: int) -> None:
        self._write(f"link {self._name(container)} {path}")
        self.links.setdefault(self._find(container)["Id"], {})[path] = target

    def copy_layer(self, source: str, target: str) -> None:
        self._write("copy_layer")

    def _find(self, container: str) -> Any:
        for document in self.world.values():
            if container in (document["Id"], document["Name"][1:]):
                return document
        raise NotFoundError(f"No such container: {container}")

    def _name(self, container: str) -> str:
        return str(self._find(container)["Name"][1:])

    def _read(self, call: str) -> None:
        if self.cut_at is not None and len(self.writes) >= self.cut_at:
            raise CutOff
        self.reads.append(call)

    def _write(self, call: str) -> None:
        if self.cut_at is not None and len(self.writes) >= self.cut_at:
            raise CutOff
        if self.end_at is not None and len(self.writes) == self.end_at:
            self.end_at = None
            raise RunEnded("the run was ended by signal 15")
        if self.fail_at is not None and len(self.writes) == self.fail_at:
            self.fail_at = None
            raise EngineError("the engine failed on purpose")
        self.writes.append(call)


COMMITTED_ID = "sha256:" + "c" * 64
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nclaude:x:1000:1000::/home/claude:/bin/sh\n"


def _effective_mounts(host_config: Any) -> list[Any]:
    binds = [bind.split(":") for bind in host_config.get("Binds") or ()]
    named = [
        {
            **({"Type": "bind", "Source": source} if source.startswith("/") else {"Type": "volume", "Name": source}),
            "Destination": target,
            "RW": mode != ["ro"],
        }
        for source, target, *mode in binds
    ]
    stated = [
        {"Type": mount["Type"], "Source": mount["Source"], "Destination": mount["Target"], "RW": not mount["ReadOnly"]}
        for mount in host_config.get("Mounts") or ()
    ]
    return named + stated


class FakeRoot(process_root.ContainerRoot):
    """What the process of a container sees: its mounts, and the links made in it."""

    def __init__(self, host: FakeHost, document: Any) -> None:
        self.host, self.document = host, document

    def __enter__(self) -> FakeRoot:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def stat(self, path: str) -> process_root.FileView:
        for mount in self.document["Mounts"]:
            if mount["Destination"] == path and mount["Type"] == "bind":
                identity = self.host.stale or self.host.directories[mount["Source"]].identity
                return process_root.FileView("directory", identity, read_only=not mount["RW"])
        owner = self.host.owners.get(path)
        return process_root.MISSING if owner is None else process_root.FileView("directory", (1, 1), uid=owner)

    def node(self, path: str) -> Node:
        return self.host.in_container.get(path) or self.host.node(self._source(path))

    def _source(self, path: str) -> str:
        return next((one["Source"] for one in self.document["Mounts"] if one["Destination"] == path), path)

    def has_content_of(self, path: str, host_path: str) -> bool:
        return self.host.is_same_content

    def lstat(self, path: str) -> process_root.FileView:
        target = self.host.engine.links.get(self.document["Id"], {}).get(path)
        standing = self.host.standing.get(path, process_root.MISSING)
        return process_root.FileView("link", link_target=target) if target else standing

    def mounts(self) -> tuple[Mount, ...]:
        return self.host.inside

    def holder(self, path: str, targets: Iterable[str]) -> str | None:
        holders = [target for target in targets if path.startswith(f"{target}/")]
        return max(holders, key=len, default="/")

    def read(self, path: str, is_mounted: bool = False) -> bytes | None:
        return PASSWD if path == "/etc/passwd" else self.host.files.get(path)


class FakeHost:
    def __init__(self, engine: FakeEngine, names: tuple[str, ...] = (".credentials.json",)) -> None:
        self.engine = engine
        self.directories = {DIRECTORY: DirectoryFacts(DIRECTORY, "directory", IDENTITY, names, 0o700, 1000)}
        self.stale: tuple[int, int] | None = None
        self.provable = True
        self.made: set[str] = set()
        self.mounted: tuple[Mount, ...] = ()
        self.inside: tuple[Mount, ...] = ()
        self.nodes: dict[str, Node] = {}
        self.in_container: dict[str, Node] = {}
        self.is_same_content = False
        self.id_base = 0
        """What is added to a container's ids on this host."""
        self.running: Processes | None = None
        self.owners: dict[str, int] = {}
        """Directories in the container → whose they are."""
        self.standing: dict[str, process_root.FileView] = {}
        """What stands in the container where no link is."""
        self.files: dict[str, bytes] = {}
        """Files in the container."""

    def make(self, path: str) -> None:
        self.made.add(path)
        self.directories.setdefault(path, DirectoryFacts(path, "directory", (64768, 4712), (), 0o700, 1000))

    def directory(self, path: str) -> DirectoryFacts:
        return self.directories.get(path) or DirectoryFacts(path, "missing")

    def realpath(self, path: str) -> str:
        return path

    def identity(self, path: str) -> tuple[int, int] | None:
        facts = self.directories.get(path)
        return facts.identity if facts else None

    def read(self, path: str) -> bytes | None:
        return None

    def inode(self, path: str) -> int | None:
        return None

    def mounts(self) -> tuple[Mount, ...]:
        return self.mounted

    def processes(self, main: int, names: Collection[str]) -> Processes | None:
        return self.running

    def obstacle(self, process: Process, path: str) -> str | None:
        return None

    def ids(self, pid: int, uid: int, gid: int) -> tuple[int, int] | None:
        return uid + self.id_base, gid + self.id_base

    def whose_id(self, uid: int) -> str | None:
        return None

    def node(self, path: str) -> Node:
        return self.nodes.get(path) or Node("directory", (1, hash(path)))

    def root(self, pid: int, container_id: str, started_at: str | None) -> FakeRoot:
        if not self.provable:
            raise process_root.NotProven("no rights on purpose")
        return FakeRoot(self, self.engine.world[container_id])
