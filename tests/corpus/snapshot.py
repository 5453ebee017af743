"""All that can be known of a container: what the engine tells, what its process sees, what is in its file systems.

Runs as root on the engine's host. A snapshot is a flat dictionary, so that two are compared key by key. What
differs from one container to another by nature (ids, dates, process numbers, dynamic addresses) is replaced by a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import stat
from collections.abc import Iterator
from typing import Any

from .option_sets import OPTION_SETS

RUNTIME = pathlib.Path("/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby")
RUNTIMES = (
    RUNTIME,
    pathlib.Path("/run/containerd/io.containerd.runtime.v2.task/moby"),
    *pathlib.Path("/run/user").glob("*/docker/containerd/daemon/io.containerd.runtime.v2.task/moby"),
)
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")

_BY_NATURE = frozenset(
    """Id Created Name LogPath ResolvConfPath HostnamePath HostsPath ExecIDs GraphDriver SandboxID SandboxKey
    EndpointID NetworkID Pid StartedAt FinishedAt RestartCount Start End Log DNSNames
    HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen ImageManifestDescriptor""".split()
)
# Addresses nobody asked for; those that somebody asked for stand in IPAMConfig.
_DYNAMIC = frozenset(
    "IPAddress IPPrefixLen Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPv6Gateway MacAddress".split()
)
_ENGINE_FILE = "/.dockerenv"
_STATUS = frozenset(
    "Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters Umask".split()
)


def take(inspect: dict[str, Any], others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The snapshot of a container. ``others`` are the inspect documents of containers whose namespaces it may share."""
    words = _words(inspect)
    result = dict(_engine(inspect))
    pid = inspect["State"]["Pid"]
    if pid:
        result.update(_process(pid, inspect["Config"], others))
        result.update((f"runtime.{key}", value) for key, value in _flat(_runtime(inspect["Id"])))
        result.update(_tree(pathlib.Path(f"/proc/{pid}/root"), "file"))
    for mount in inspect["Mounts"]:
        if mount["Type"] == "volume":
            result.update(_tree(pathlib.Path(mount["Source"]), f"volume {mount['Destination']}"))
    return {_reword(key, words): _reword(value, words) for key, value in result.items()}


def _words(inspect: dict[str, Any]) -> list[tuple[str, str]]:
    """What to replace by what: longest first."""
    asked = {
        address
        for row in inspect["NetworkSettings"]["Networks"].values()
        for address in (row.get("IPAMConfig") or {}).values()
        if isinstance(address, str)
    }
    dynamic = {
        row[field]
        for row in (inspect["NetworkSettings"], *inspect["NetworkSettings"]["Networks"].values())
        for field in ("IPAddress", "GlobalIPv6Address")
        if row.get(field)
    } - asked
    words = [(inspect["Id"], "<id>"), (inspect["Id"][:12], "<short id>")]
    # Of an image with that name the engine keeps the id, so a container is known by both.
    return words + [(address, "<address>") for address in dynamic]


