# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the containers' side share: their argument spec, and arguments → request, engine and host."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import replace
from typing import Any, Callable, Collection, Mapping

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ._agents import config
from ._base.changes import Changes
from ._base.errors import AgentMountsError, ConfigError, EngineError, HostError, RunEnded
from ._base.paths import is_below
from ._catalog import mirror_paths
from ._catalog.cli import AgentCli
from ._catalog.mirror_paths import MIRROR_ROOT, PLACES, SHARED_ROOT, in_home, mirrored_directories
from ._catalog.override import with_overrides
from ._catalog.rows import CATALOG
from ._containers.options import Options, Request
from ._engine.client import SDK_MISSING, Engine
from ._engine.owner import owner_of as owner_of_socket
from ._engine.owner import socket_path
from ._host.bounded import LOOK_SECONDS, within
from ._host.filesystem import Host
from ._host.trust import read_configuration, redirectable
from ._host.users import User, as_user, find_user, look_as, owner_of

_SOURCES = ("path", "agents")


def argument_spec(**more: dict[str, Any]) -> dict[str, Any]:
    """The options of the documentation fragment ``engine``, and ``more``."""
    return {
        "path": {"type": "path"},
        "agents": {"type": "dict"},
        "mirrored": {"type": "dict"},
        "mirror_clis": {"type": "list", "elements": "str", "default": ["claude"]},
        "mirror_place": {"type": "str", "choices": list(PLACES), "default": "home"},
        "mirror_root": {"type": "str", "default": MIRROR_ROOT},
        "mirror_sources": {"type": "dict", "default": {}},
        "home": {"type": "str", "default": "~"},
        "catalog": {"type": "dict", "default": {}},
        "shared_root": {"type": "str", "default": SHARED_ROOT},
        "allowed_directories": {"type": "list", "elements": "path", "default": []},
        "allowed_containers": {"type": "list", "elements": "str", "default": ["*"]},
        "allow_commands": {"type": "bool", "default": True},
        "trusted_writers": {"type": "list", "elements": "str", "default": []},
        "docker_host": {"type": "str", "fallback": (env_fallback, ["DOCKER_HOST"])},
        "tls": {"type": "bool", "default": False, "fallback": (env_fallback, ["DOCKER_TLS"])},
        "validate_certs": {
            "type": "bool",
            "default": False,
            "aliases": ["tls_verify"],
            "fallback": (env_fallback, ["DOCKER_TLS_VERIFY"]),
        },
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
        "timeout": {"type": "int", "default": 60, "fallback": (env_fallback, ["DOCKER_TIMEOUT"])},
        **more,
    }


def make_module(**more: dict[str, Any]) -> AnsibleModule:
    module = AnsibleModule(
        argument_spec=argument_spec(**more),
        mutually_exclusive=[_SOURCES],
        required_one_of=[_SOURCES],
        required_together=[("client_cert", "client_key")],
        supports_check_mode=True,
    )
    module.params["docker_host"] = module.params["docker_host"] or usual_engine(module.params["home"])
    return module


ROOTS_SOCKET = "/var/run/docker.sock"
ROOTS_PODMAN = "/run/podman/podman.sock"
RUNTIME = "/run/user"


def usual_engine(home: str) -> str:
    """Where the engine listens if nobody says it: root's, or where nobody listens there, or it is not open to who runs
    this, the rootless one of the user."""
    if owner_of_socket(ROOTS_SOCKET) is None:
        with contextlib.suppress(HostError):
            own = f"{RUNTIME}/{user_of(os.path.expanduser(home)).uid}/docker.sock"
            if os.path.exists(own):
                return f"unix://{own}"
    return f"unix://{ROOTS_SOCKET}"


def require_sdk(module: AnsibleModule) -> None:
    if SDK_MISSING is not None:
        module.fail_json(
            msg=missing_required_lib(
                "docker", reason="to talk to the Docker engine; Debian's package is python3-docker"
            ),
            exception=SDK_MISSING,
            sdk_missing=True,
        )


