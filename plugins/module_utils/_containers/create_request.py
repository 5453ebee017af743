# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's inspect document → the request that makes it again. Pure.

The rules are those of ``docs/recreation.md``, each found on a real engine. What a recreation cannot keep is in
``CreateRequest.differences``; what must not be done at all is decided in ``refusals``.

1. name the anonymous volumes, so that their data is kept
2. take mounts away and add the desired ones; state binds so that the engine makes no source
3. set and unset environment variables
4. name the other containers that it needs as they are called now
5. leave out names that the engine chose or does not accept with a shared namespace
6. keep an emptied entrypoint empty
7. pin the image, or take the one that holds the writable layer
8. split the networks into those that create takes and those to connect
"""

from __future__ import annotations

import copy
import ipaddress
from dataclasses import dataclass, field
from typing import Any, Mapping

from .._base.paths import normalise
from .._engine.documents import ApiVersion, Container, Document, Image, with_variable
from .._engine.mounts import MountSpec, bind_fields, binds_as_mounts, with_bind, without_targets
from .recreation_facts import RecreationFacts

API_ALL_ENDPOINTS_IN_CREATE = (1, 44)
"""From here create takes every endpoint, and connect ignores a MAC address; before, create takes only one."""
API_RANDOM_MAC = (1, 48)
"""From here (Docker 28) the engine draws MAC addresses; before, it derives them from IPv4 addresses."""
API_ASKED_MAC_UNTOLD = (1, 52)
"""From here ``Config.MacAddress``, the one asked for in the container's main network, is not told any more."""

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


@dataclass(frozen=True)
class Overrides:
    """What is to be different in the replacement."""

    mounts: tuple[MountSpec, ...] = ()
    """Bind mounts to add."""
    unmounted: tuple[str, ...] = ()
    """Targets of the mounts to leave out."""
    variables: tuple[tuple[str, str | None], ...] = ()
    """Environment variables to set; with the value ``None`` to remove."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Id of a container that is replaced with this one → the name under which its replacement is created."""
    image: str | None = None
    """Name of the image that holds the container's writable layer."""


@dataclass(frozen=True)
class CreateRequest:
    """What makes the replacement."""

    body: Document = field(repr=False)
    """The body of ``POST /containers/create``."""
    connections: tuple[tuple[str, Document], ...] = field(repr=False)
    """Networks to connect before the start, each with its endpoint."""
    disconnections: tuple[str, ...]
    """Networks to leave again before the start."""
    restart_policy: Document
    """The original's, which the body has too: the engine starts nothing by itself that was never started."""
    differences: tuple[str, ...]
    """Sentences about what a recreation cannot keep."""

    @property
    def host_config(self) -> Document:
        host_config: Document = self.body["HostConfig"]
        return host_config


def create_request(facts: RecreationFacts, overrides: Overrides) -> CreateRequest:
    """The request that makes the container of ``facts`` again, but for ``overrides``."""
    container, image = facts.container, facts.image
    if image is None:
        raise ValueError("a container without its image is refused before")
    config = copy.deepcopy(dict(container.config))
    host_config = copy.deepcopy(dict(container.host_config))
    differences = ["the engine's log of the container begins again", *_lost_state(container)]

    host_config, sentences = _name_anonymous_volumes(facts, host_config)  # 1
    differences += sentences
    host_config = without_targets(host_config, overrides.unmounted)  # 2
    for target in overrides.unmounted:
        config["Volumes"] = {path: {} for path in config.get("Volumes") or {} if normalise(path) != target} or None
    host_config = binds_as_mounts(host_config)
    for mount in overrides.mounts:
        host_config = with_bind(host_config, mount)
    config["Env"] = _environment(config.get("Env"), image, overrides)  # 3
    differences += _refer(facts, host_config, overrides.replaced)  # 4
    _leave_out_shared_names(container, config)  # 5
    if not config.get("Entrypoint") and image.has_entrypoint:  # 6
        # `--entrypoint ""` is stored as null, which would inherit the image's again.
        config["Entrypoint"] = [""]
    differences += _set_image(config, facts, overrides.image)  # 7
    first, later, left = _networks(container, facts.api_version)  # 8
    differences += _lost_macs(container, first, facts.api_version)
    body = {**config, "HostConfig": host_config, "NetworkingConfig": {"EndpointsConfig": first}}
    return CreateRequest(body, later, left, dict(container.restart_policy), tuple(differences))


def _environment(entries: list[str] | None, image: Image, overrides: Overrides) -> list[str] | None:
    for name, value in overrides.variables:
        entries = with_variable(entries, name, value)
        if value is None and (overrides.image or name in image.environment):
            entries.append(name)  # left out, it would come back from the image; a name alone unsets it
    return entries


