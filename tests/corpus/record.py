"""Record what this host's engine tells of some containers before and after their recreation, as fixtures for unit tests.

``python3 -m corpus.record`` prints one JSON object: the row's name → inspect documents. See scripts/record-fixtures.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import docker

from . import run
from .option_sets import OPTION_SETS

ROWS = (
    "capabilities-dropped",
    "entrypoint-emptied",
    "everything-of-image",
    "link",
    "mac-address-in-network",
    "network-left",
    "network-of-other",
    "networks-with-all",
    "port",
    "restart-always",
    "volume-anonymous-by-mount",
    "volume-of-image",
    "volumes-from",
)


def main() -> int:
    client = docker.APIClient(version="auto")
    values = run.prepare(client)
    recorded: dict[str, Any] = {}
    for row in OPTION_SETS:
        if row.name not in ROWS:
            continue
        name = run.container_name(row)
        run.start(row, values, client)
        before = client.inspect_container(name)
        run.recreate(row)
        recorded[row.name] = {
            "before": before,
            "after": client.inspect_container(name),
            "image": client.inspect_image(before["Image"]),
            "lenders": [client.inspect_container("corpus-other")] if before["HostConfig"]["VolumesFrom"] else [],
        }
        run.quietly("rm", "--force", name)
    run.clean()
    json.dump(recorded, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