def user_of(home: str) -> User:
    """The user whose login the agents use. Raises HostError."""
    return owner_of(home) if os.geteuid() == 0 else find_user(None)


def request(module: AnsibleModule, options: Options) -> Request:
    """What the module's arguments ask for.

    :raises ConfigError: the configuration cannot be read.
    """
    params = module.params
    home, catalog = os.path.expanduser(params["home"]), with_overrides(CATALOG, params["catalog"])
    user = user_of(home)
    path = params["path"]
    if path:
        where, document = path, config.load(read_configuration(path, user), path)
    else:
        where, document = "agents", {"agents": params["agents"]}
    place = params["mirror_place"]
    shared_root = mirror_paths.shared_root(place, params["shared_root"], user.name)
    context = config.ConfigContext(
        where=where,
        home=home,
        mirrored=_mirrored(params, catalog, home, user.name, place),
        catalog=catalog,
        shared_root=shared_root,
        shared_roots=_shared_roots(shared_root, home, Host(user)),
        # Inline agents are the operator's own words, a file is somebody's on the host.
        owner_uid=user.uid if path else None,
        allowed=config.Allowed(
            directories=tuple(os.path.realpath(one) for one in params["allowed_directories"]),
            containers=tuple(params["allowed_containers"]),
            commands=params["allow_commands"],
        ),
        former_places=_former_places(params, catalog, home, user.name),
    )
    parsed = config.parse(document, context)
    return Request(
        config=replace(parsed, notes=(*parsed.notes, *_redirection(parsed, user))),
        context=context,
        options=options,
        require_all=params.get("require_all", False),
        max_parallel=params.get("max_parallel", 1),
        check_mode=module.check_mode,
        config_path=Host(user).realpath(path) if path else None,
        trusted_writers=tuple(params["trusted_writers"]),
    )


def _redirection(parsed: config.ParsedConfig, user: User) -> tuple[str, ...]:
    path = redirectable(dict.fromkeys(spec.directory for spec in parsed.agents), user)
    if path is None:
        return ()
    return (
        f"{user.name} may not use root's engine, but owns a directory above {path}: by a link there he can redirect a"
        f" mount to any directory of the host at a container's next start; see creds_mirror_place and"
        f" agent_containers_shared_root",
    )


def _shared_roots(shared_root: str, home: str, host: Host) -> tuple[str, ...]:
    """The shared root with links resolved. One that is in the home by its name must be there in truth."""
    path = in_home(shared_root, home)
    real, real_home = host.realpath(path), host.realpath(home)
    is_led_out = is_below(path, home) and not is_below(real, real_home)
    return () if is_led_out else (real,)


def _former_places(params: Mapping[str, Any], catalog: Mapping[str, AgentCli], home: str, user: str) -> dict[str, str]:
    """Directories as they are → where they are with the other ``mirror_place``, where that decides."""
    place: mirror_paths.Place = params["mirror_place"]
    other: mirror_paths.Place = "home" if place == "system" else "system"
    result = {}
    if params["mirrored"] is None:
        now, former = (_mirrored(params, catalog, home, user, one) for one in (place, other))
        result = {directory: former[source] for source, directory in now.items()}
    if params["shared_root"] == SHARED_ROOT:
        now_shared, former_shared = (mirror_paths.shared_root(one, SHARED_ROOT, user) for one in (place, other))
        result[in_home(now_shared, home)] = in_home(former_shared, home)
    return result