def _leave_out_shared_names(container: Container, config: dict[str, Any]) -> None:
    """Leave out the engine's default hostname, and what it reports but does not accept with a shared namespace."""
    has_network_of_another = container.network_mode.startswith("container:")
    is_shared = has_network_of_another or container.host_config.get("UTSMode") == "host"
    if config.get("Hostname") == container.id[:12] or is_shared:
        config["Hostname"] = ""
    if is_shared:
        config["Domainname"] = ""
    if has_network_of_another:
        config["ExposedPorts"] = None  # those of the image; the engine adds them again
    if has_network_of_another or container.network_mode in _WITHOUT_ENDPOINTS:
        config.pop("MacAddress", None)


def _set_image(config: dict[str, Any], facts: RecreationFacts, committed: str | None) -> list[str]:
    if committed:
        config["Image"] = committed
        return [
            f"the image becomes {committed}, which holds the writable layer (docker commit): one more in its chain",
            "docker commit keeps no extended attributes user.* and no fractions of a second of times in that layer",
        ]
    if facts.tag_image == facts.container.image_id:
        return []
    sentence = f"the image is pinned by its id: {config['Image']} means another image now"
    config["Image"] = facts.container.image_id
    return [sentence]


def _lost_state(container: Container) -> list[str]:
    """What the engine lets nobody set, or chooses again."""
    host_config = container.host_config
    sentences = []
    if container.status == "exited":
        sentences.append("the stopped container's exit status and health history are lost: its state becomes created")
        if container.restart_policy.get("Name") == "always":
            sentences.append("a boot starts the stopped container, but not the new one before it was started once")
    if host_config.get("ContainerIDFile"):
        sentences.append(f"{host_config['ContainerIDFile']} goes on to hold the id of the old container")
    chosen = [
        port
        for port, bindings in sorted((host_config.get("PortBindings") or {}).items())
        if any((binding.get("HostPort") or "0") == "0" or "-" in binding["HostPort"] for binding in bindings or ())
    ]
    if host_config.get("PublishAllPorts"):
        chosen = sorted({*chosen, *(container.config.get("ExposedPorts") or ())})
    if chosen:
        sentences.append(f"the engine chooses another host port for {', '.join(chosen)}")
    return sentences


