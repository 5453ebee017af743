# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the two modules share: their argument spec, and arguments → request and engine."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ._agents import config as _agents
from ._agents import host_needs as _preparation
from ._base.changes import Record
from ._base.errors import ConfigError
from ._catalog.override import extended
from ._catalog.rows import CATALOG
from ._containers import plan as _model
from ._containers import run as _reconcile
from ._engine.client import SDK_MISSING, Engine
from ._host.filesystem import Host

_SOURCES = ("path", "agents")


def argument_spec(**more: dict[str, Any]) -> dict[str, Any]:
    """The options of the documentation fragment ``engine``, and ``more``."""
    return {
        "path": {"type": "path"},
        "agents": {"type": "dict"},
        "mirrored": {"type": "dict", "default": {}},
        "home": {"type": "str", "default": "~"},
        "catalog": {"type": "dict", "default": {}},
        "shared_root": {"type": "str", "default": _agents.SHARED_ROOT},
        "docker_host": {
            "type": "str",
            "default": "unix:///var/run/docker.sock",
            "fallback": (env_fallback, ["DOCKER_HOST"]),
        },
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
    return AnsibleModule(
        argument_spec=argument_spec(**more),
        mutually_exclusive=[_SOURCES],
        required_one_of=[_SOURCES],
        required_together=[("client_cert", "client_key")],
        supports_check_mode=True,
    )


def require_sdk(module: AnsibleModule) -> None:
    if SDK_MISSING is not None:
        module.fail_json(
            msg=missing_required_lib(
                "docker", reason="to talk to the Docker engine; Debian's package is python3-docker"
            ),
            exception=SDK_MISSING,
        )


def request(module: AnsibleModule, options: _model.Options) -> _reconcile.Request:
    """What the module's arguments ask for.

    :raises ConfigError: the configuration cannot be read.
    """
    params = module.params
    if params["path"]:
        where, document = params["path"], _agents.load(_read(params["path"]), params["path"])
    else:
        where, document = "agents", {"agents": params["agents"]}
    context = _agents.Context(
        where=where,
        home=os.path.expanduser(params["home"]),
        mirrored={_absolute(source): _absolute(directory) for source, directory in params["mirrored"].items()},
        catalog=extended(CATALOG, params["catalog"]),
        shared_root=params["shared_root"],
    )
    return _reconcile.Request(
        document=document,
        context=context,
        options=options,
        require_all=params.get("require_all", False),
        max_parallel=params.get("max_parallel", 1),
        check_mode=module.check_mode,
    )


def _absolute(path: str) -> str:
    return os.path.normpath(os.path.expanduser(path))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist on the managed host; set path to the agents' configuration."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"{path} cannot be read ({reason}); mend its permissions or use become.") from None


def engine(module: AnsibleModule) -> Engine:
    """The engine that the module's arguments name.

    :raises EngineError: it cannot be reached.
    """
    params = module.params
    tls: dict[str, Any] | None = None
    if params["tls"] or params["validate_certs"]:
        tls = {"verify": params["validate_certs"], "ca_cert": params["ca_path"]}
        if params["client_cert"]:
            tls["client_cert"] = (params["client_cert"], params["client_key"])
    return Engine(params["docker_host"], tls, params["timeout"])


def preparer(request: _reconcile.Request, record: Record) -> _reconcile.Prepare:
    """What makes shared auth directories and passwd files on the host, or in check mode only records it."""

    def prepare(preparation: _preparation.Preparation) -> None:
        # Few agents need it, and every run would compile it.
        from ._agents import provide as _preparation_host

        _preparation_host.prepare(preparation, request.context.home, record)

    return prepare


def host() -> Host:
    return Host()
