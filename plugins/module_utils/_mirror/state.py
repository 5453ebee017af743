# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mirror says of itself in its state file, and what of it a person must know."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

from .._base.printable import printable
from .._host.files import content_of
from .spec import MirrorSpec


def observe(spec: MirrorSpec) -> dict[str, Any]:
    """As the user: one mirror, as the module returns it."""
    state = _state(spec)
    life = state.get("life")
    is_known = isinstance(life, dict) and all(isinstance(life.get(key), str) for key in ("state", "sentence"))
    refusal, client, login = (state.get(key) for key in ("refusal", "client", "login"))
    # Such as an API key: nobody needs to renew it.
    is_endless = isinstance(login, dict) and login.get("ends") is None
    return {
        "source": spec.source.path,
        "directory": spec.directory,
        "login": os.path.lexists(spec.source.path),
        "refusal": _text(refusal, "reason"),
        "sandbox": spec.sandbox,
        "life": {"state": life["state"], "sentence": printable(life["sentence"]), "well": life.get("well") is True}
        if is_known and isinstance(life, dict)
        else None,
        "client": _text(client, "path") if spec.keep_warm else None,
        "no_client": _text(client, "problem") if spec.keep_warm and not is_endless else None,
    }


def has_client(spec: MirrorSpec) -> bool:
    """As the user: whether it is known which program renews the login, and that is there."""
    path = _text(_state(spec).get("client"), "path")
    return path is not None and os.access(path, os.X_OK)


def warnings(spec: MirrorSpec, mirror: Mapping[str, Any]) -> list[str]:
    """What a person must know of a mirror, as it was observed."""
    name, user, life = spec.cli.name, spec.user.name, mirror["life"]
    if not mirror["login"] and (life is None or life["state"] == "none"):
        return [
            f"{name}: no login exists yet ({mirror['source']} does not exist); log in as {user}, and it is published"
            f" at once"
        ]
    found = []
    if mirror["refusal"]:
        found.append(f"{name}: {mirror['source']} is not published: {mirror['refusal']}")
    announced = ("log_in",) if mirror["no_client"] else ("log_in", "ending")
    if life and (not life["well"] or life["state"] in announced) and not mirror["refusal"]:
        found.append(f"{name}: the login of {user}: {life['sentence']}")
    if mirror["no_client"] and mirror["login"]:
        found.append(
            f"{name}: nobody renews the login of {user} when it ends, for {mirror['no_client']}; agents then answer 401"
            f" until somebody logs in. Install a client as {user}"
            + (f" ({spec.cli.mirror.keep_warm_install})" if spec.cli.mirror.keep_warm_install else "")
            + ", or set creds_mirror_keep_warm to false"
        )
    return found


def _state(spec: MirrorSpec) -> Mapping[str, Any]:
    try:
        state = json.loads(content_of(f"{spec.staging}/status.json") or "{}")
    except (ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _text(part: Any, key: str) -> str | None:
    """A text of the state file, printable; the user can write that file."""
    value = part.get(key) if isinstance(part, dict) else None
    return printable(value) if isinstance(value, str) else None