def _name_anonymous_volumes(facts: RecreationFacts, host_config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give every anonymous volume its name, so that the replacement keeps its data."""
    container = facts.container
    lenders = [facts.meant.get(name) for name in container.volumes_from]
    # What a lender that is gone has lent is mounted as the container's own.
    types = ("volume",) if None not in lenders else ("volume", "bind")
    volumes = {normalise(row["Destination"]): row for row in container.mount_rows if row["Type"] in types}
    lent = {(normalise(row["Destination"]), _source(row)) for lender in lenders if lender for row in lender.mount_rows}
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
    for target, row in sorted(volumes.items()):
        if target in stated or (target, _source(row)) in lent:
            continue
        binds.append(f"{_source(row)}:{row['Destination']}" + ("" if row.get("RW", True) else ":ro"))
        sentences += [_named_volume(target)] if row["Type"] == "volume" else []
    result = dict(host_config)
    if binds:
        result["Binds"] = binds
    if mounts:
        result["Mounts"] = mounts
    return result, sentences


def _source(row: Document) -> str:
    return str(row.get("Name") or row.get("Source"))


def _refer(facts: RecreationFacts, host_config: dict[str, Any], replaced: Mapping[str, str]) -> list[str]:
    """Let the request name the containers that are there, or will be."""

    def called(name: str) -> str:
        one = facts.meant.get(name)
        return replaced.get(one.id, name if name in (one.id, one.name) else one.id) if one else name

    for field_name, owner in facts.container.namespaces.items():
        host_config[field_name] = f"container:{called(owner)}"
    if host_config.get("Links"):
        links = [_link_argument(link).split(":", 1) for link in host_config["Links"]]
        host_config["Links"] = [f"{called(source)}:{alias}" for source, alias in links]
    lenders = [entry.split(":", 1) for entry in host_config.get("VolumesFrom") or ()]
    if lenders:
        host_config["VolumesFrom"] = [":".join([called(name), *mode]) for name, *mode in lenders if name in facts.meant]
    return [
        f"the container {name[:12]}, whose volumes it has, is gone: they become its own"
        for name, *_mode in lenders
        if name not in facts.meant
    ]


def with_ids(body: Document, ids: Mapping[str, str]) -> Document:
    """``body`` with the ids of containers that were created meanwhile: the engine keeps what lenders are called, and
    their names change."""
    lenders = (body.get("HostConfig") or {}).get("VolumesFrom")
    if not lenders:
        return body
    entries = [entry.split(":", 1) for entry in lenders]
    named = [":".join([ids.get(name, name), *mode]) for name, *mode in entries]
    return {**body, "HostConfig": {**body["HostConfig"], "VolumesFrom": named}}


def _named_volume(target: str) -> str:
    return f"the anonymous volume at {target} becomes a named one: docker rm -v will not remove it"


def _link_argument(link: str) -> str:
    """``/db:/web/alias``, as inspect reports it → ``db:alias``, as create takes it."""
    source, _colon, alias = link.partition(":")
    return f"{source.lstrip('/')}:{alias.rsplit('/', 1)[-1]}"


def _networks(
    container: Container, api_version: ApiVersion
) -> tuple[dict[str, Any], tuple[tuple[str, Document], ...], tuple[str, ...]]:
    """The endpoints that create takes, those to connect afterwards, and the networks to leave again."""
    mode = container.network_mode
    if mode.startswith("container:") or mode in _WITHOUT_ENDPOINTS:
        return {}, (), ()
    endpoints = container.endpoints
    arguments = {name: _endpoint_argument(row, container, api_version) for name, row in endpoints.items()}
    chosen = "bridge" if mode == "default" else mode
    if endpoints and api_version >= API_ALL_ENDPOINTS_IN_CREATE:
        return arguments, (), ()  # it attaches to those that are stated, and to no other
    first = {name: arguments[name] for name, row in endpoints.items() if chosen in (name, row.get("NetworkID"))}
    later = (
        ()
        if api_version >= API_ALL_ENDPOINTS_IN_CREATE
        else tuple((name, row) for name, row in arguments.items() if name not in first)
    )
    # Create attaches to its own choice, which the original may have left.
    return first, later, () if first else (chosen,)


def _endpoint_argument(endpoint: Document, container: Container, api_version: ApiVersion) -> dict[str, Any]:
    result = {key: copy.deepcopy(endpoint[key]) for key in _ENDPOINT_FIELDS if key in endpoint}
    if result.get("Aliases"):
        # Before API 1.45 the engine adds the short id itself.
        result["Aliases"] = [alias for alias in result["Aliases"] if alias != container.id[:12]]
    if result.get("Links"):
        result["Links"] = [_link_argument(link) for link in result["Links"]]
    if api_version < API_ALL_ENDPOINTS_IN_CREATE or _is_generated_mac(endpoint, container, api_version):
        result.pop("MacAddress", None)
    return result


def _is_generated_mac(endpoint: Document, container: Container, api_version: ApiVersion) -> bool:
    """Whether nobody is known to have asked for the MAC address: the engine derived it from the IPv4 address, or drew
    it."""
    if api_version >= API_RANDOM_MAC:
        return not endpoint.get("MacAddress") or endpoint["MacAddress"] != container.config.get("MacAddress")
    if not endpoint.get("MacAddress"):
        return True
    if not endpoint.get("IPAddress"):
        return False
    octets = ipaddress.IPv4Address(endpoint["IPAddress"]).packed
    return bool(endpoint["MacAddress"] == "02:42:" + ":".join(f"{octet:02x}" for octet in octets))


def _lost_macs(container: Container, endpoints: Mapping[str, Document], api_version: ApiVersion) -> list[str]:
    """The networks whose MAC address may have been asked for, which the engine does not tell: it tells that of the main
    network alone, and from API 1.52 none."""
    if api_version < API_RANDOM_MAC:
        return []
    mode = container.network_mode
    main = ("bridge" if mode == "default" else mode,) if api_version < API_ASKED_MAC_UNTOLD else ()
    untold = [
        name
        for name, row in container.endpoints.items()
        if name in endpoints and "MacAddress" not in endpoints[name]
        if row.get("MacAddress") and name not in main and row.get("NetworkID") not in main
    ]
    if not untold:
        return []
    return [
        f"the engine chooses another MAC address in the network {' and '.join(untold)}: it does not tell whether one "
        f"was asked for"
    ]


_UMASK = "Umask"
"""``HostConfig.Umask`` of API 1.56: 0 is a value, too."""


def unknown_fields(container: Container) -> tuple[str, ...]:
    """Fields with a value that this collection does not know how to carry, e.g. of a newer engine.

    :param container: as the engine tells it at its own API version.
    """
    known_parts = (
        ("Config", container.config, _CONFIG_FIELDS),
        ("HostConfig", container.host_config, _HOST_CONFIG_FIELDS),
    )
    unknown = [
        f"{part}.{key}"
        for part, fields, known in known_parts
        for key, value in fields.items()
        if key not in known and (value or (key == _UMASK and value is not None))
    ]
    return tuple(sorted(unknown))
