#!/usr/bin/env python3
"""Runs without drift, and the downtime of a recreation, each beside its peers, interleaved. Prints Markdown tables.

    agent_mounts.py [--tries N] [--containers 1,10,50] [--only host,local,site,downtime]

``host``      reruns on the throwaway host of AGENTOPS_HOSTS, which testbed/start.yml has started
``local``     the same on this machine with connection=local, as on a workstation; its containers are removed again
``site``      a whole site.yml beside the same job task by task (site_by_hand.yml), on the throwaway host
``downtime``  from the engine's event of a container's end to that of its next start, on the throwaway host

Seconds of wall clock of whole `ansible-playbook` runs, median (min..max). Where the modules run on this machine, the
processor's seconds are told too: they depend less on what else it does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "/run/agent-credentials/claude"
VARIABLE = {"CLAUDE_SECURESTORAGE_CONFIG_DIR": TARGET}
Tasks = list[dict[str, Any]]


@dataclass
class Place:
    """Where containers are: ``name`` in ``inventory``, reached by the words of ``enter``; ``names`` begin theirs."""

    name: str
    inventory: str
    enter: Sequence[str]
    names: str
    root: str
    plays: pathlib.Path = field(default_factory=lambda: pathlib.Path(tempfile.mkdtemp()))

    @property
    def directory(self) -> str:
        return f"{self.root}/claude-credentials"

    def sh(self, command: str) -> str:
        done = subprocess.run([*self.enter, "sh", "-ec", command], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def play(self, tasks: Tasks) -> Taken:
        path = self.plays / "play.json"
        path.write_text(json.dumps([{"name": "bench", "hosts": self.name, "gather_facts": False, "tasks": tasks}]))
        return self.playbook(str(path))

    def playbook(self, path: str, **variables: str) -> Taken:
        """What the run of a playbook takes.

        :raises CalledProcessError: it failed.
        """
        command = ["ansible-playbook", "--inventory", self.inventory, path, "--extra-vars", json.dumps(variables)]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_PIPELINING": "1"},
            check=False,
            capture_output=True,
            text=True,
        )
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Taken(wall, processor, re.findall(r"changed: .*", done.stdout))

    def prepare(self) -> None:
        self.sh(
            f"mkdir -p {self.directory} {self.root}/login; chmod 700 {self.directory}; "
            f"echo '{{}}' > {self.root}/login/.credentials.json; echo '{{}}' > {self.directory}/.credentials.json; "
            f"chown -R 1000:1000 {self.root}"
        )

    def remove_containers(self) -> None:
        self.sh(f"docker ps --all --quiet --filter name=^/{self.names} | xargs --no-run-if-empty docker rm --force")


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock and of the processor, and what was changed."""

    wall: float
    processor: float
    changes: list[str]


def throwaway_host() -> Place:
    script = subprocess.run([str(CHECKOUT / "testbed/inventory")], check=True, capture_output=True, text=True)
    ((name, variables),) = json.loads(script.stdout)["_meta"]["hostvars"].items()
    return Place(name, "testbed/inventory", ["docker", "exec", variables["ansible_host"]], "bench-", "/opt/bench")


def this_machine() -> Place:
    """This machine, with the Python that has the Docker SDK: the one of .venv."""
    root = tempfile.mkdtemp(prefix="agentops-bench-")
    inventory = pathlib.Path(root) / "inventory.json"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"all": {"hosts": {"workstation": variables}}}))
    names = f"agentops-bench-{hashlib.sha256(root.encode()).hexdigest()[:6]}-"
    return Place("workstation", str(inventory), [], names, root)


def ours(place: Place, number: int) -> Tasks:
    agents = {
        f"{place.names}{index}": {"container": {"credentials_host_dir": place.directory}}
        for index in range(1, number + 1)
    }
    return [{"name": "agent_mounts", "agentops.credentials.agent_mounts": {"agents": agents}}]


def loop(place: Place, number: int) -> Tasks:
    arguments = {
        "name": place.names + "{{ item }}",
        "image": "agentops-agent",
        "pull": "never",
        "mounts": [{"type": "bind", "source": place.directory, "target": TARGET, "read_only": True}],
        "env": VARIABLE,
    }
    return [
        {
            "name": "loop",
            "community.docker.docker_container": arguments,
            "loop": list(range(1, number + 1)),
            "loop_control": {"label": "{{ item }}"},
        }
    ]


