# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clone a container: inspect documents → the body of ``POST /containers/create``.

The rules are those of ``docs/recreation.md``, each found on a real engine. What the clone cannot
keep is told in ``Clone.differences``; what must not be done at all is decided in ``_plan``.
"""

from __future__ import annotations

import copy
import ipaddress
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from .._agents.placement import environment_of, with_variable
from .._base.paths import is_below, normalise
from .._engine.mounts import MountSpec, bind_fields, from_engine, with_bind, without_targets

Document = Mapping[str, Any]

API_ALL_ENDPOINTS_IN_CREATE = (1, 44)
"""From here create takes every endpoint, and connect ignores a MAC address; before, create takes only one."""

# The fields of create that this collection knows how to carry, up to API 1.51.
_CONFIG_FIELDS = frozenset(
    """ArgsEscaped AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env ExposedPorts Healthcheck
    Hostname Image Labels MacAddress NetworkDisabled OnBuild OpenStdin Shell StdinOnce StopSignal StopTimeout Tty
    User Volumes WorkingDir""".split()
)
_HOST_CONFIG_FIELDS = frozenset(
    """Annotations AutoRemove Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps
    BlkioWeight BlkioWeightDevice CapAdd CapDrop Capabilities Cgroup CgroupParent CgroupnsMode ConsoleSize
    ContainerIDFile CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares CpusetCpus
    CpusetMems DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch ExtraHosts GroupAdd IOMaximumBandwidth
    IOMaximumIOps Init IpcMode Isolation KernelMemory KernelMemoryTCP Links LogConfig MaskedPaths Memory
    MemoryReservation MemorySwap MemorySwappiness Mounts NanoCpus NetworkMode OomKillDisable OomScoreAdj PidMode
    PidsLimit PortBindings Privileged PublishAllPorts ReadonlyPaths ReadonlyRootfs RestartPolicy Runtime SecurityOpt
    ShmSize StorageOpt Sysctls Tmpfs UTSMode Ulimits UsernsMode VolumeDriver VolumesFrom""".split()
)
_ENDPOINT_FIELDS = ("IPAMConfig", "Links", "Aliases", "DriverOpts", "MacAddress", "GwPriority")
_WITHOUT_ENDPOINTS = ("host", "none")
_ENGINE_FILES = ("/.dockerenv", "/dev", "/sbin/docker-init")
"""What the engine itself puts into a writable layer."""
_USUAL_LINKS = (
    ("/bin", "/usr/bin"),
    ("/sbin", "/usr/sbin"),
    ("/sbin", "/usr/bin"),
    ("/lib", "/usr/lib"),
    ("/var/run", "/run"),
)
"""Directories that are links in most images: what is mounted below one is listed where it leads to."""
NAMESPACE_FIELDS = ("NetworkMode", "PidMode", "IpcMode")
"""Fields of ``HostConfig`` that can name another container, by its id."""
COMMITTED = "agentops-carried"
"""The repository of the images that hold writable layers which could not be copied."""
_STOPPED = "-stopped"
NO_RESTART = {"Name": "no", "MaximumRetryCount": 0}


@dataclass(frozen=True)
class Wanted:
    """What is to be different in the clone.

    ``mounts``    the bind mounts to add
    ``unmounted`` targets of the mounts to leave out
    ``variables`` names and values of environment variables to set (value ``None``: to remove)
    """

    mounts: tuple[MountSpec, ...] = ()
    unmounted: tuple[str, ...] = ()
    variables: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Clone:
    """``body`` for create; ``connections`` to make and networks to leave again before the start.

    ``restart_policy`` is the original's; the body has none, for the clone is armed when it takes over.
    ``differences`` are sentences about what a recreation cannot keep.
    """

    body: Document
    connections: tuple[tuple[str, Document], ...]
    disconnections: tuple[str, ...]
    restart_policy: Document
    differences: tuple[str, ...]


def clone(
    container: Document,
    image: Document,
    wanted: Wanted,
    api_version: tuple[int, int],
    tag_image: str | None,
    lenders: Iterable[Document] = (),
    namespaces: Mapping[str, str] | None = None,
    committed: str | None = None,
) -> Clone:
    """The create request that makes ``container`` again, but for ``wanted``.

    :param container: its inspect document.
    :param image: inspect document of the image that it was made from.
    :param tag_image: id of the image that its image name means now; ``None`` if it means none.
    :param lenders: inspect documents of the containers that its ``--volumes-from`` names.
    :param namespaces: modes to replace, e.g. ``container:OLD`` by ``container:NEW``.
    :param committed: name of the image that holds the container's writable layer, to make the clone from.
    """
    differences: list[str] = ["the engine's log of the container begins anew"]
    config = copy.deepcopy(dict(container["Config"]))
    host_config = copy.deepcopy(dict(container["HostConfig"]))

    named, sentences = _name_anonymous_volumes(container, host_config, lenders)
    host_config = named
    differences += sentences + _lost_state(container)

    host_config = without_targets(host_config, wanted.unmounted)
    for target in wanted.unmounted:
        config["Volumes"] = {path: {} for path in config.get("Volumes") or {} if normalise(path) != target} or None
    for mount in wanted.mounts:
        host_config = with_bind(host_config, mount)
    for name, value in wanted.variables:
        config["Env"] = with_variable(config.get("Env"), name, value)
        if value is None and (committed or name in environment_of((image.get("Config") or {}).get("Env"))):
            config["Env"].append(name)  # left out, it would come back from the image; a name alone unsets it

    for field in NAMESPACE_FIELDS:
        if host_config.get(field) in (namespaces or {}):
            host_config[field] = (namespaces or {})[host_config[field]]

    network_mode = str(host_config.get("NetworkMode") or "default")
    shares_network = network_mode.startswith("container:")
    if config.get("Hostname") == container["Id"][:12] or shares_network or host_config.get("UTSMode") == "host":
        # The engine's default, or a value that it reports but does not accept.
        config["Hostname"] = ""
    if shares_network or host_config.get("UTSMode") == "host":
        config["Domainname"] = ""
    if not config.get("Entrypoint") and (image.get("Config") or {}).get("Entrypoint"):
        # `--entrypoint ""` is stored as null, which would inherit the image's again.
        config["Entrypoint"] = [""]
    if committed:
        differences += [
            f"the image becomes {committed}, which holds the writable layer (docker commit): one more in its chain",
            "docker commit keeps no extended attributes user.* and no fractions of a second of times in that layer",
        ]
        config["Image"] = committed
    elif tag_image != container["Image"]:
        differences.append(f"the image is pinned by its id: {config['Image']} means another image now")
        config["Image"] = container["Image"]
    if host_config.get("Links"):
        host_config["Links"] = [_link_argument(link) for link in host_config["Links"]]

    restart_policy = host_config.get("RestartPolicy") or NO_RESTART
    host_config["RestartPolicy"] = dict(NO_RESTART)

    endpoints = _endpoints(container, network_mode)
    first, later = _split_endpoints(endpoints, container, network_mode, api_version)
    left = () if _is_attached(endpoints, network_mode, api_version) else (_network_name(network_mode),)
    body = {**config, "HostConfig": host_config, "NetworkingConfig": {"EndpointsConfig": first}}
    return Clone(body, later, left, dict(restart_policy), tuple(differences))


def _lost_state(container: Document) -> list[str]:
    """What the engine lets nobody set, or chooses anew."""
    host_config = container["HostConfig"]
    sentences = []
    if (container.get("State") or {}).get("Status") == "exited":
        sentences.append("the stopped container's exit status and health history are lost: the engine calls it created")
    if host_config.get("ContainerIDFile"):
        sentences.append(f"{host_config['ContainerIDFile']} goes on to hold the id of the old container")
    chosen = [
        port
        for port, bindings in sorted((host_config.get("PortBindings") or {}).items())
        if any((binding.get("HostPort") or "0") == "0" or "-" in binding["HostPort"] for binding in bindings or ())
    ]
    if host_config.get("PublishAllPorts"):
        chosen = sorted({*chosen, *(container["Config"].get("ExposedPorts") or ())})
    if chosen:
        sentences.append(f"the engine chooses another host port for {', '.join(chosen)}")
    return sentences


def _name_anonymous_volumes(
    container: Document, host_config: dict[str, Any], lenders: Iterable[Document]
) -> tuple[dict[str, Any], list[str]]:
    """Give every anonymous volume its name, so that the clone keeps its data."""
    volumes = {
        normalise(mount["Destination"]): mount for mount in container.get("Mounts") or () if mount["Type"] == "volume"
    }
    lent = {
        (normalise(mount["Destination"]), mount.get("Name"))
        for lender in lenders
        for mount in lender.get("Mounts") or ()
    }
    sentences = []
    binds = []
    stated = set()
    for bind in host_config.get("Binds") or ():
        source, target, _options = bind_fields(bind)
        stated.add(normalise(target))
        if not source and normalise(target) in volumes:
            bind = f"{volumes[normalise(target)]['Name']}:{target}"
            sentences.append(_named_volume(target))
        binds.append(bind)
    mounts = []
    for mount in host_config.get("Mounts") or ():
        target = normalise(mount["Target"])
        stated.add(target)
        if mount.get("Type") == "volume" and not mount.get("Source") and target in volumes:
            mount = {**mount, "Source": volumes[target]["Name"]}
            sentences.append(_named_volume(target))
        mounts.append(mount)
    for target, mount in sorted(volumes.items()):
        if target in stated or (target, mount.get("Name")) in lent:
            continue
        binds.append(f"{mount['Name']}:{mount['Destination']}" + ("" if mount.get("RW", True) else ":ro"))
        sentences.append(_named_volume(target))
    result = dict(host_config)
    if binds:
        result["Binds"] = binds
    if mounts:
        result["Mounts"] = mounts
    return result, sentences


def _named_volume(target: str) -> str:
    return f"the anonymous volume at {target} becomes a named one: docker rm -v will not remove it"


def _link_argument(link: str) -> str:
    """``/db:/web/alias``, as inspect tells it → ``db:alias``, as create takes it."""
    source, _colon, alias = link.partition(":")
    return f"{source.lstrip('/')}:{alias.rsplit('/', 1)[-1]}"


def _network_name(network_mode: str) -> str:
    return "bridge" if network_mode == "default" else network_mode


def _is_attached(endpoints: Mapping[str, Document], network_mode: str, api_version: tuple[int, int]) -> bool:
    """Whether create's own choice of network is one that the original is attached to."""
    if network_mode.startswith("container:") or network_mode in _WITHOUT_ENDPOINTS:
        return True
    if endpoints and api_version >= API_ALL_ENDPOINTS_IN_CREATE:
        return True  # it attaches to those that are stated, and to no other
    return any(_is_network(name, endpoint, network_mode) for name, endpoint in endpoints.items())