def _reword(value: Any, words: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        for word, replacement in words:
            value = re.sub(
                rf"(?<![\w.:-]){re.escape(word)}(?![\d.:])" if "address" in replacement else re.escape(word),
                replacement,
                value,
            )
        return value
    if isinstance(value, (list, tuple)):
        return [_reword(item, words) for item in value]
    return value


def _flat(document: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a document by their dotted path; lists stay whole."""
    if isinstance(document, dict) and document:
        for key, value in document.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, document


def _engine(inspect: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    document = {key: value for key, value in inspect.items() if key not in ("Config", "HostConfig", "Mounts")}
    networks = inspect["NetworkSettings"]["Networks"]
    for path, value in _flat(document):
        name = path.rsplit(".", 1)[-1]
        if not set(path.split(".")) & _BY_NATURE and name not in _DYNAMIC:
            yield path, value
    for part in ("Config", "HostConfig"):
        yield from ((f"{part}.{key}", value) for key, value in inspect[part].items())
    for network, row in networks.items():
        if row.get("Aliases"):
            yield (
                f"NetworkSettings.Networks.{network}.Aliases",
                [name for name in row["Aliases"] if name != inspect["Id"][:12]],
            )
        if row.get("DNSNames"):
            own = (inspect["Id"][:12], inspect["Name"].lstrip("/"))
            yield (
                f"NetworkSettings.Networks.{network}.DNSNames",
                sorted(name for name in row["DNSNames"] if name not in own),
            )
        if row.get("MacAddress"):
            yield f"NetworkSettings.Networks.{network}.MacAddress", _mac(row)
    for mount in inspect["Mounts"]:
        yield f"Mounts {mount['Destination']}", json.dumps(mount, sort_keys=True)


_ASKED_MACS = frozenset(re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", " ".join(row.options for row in OPTION_SETS)))


def _mac(row: dict[str, Any]) -> str:
    """The address that an option set asks for; else the engine derives one from the IP address, or draws it."""
    return str(row["MacAddress"]) if row["MacAddress"] in _ASKED_MACS else "the engine's own"


def _process(pid: int, config: dict[str, Any], others: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    proc = pathlib.Path(f"/proc/{pid}")
    for entry in (proc / "environ").read_bytes().split(b"\0"):
        variable, _equals, content = entry.partition(b"=")
        yield f"environment {variable.decode()}", content.decode("utf-8", "replace")
    for line in (proc / "status").read_text().splitlines():
        field, _colon, value = line.partition(":")
        if field in _STATUS:
            yield f"status {field}", value.split()
    for line in (proc / "limits").read_text().splitlines()[1:]:
        yield f"limit {line[:26].strip()}", line[26:].split()
    yield "out of memory score", (proc / "oom_score_adj").read_text().strip()
    yield "command line", (proc / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    yield "working directory", os.readlink(proc / "cwd")
    yield "control group", re.sub(r"^.*?(?=/[^/]*$)", "", (proc / "cgroup").read_text().strip().splitlines()[-1])
    for number in (0, 1, 2):
        yield f"descriptor {number}", re.sub(r"\d+", "N", os.readlink(proc / "fd" / str(number)))
    for kind in NAMESPACES:
        yield f"namespace {kind}", _whose(proc, kind, others)
    if _whose(proc, "net", others) == "own":
        for line in (proc / "net/dev").read_text().splitlines()[2:]:
            yield f"interface {line.split(':')[0].strip()}", "there"
    for line in (proc / "mountinfo").read_text().splitlines():
        target, row = _mount(line)
        yield f"mount {target}", row
    root = proc / "root"
    for name in ("resolv.conf", "hosts", "hostname"):
        file = root / "etc" / name
        # The order of lines does not matter, and follows that of the networks, which is by chance.
        yield f"/etc/{name}", sorted(file.read_text().splitlines()) if file.is_file() else None
    for device in sorted(os.listdir(root / "dev")):
        status = os.lstat(root / "dev" / device)
        yield f"device {device}", [stat.filemode(status.st_mode), status.st_rdev, status.st_uid, status.st_gid]


def _whose(proc: pathlib.Path, kind: str, others: dict[str, dict[str, Any]]) -> str:
    own = os.stat(proc / "ns" / kind).st_ino
    # Where the engine is a user's, "the host's" namespaces of its containers are those of the engine.
    users_engine = next(pathlib.Path("/run/user").glob("*/docker.pid"), None)
    pids = {"the host's": 1, "the engine's": int(users_engine.read_text()) if users_engine else 1}
    pids.update((f"that of {name}", other["State"]["Pid"]) for name, other in others.items())
    for owner, pid in pids.items():
        if os.stat(f"/proc/{pid}/ns/{kind}").st_ino == own:
            return owner
    return "own"


def _mount(line: str) -> tuple[str, list[str]]:
    """A line of mountinfo, see proc(5): mount point → what is there, without numbers that are by nature."""
    fields, _hyphen, rest = line.partition(" - ")
    parts = fields.split()
    kind, source, options = rest.split(" ", 2)
    propagation = sorted({re.sub(r":\d+", "", tag) for tag in parts[6:]})
    if kind == "overlay":
        options = ""
    source = re.sub(r"\d+", "N", source) if kind == "devpts" else source
    return parts[4], [parts[3], parts[5], *propagation, kind, source, options]


def _runtime(container: str) -> Any:
    """What the engine told the runtime: the whole of an OCI configuration."""
    directory = next((runtime / container for runtime in RUNTIMES if (runtime / container).is_dir()), None)
    if directory is None:
        return {}
    document = json.loads((directory / "config.json").read_text())
    document["root"].pop("path", None)
    document["mounts"] = {mount["destination"]: mount for mount in document["mounts"]}
    for mount in document["mounts"].values():
        mount["source"] = re.sub(r"(safe-mount)\d+", r"\1", mount.get("source", ""))
    document["process"]["env"] = {entry.split("=", 1)[0]: entry for entry in document["process"]["env"]}
    document.pop("hooks", None)  # they hold the engine's process number
    document["process"]["user"].get("additionalGids", []).sort()
    return document


def _tree(root: pathlib.Path, label: str) -> Iterator[tuple[str, Any]]:
    """Every file of one file system: its kind, owner, mode, time, links, attributes and content."""
    device = os.stat(f"{root}/.").st_dev
    names: dict[int, str] = {}
    for directory, directories, files in os.walk(f"{root}/."):
        directories[:] = [name for name in directories if os.lstat(os.path.join(directory, name)).st_dev == device]
        for name in (*directories, *files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            shown = "/" + os.path.relpath(path, f"{root}/.")
            if status.st_dev == device and shown != _ENGINE_FILE:
                yield f"{label} {shown}", _file(path, status, names, shown)


def _file(path: str, status: os.stat_result, names: dict[int, str], shown: str) -> list[Any]:
    row: list[Any] = [stat.filemode(status.st_mode), status.st_uid, status.st_gid]
    if stat.S_ISLNK(status.st_mode):
        return [*row, os.readlink(path)]
    if not stat.S_ISREG(status.st_mode):
        return row
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    attributes = {name: os.getxattr(path, name).hex() for name in os.listxattr(path)}
    same_as = names.setdefault(status.st_ino, shown) if status.st_nlink > 1 else shown
    return [*row, status.st_size, status.st_mtime_ns, status.st_nlink, same_as, digest, attributes]