def noop(_place: Place, _number: int) -> Tasks:
    return [{"name": "noop", "ansible.builtin.meta": "noop"}]


def ping(_place: Place, _number: int) -> Tasks:
    return [{"name": "ping", "ansible.builtin.ping": {}}]


def sdk(_place: Place, _number: int) -> Tasks:
    return [{"name": "sdk", "community.docker.docker_host_info": {}}]


VARIANTS: dict[str, Callable[[Place, int], Tasks]] = {
    "one `agent_mounts`": ours,
    "`docker_container` in a loop": loop,
    "one `docker_host_info`": sdk,
    "`ping`": ping,
    "`meta: noop`": noop,
}


def cell(row: Sequence[float]) -> str:
    return f"{statistics.median(row):.2f} ({min(row):.2f}..{max(row):.2f})"


def reruns(place: Place, numbers: list[int], tries: int, has_processor: bool) -> None:
    print(f"| containers | {' | '.join(VARIANTS)} | loop / ours | ours / noop | ours / ping |")
    print("|---|---|---|---|---|---|---|---|---|")
    processor = []
    for number in numbers:
        place.remove_containers()
        place.play(loop(place, number))
        place.play(ours(place, number))
        taken: dict[str, list[Taken]] = {variant: [] for variant in VARIANTS}
        for _attempt in range(tries):
            for variant, tasks in VARIANTS.items():
                taken[variant].append(place.play(tasks(place, number)))
        require_no_change(one for row in taken.values() for one in row)
        print(line(number, {variant: [one.wall for one in row] for variant, row in taken.items()}), flush=True)
        processor.append(line(number, {variant: [one.processor for one in row] for variant, row in taken.items()}))
    if has_processor:
        print("\nThe same in the processor's seconds:\n")
        print(f"| containers | {' | '.join(VARIANTS)} | loop / ours | ours / noop | ours / ping |")
        print("|---|---|---|---|---|---|---|---|---|")
        print("\n".join(processor))
    place.remove_containers()


def require_no_change(runs: Iterable[Taken]) -> None:
    changes = [change for run in runs for change in run.changes]
    if changes:
        sys.exit(f"not without drift: {changes}")


def line(number: int, taken: dict[str, list[float]]) -> str:
    mine, theirs, _sdk, pinged, nothing = (statistics.median(row) for row in taken.values())
    ratios = f"{theirs / mine:.1f} | {mine / nothing:.2f} | {mine / pinged:.2f}"
    return f"| {number} | {' | '.join(cell(row) for row in taken.values())} | {ratios} |"


SITE = {
    "creds_mirror_user": "dev",
    "agent_containers_path": "~/agents.json",
}
AGENTS = {
    f"bench-{index}": {"container": {"credentials_host_path": "~/.claude/.credentials.json"}} for index in (1, 2, 3)
}
LOGIN = {
    "claudeAiOauth": {
        "accessToken": "fake-token-bench",
        "refreshToken": "fake-token-refresh",
        "expiresAt": 4102444800000,
        "scopes": ["user:inference"],
    }
}
PARTS = {
    "creds_mirror.py": ".local/lib/creds-mirror/creds_mirror.py",
    "start.py": ".local/lib/creds-mirror/start.py",
    "claude.json": ".config/creds-mirror/claude.json",
    **{
        f"claude-creds-{unit}": f".config/systemd/user/claude-creds-{unit}"
        for unit in ("mirror.path", "mirror.service", "mirror-verify.service", "mirror-verify.timer")
    },
}


def site(place: Place, tries: int) -> None:
    """A whole site.yml beside the same job task by task; the two find each other's work done."""
    place.remove_containers()
    place.sh(
        "install -d -o dev -g dev -m 700 /home/dev/.claude; "
        f"echo '{json.dumps(LOGIN)}' > /home/dev/.claude/.credentials.json; "
        f"echo '{json.dumps({'agents': AGENTS})}' > /home/dev/agents.json; chown -R dev:dev /home/dev/.claude"
    )
    by_hand = str(CHECKOUT / "benchmarks/site_by_hand.yml")
    place.playbook("playbooks/mirror.yml", **SITE)
    for name, path in PARTS.items():
        content = subprocess.check_output([*place.enter, "cat", f"/home/dev/{path}"])
        (place.plays / name).write_bytes(content)
    runs = {
        "`site.yml`": lambda: place.playbook("playbooks/site.yml", **SITE),
        "task by task": lambda: place.playbook(by_hand, parts=str(place.plays)),
    }
    for _attempt in range(2):
        for run in runs.values():
            run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _attempt in range(tries):
        for name, run in runs.items():
            one = run()
            require_no_change([one])
            taken[name].append(one.wall)
    mine, theirs = (statistics.median(row) for row in taken.values())
    print(f"\n| {' | '.join(runs)} | of it |\n|---|---|---|")
    print(f"| {' | '.join(cell(row) for row in taken.values())} | {100 * mine / theirs:.0f} % |", flush=True)
    place.remove_containers()