def _is_network(name: str, endpoint: Document, network_mode: str) -> bool:
    wanted = _network_name(network_mode)
    return wanted == name or (bool(wanted) and wanted == endpoint.get("NetworkID"))


def _endpoints(container: Document, network_mode: str) -> dict[str, Document]:
    """Network name → endpoint as the engine tells it, without the modes that take no endpoint."""
    if network_mode.startswith("container:") or network_mode in _WITHOUT_ENDPOINTS:
        return {}
    return dict((container.get("NetworkSettings") or {}).get("Networks") or {})


def _split_endpoints(
    endpoints: Mapping[str, Document], container: Document, network_mode: str, api_version: tuple[int, int]
) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """The endpoints that create takes, and those that must be connected afterwards."""
    arguments = {name: _endpoint_argument(row, container, api_version) for name, row in endpoints.items()}
    if api_version >= API_ALL_ENDPOINTS_IN_CREATE:
        return arguments, ()
    first = {name: arguments[name] for name, row in endpoints.items() if _is_network(name, row, network_mode)}
    return first, tuple((name, row) for name, row in arguments.items() if name not in first)


def _endpoint_argument(endpoint: Document, container: Document, api_version: tuple[int, int]) -> dict[str, Any]:
    result = {key: copy.deepcopy(endpoint[key]) for key in _ENDPOINT_FIELDS if key in endpoint}
    if result.get("Aliases"):
        # Before API 1.45 the engine adds the short id itself.
        result["Aliases"] = [alias for alias in result["Aliases"] if alias != container["Id"][:12]]
    if result.get("Links"):
        result["Links"] = [_link_argument(link) for link in result["Links"]]
    if api_version < API_ALL_ENDPOINTS_IN_CREATE or _is_generated_mac(endpoint):
        result.pop("MacAddress", None)
    return result