def _mirrored(
    params: Mapping[str, Any], catalog: Mapping[str, AgentCli], home: str, user: str, place: mirror_paths.Place
) -> dict[str, str]:
    """Source → credentials directory: as said, else as the role creds_mirror makes them."""
    if params["mirrored"] is None:
        unknown = [name for name in params["mirror_clis"] if name not in catalog]
        if unknown:
            raise ConfigError(
                f"mirror_clis: no agent CLI is named {', '.join(unknown)}; choose from {', '.join(catalog)}."
            )
        rows = [catalog[name] for name in params["mirror_clis"]]
        return mirrored_directories(rows, params["mirror_root"], params["mirror_sources"], home, place=place, user=user)
    absolute = {os.path.expanduser(one): os.path.expanduser(other) for one, other in params["mirrored"].items()}
    return {os.path.normpath(source): os.path.normpath(directory) for source, directory in absolute.items()}


def host_of(home: str) -> Host:
    """The host's file system as root and the user whose home it is can look at it."""
    return Host(owner_of(home) if os.geteuid() == 0 else None)


_RUN_SECONDS = 24 * 3600.0


def with_rights_of_engine(
    module: AnsibleModule,
    work: Callable[[], dict[str, Any]],
    signals: Collection[int] = (),
    load: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """What ``work`` returns, which is plain data; where a user runs the engine it is done with his rights alone.

    Such an engine is that user's program: what it says of paths and processes is his word, which root believes in
    nothing.

    :param load: imports what ``work`` imports late, for Ansible's archive of the module is root's to read.
    :raises ConfigError: the engine is another's than whose login it is.
    """
    where = module.params["docker_host"]
    engine = owner_of_socket(socket_path(where) or "") if os.geteuid() == 0 else None
    if engine is None or engine.uid == 0:
        return work()
    user = user_of(os.path.expanduser(module.params["home"]))
    if engine.uid != user.uid:
        raise ConfigError(
            f"the engine at {where} is a program of uid {engine.uid}, and the login is that of {user.name} (uid "
            f"{user.uid}); set docker_host to the engine of root or of {user.name}."
        )

    load()

    def in_child(_changes: Changes) -> dict[str, Any]:
        os.environ["HOME"] = user.home
        try:
            return work()
        except RunEnded as error:
            raise EngineError(str(error)) from None

    done: dict[str, Any] = as_user(user, in_child, Changes(module.check_mode), _RUN_SECONDS, signals)
    return done


def engine(module: AnsibleModule) -> Engine:
    """The engine that the module's arguments name. Raises EngineError if it cannot be reached."""
    params = module.params
    tls: dict[str, Any] | None = None
    if params["tls"] or params["validate_certs"]:
        tls = {"verify": params["validate_certs"], "ca_cert": params["ca_path"]}
        if params["client_cert"]:
            tls["client_cert"] = (params["client_cert"], params["client_key"])
    return Engine(params["docker_host"], tls, params["timeout"])


_OTHER_SECONDS = 5


def in_other_engines(module: AnsibleModule, containers: Collection[str]) -> dict[str, str]:
    """Containers that the asked engine lacks → the address of another one on this host that has one of that name.

    Root's engines are asked, and with his own rights those of the user whose login it is; only names are believed.
    """
    found: dict[str, str] = {}
    if not containers:
        return found
    user = user_of(os.path.expanduser(module.params["home"]))
    asked = os.path.realpath(socket_path(module.params["docker_host"]) or "")
    own = (f"{RUNTIME}/{user.uid}/docker.sock", f"{RUNTIME}/{user.uid}/podman/podman.sock")
    for path, owner in ((ROOTS_SOCKET, 0), (ROOTS_PODMAN, 0), *((path, user.uid) for path in own)):
        if os.path.realpath(path) != asked:
            ask = functools.partial(_names_at, path, owner)
            with contextlib.suppress(AgentMountsError, OSError):
                names = look_as(user, ask) if owner == user.uid else within(LOOK_SECONDS, ask)
                found = {**{name: f"unix://{path}" for name in names if name in containers}, **found}
    return found


def _names_at(path: str, owner: int) -> list[str]:
    listening = owner_of_socket(path)
    if listening is None or listening.uid != owner:
        return []
    return [name for row in Engine(f"unix://{path}", None, _OTHER_SECONDS).containers() for name in row.names]