def downtime(place: Place, tries: int) -> None:
    recreated, restarted, probed, runs = [], [], [], []
    mount = (
        f"type=bind,source={place.root}/login/.credentials.json,target=/home/claude/.claude/.credentials.json,readonly"
    )
    for _attempt in range(tries):
        place.remove_containers()
        place.sh(f"docker run --detach --name bench-1 --restart unless-stopped --mount {mount} agentops-agent")
        restarted.append(outage(events(place, lambda: place.sh("docker restart bench-1"))))
        time.sleep(2)  # the module looks at one that was just started until it has shown whether it keeps running
        seen = events(place, lambda: runs.append(place.play(ours(place, 1)).wall))
        recreated.append(outage(seen))
        probed.append(probe(seen))
        restarted.append(outage(events(place, lambda: place.sh("docker restart bench-1"))))
    restart = statistics.median(restarted)
    print("\n| | milliseconds | times the restart |\n|---|---|---|")
    for name, taken in (
        ("recreated by `agent_mounts`", recreated),
        ("`docker restart` of the same", restarted),
        ("the probe, before the stop", probed),
    ):
        middle = statistics.median(taken)
        print(f"| {name} | {middle:.0f} ({min(taken):.0f}..{max(taken):.0f}) | {middle / restart:.2f} |")
    share = 100 * statistics.median(probed) / 1000 / statistics.median(runs)
    print(f"\nA whole run with such a recreation: {cell(runs)} s; the probe is {share:.0f} % of it.")
    place.remove_containers()


Event = tuple[int, str, str]
"""When, what, and what the container was called."""


def events(place: Place, action: Callable[[], object]) -> list[Event]:
    """The engine's events of containers while something is done."""
    since = place.sh("date +%s.%N")
    action()
    until = place.sh("date +%s.%N")
    form = "'{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}'"
    lines = place.sh(f"docker events --since {since} --until {until} --filter type=container --format {form}")
    rows = [line.split(maxsplit=1) for line in lines.splitlines()]
    return [(int(moment), *rest.rsplit(maxsplit=1)) for moment, rest in rows]


def outage(seen: Sequence[Event]) -> float:
    """Milliseconds from the end of the container to the start of the next of its name."""
    ended = next(moment for moment, action, name in seen if (action, name) == ("die", "bench-1"))
    began = next(moment for moment, action, name in seen if (action, name) == ("start", "bench-1") and moment > ended)
    return (began - ended) / 1e6


def probe(seen: Sequence[Event]) -> float:
    """Milliseconds that the probe takes: from the end of its creation to that of the replacement's, as long as it."""
    made = {name: moment for moment, action, name in seen if action == "create"}
    return (made["bench-1.am-new"] - made["bench-1.am-probe"]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--containers", default="1,10,50")
    parser.add_argument("--only", default="host,local,site,downtime")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    numbers = [int(number) for number in arguments.containers.split(",")]
    load = os.getloadavg()[0]
    print(f"Load average at the beginning: {load:.1f}, on {os.cpu_count()} cores.\n")
    host = throwaway_host()
    host.prepare()
    try:
        if "host" in only:
            print("Over the connection community.docker.docker into a throwaway host:\n")
            reruns(host, numbers, arguments.tries, has_processor=False)
        if "local" in only:
            print("\nWith connection=local:\n")
            workstation = this_machine()
            workstation.prepare()
            try:
                reruns(workstation, numbers, arguments.tries, has_processor=True)
            finally:
                workstation.remove_containers()
                workstation.sh(f"rm -rf {workstation.root}")
        if "site" in only:
            site(host, arguments.tries)
        if "downtime" in only:
            downtime(host, 2 * arguments.tries)
    finally:
        host.remove_containers()
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