def _is_generated_mac(endpoint: Document) -> bool:
    """Whether the engine derived the MAC address from the IPv4 address, so that nobody asked for it."""
    if not endpoint.get("MacAddress"):
        return True
    if not endpoint.get("IPAddress"):
        return False
    octets = ipaddress.IPv4Address(endpoint["IPAddress"]).packed
    return bool(endpoint["MacAddress"] == "02:42:" + ":".join(f"{octet:02x}" for octet in octets))


def layer_changes(
    container: Document, changes: Iterable[Document], link: str | None, ignored: Iterable[str]
) -> tuple[str, ...]:
    """Paths of the writable layer that a recreation would lose, of the rows of ``GET /containers/ID/changes``.

    Mount points, the link of the placement, their parent directories and ``ignored`` trees do not count,
    and no working directory that is empty: the engine makes it where the image has none.
    """
    ours = [mount.target for mount in from_engine(container.get("Mounts"))] + ([link] if link else [])
    ours += [normalise(path) for path in container["HostConfig"].get("Tmpfs") or ()]
    made = normalise(container["Config"].get("WorkingDir") or "/")
    paths = {str(change["Path"]) for change in changes}
    ours = [place for path in (*_ENGINE_FILES, *ours) for place in _places(path)]
    roots = [*(normalise(path) for path in ignored), *ours]
    parents = {parent for path in (*paths, *ours, made) for parent in _parents(path)}
    return tuple(
        sorted(
            path for path in paths - parents - {made} if not any(path == root or is_below(path, root) for root in roots)
        )
    )


