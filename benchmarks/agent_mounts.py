#!/usr/bin/env python3
"""A rerun without drift, and the downtime of a recreation, each beside its peers, interleaved. Prints Markdown tables.

    agent_mounts.py [--tries N] [--containers 1,10,50]

Runs on the controller against the one host of AGENTOPS_HOSTS, which testbed/start.yml has started (`make benchmark`
does). Seconds of wall clock of whole `ansible-playbook` runs; the downtime is between the engine's own events.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from typing import Any

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
DIRECTORY = "/opt/bench/claude-credentials"
FILE = "/opt/bench/login/.credentials.json"
FILE_MOUNT = f"type=bind,source={FILE},target=/home/claude/.claude/.credentials.json,readonly"
TARGET = "/run/agent-credentials/claude"


def inventory() -> dict[str, Any]:
    script = [str(CHECKOUT / "testbed/inventory")]
    return dict(json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout))


class Bench:
    """One throwaway host."""

    def __init__(self) -> None:
        ((self.name, variables),) = inventory()["_meta"]["hostvars"].items()
        self.container = variables["ansible_host"]
        self.plays = pathlib.Path(tempfile.mkdtemp())

    def sh(self, command: str) -> str:
        outer = ["docker", "exec", self.container, "sh", "-ec", command]
        return subprocess.run(outer, check=True, capture_output=True, text=True).stdout.strip()

    def play(self, name: str, tasks: list[dict[str, Any]]) -> float:
        """Seconds that the play takes.

        :raises CalledProcessError: it failed.
        """
        path = self.plays / f"{name}.json"
        path.write_text(json.dumps([{"name": name, "hosts": self.name, "gather_facts": False, "tasks": tasks}]))
        began = time.monotonic()
        subprocess.run(
            ["ansible-playbook", "--inventory", "testbed/inventory", str(path)],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_PIPELINING": "1"},
            check=True,
            capture_output=True,
        )
        return time.monotonic() - began

    def remove_containers(self) -> None:
        self.sh("docker ps --all --quiet --filter name=bench- | xargs --no-run-if-empty docker rm --force")


def ours(number: int) -> list[dict[str, Any]]:
    agents = {f"bench-{index}": {"container": {"credentials_host_dir": DIRECTORY}} for index in range(1, number + 1)}
    return [{"name": "agent_mounts", "agentops.credentials.agent_mounts": {"agents": agents}}]


def loop(number: int) -> list[dict[str, Any]]:
    mount = {"type": "bind", "source": DIRECTORY, "target": TARGET, "read_only": True}
    arguments = {
        "name": "bench-{{ item }}",
        "image": "agentops-agent",
        "pull": "never",
        "mounts": [mount],
        "env": {"CLAUDE_SECURESTORAGE_CONFIG_DIR": TARGET},
    }
    items = list(range(1, number + 1))
    return [{"name": "loop", "community.docker.docker_container": arguments, "loop": items}]


def noop(number: int) -> list[dict[str, Any]]:
    return [{"name": "noop", "ansible.builtin.meta": "noop"}]


def ping(number: int) -> list[dict[str, Any]]:
    return [{"name": "ping", "ansible.builtin.ping": {}}]


VARIANTS = {"one `agent_mounts`": ours, "`docker_container` in a loop": loop, "`ping`": ping, "`meta: noop`": noop}


def reruns(bench: Bench, numbers: list[int], tries: int) -> None:
    print(f"| containers | {' | '.join(VARIANTS)} | loop / ours | ours / noop |")
    print("|---|---|---|---|---|---|---|")
    for number in numbers:
        bench.remove_containers()
        bench.play("start", loop(number))
        bench.play("settle", ours(number))
        taken: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _attempt in range(tries):
            for variant, tasks in VARIANTS.items():
                taken[variant].append(bench.play("rerun", tasks(number)))
        mine, theirs, _pinged, nothing = (statistics.median(row) for row in taken.values())
        cells = [f"{statistics.median(row):.2f} ({min(row):.2f}..{max(row):.2f})" for row in taken.values()]
        print(f"| {number} | {' | '.join(cells)} | {theirs / mine:.1f} | {mine / nothing:.2f} |", flush=True)


def downtime(bench: Bench, tries: int) -> None:
    recreated, restarted = [], []
    for _attempt in range(tries):
        bench.remove_containers()
        bench.sh(f"docker run --detach --name bench-1 --mount {FILE_MOUNT} agentops-agent")
        recreated.append(outage(bench, lambda: bench.play("recreate", ours(1))))
        restarted.append(outage(bench, lambda: bench.sh("docker restart bench-1")))
    restart = statistics.median(restarted)
    print("\n| | milliseconds | times the restart |\n|---|---|---|")
    for name, taken in (("recreated by `agent_mounts`", recreated), ("`docker restart` of the same", restarted)):
        middle = statistics.median(taken)
        print(f"| {name} | {middle:.0f} ({min(taken):.0f}..{max(taken):.0f}) | {middle / restart:.2f} |")


def outage(bench: Bench, action: Any) -> float:
    """Milliseconds from the end of a container to the start of the next."""
    since = bench.sh("date +%s.%N")
    action()
    until = bench.sh("date +%s.%N")
    form = "'{{.TimeNano}} {{.Action}}'"
    events = bench.sh(f"docker events --since {since} --until {until} --filter type=container --format {form}")
    times = [line.split() for line in events.splitlines()]
    ended = next(int(moment) for moment, action_ in times if action_ == "die")
    began = next(int(moment) for moment, action_ in times if action_ == "start" and int(moment) > ended)
    return (began - ended) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--containers", default="1,10,50")
    arguments = parser.parse_args()
    bench = Bench()
    bench.sh(f"mkdir -p {DIRECTORY} {pathlib.Path(FILE).parent}; chmod 700 {DIRECTORY}")
    bench.sh(f"echo '{{}}' > {FILE}; echo '{{}}' > {DIRECTORY}/.credentials.json")
    try:
        reruns(bench, [int(number) for number in arguments.containers.split(",")], arguments.tries)
        downtime(bench, 2 * arguments.tries)
    finally:
        bench.remove_containers()


if __name__ == "__main__":
    main()