def _places(path: str) -> list[str]:
    """Where the engine may list what lies at ``path``."""
    return [path] + [real + path[len(link) :] for link, real in _USUAL_LINKS if is_below(path, link)]


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts))]


def uses(container: Document, owner: Document) -> tuple[str, ...]:
    """How ``container`` holds on to ``owner`` by its id: it breaks when that is replaced."""
    labels = {"NetworkMode": "network", "PidMode": "process", "IpcMode": "ipc"}
    names = (f"container:{owner['Id']}", f"container:{owner['Name'].lstrip('/')}")
    ways = [
        f"its {labels[field]} namespace"
        for field in NAMESPACE_FIELDS
        if str(container["HostConfig"].get(field) or "") in names
    ]
    return (*ways, "a link") if is_linked(container, owner) else tuple(ways)


def is_linked(container: Document, owner: Document) -> bool:
    """Whether ``container`` has a legacy link to ``owner``."""
    links = container["HostConfig"].get("Links") or ()
    return any(link.split(":", 1)[0].lstrip("/") == owner["Name"].lstrip("/") for link in links)


def unknown_fields(container: Document) -> tuple[str, ...]:
    """Fields with a value that this collection does not know how to carry, e.g. of a newer engine."""
    unknown = [
        f"{part}.{key}"
        for part, known in (("Config", _CONFIG_FIELDS), ("HostConfig", _HOST_CONFIG_FIELDS))
        for key, value in container[part].items()
        if key not in known and value
    ]
    return tuple(sorted(unknown))


def is_twin(original: Document, clone: Document) -> bool:
    """Whether one container is the other's clone: the mark by which leftovers of a cut-off run are known."""
    return all(
        original["Config"].get(key) == clone["Config"].get(key)
        for key in ("Cmd", "Entrypoint", "Labels", "User", "WorkingDir")
    ) and bool(original["Image"] == clone["Image"] or is_committed_from(clone["Config"]["Image"], original["Id"]))


def committed_image(name: str, container_id: str, is_running: bool) -> str:
    """What the image is called that holds the writable layer of a container; it says whether that was running.

    A container's name is a valid tag of an image, but may be longer than one.
    """
    return f"{COMMITTED}:{name[:100]}-{container_id[:12]}" + ("" if is_running else _STOPPED)


def is_committed_from(image: str, container_id: str) -> bool:
    """Whether ``image`` is the name of one that holds the writable layer of ``container_id``."""
    suffix = f"-{container_id[:12]}"
    return image.startswith(f"{COMMITTED}:") and image.endswith((suffix, suffix + _STOPPED))


def is_of_stopped(image: str) -> bool:
    """Whether ``image`` is the name of one that holds the writable layer of a container that did not run."""
    return image.startswith(f"{COMMITTED}:") and image.endswith(_STOPPED)
