"""What root has changed on a host, from traces of strace: one file for each process, with the paths of descriptors."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator

CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)(?:<(?P<path>[^>]*)>)?")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
AT = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>$")
FORKS = {"clone", "clone3", "fork", "vfork"}
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
DESCRIPTOR = re.compile(r"^/proc/(?:self|\d+)/fd/(\d+)$")
NOWHERE = re.compile(r"^(/dev/|/proc/|/sys/|pipe:|socket:|anon_inode:|/memfd:)")


@dataclasses.dataclass(frozen=True)
class Change:
    """A system call of a process with effective uid 0 that has changed what is at a path."""

    call: str
    path: str


def _absolute(directory: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(directory, path))


def _paths(name: str, arguments: str, result_path: str | None) -> Iterator[str]:
    """The paths that a call changes; a relative one is below the descriptor before it."""
    if name in ("openat", "open", "openat2", "creat"):
        if (name == "creat" or WRITING.search(arguments)) and result_path:
            yield result_path  # as the kernel has resolved it
        return
    directory = "/"
    words = re.findall(r'"(?:[^"\\]|\\.)*"|[^,]+', arguments)
    first = True
    for word in (word.strip() for word in words):
        if at := AT.match(word):
            directory = at[1]
            if name in ("fchown", "fchmod", "fsetxattr") and first:
                yield at[1]
        elif (text := TEXT.fullmatch(word)) and not (name in ("symlink", "symlinkat") and first):
            if name.endswith("setxattr") and not first:
                break  # the attribute's name
            yield _absolute(directory, text[1])
        first = False


def changes(traces: dict[int, str]) -> list[Change]:
    """What root has changed, from the traces by process id; the first process is root's."""
    found: list[Change] = []
    children: set[int] = set()
    parsed = {pid: [call for line in text.splitlines() if (call := CALL.match(line))] for pid, text in traces.items()}
    for calls in parsed.values():
        children |= {int(call["result"]) for call in calls if call["name"] in FORKS}
    waiting = [(pid, 0) for pid in parsed if pid not in children]
    # Threads share their descriptors, and each has a trace of its own.
    opened = [_opened(calls) for calls in parsed.values()]
    while waiting:
        pid, uid = waiting.pop()
        descriptors: dict[str, str] = {}
        for call in parsed.get(pid, ()):
            name, arguments, result = call["name"], call["arguments"], int(call["result"])
            if result < 0:
                continue
            if call["path"]:
                descriptors[call["result"]] = call["path"]
            if name in FORKS:
                waiting.append((result, uid))
            elif name in ("setuid", "setreuid", "setresuid"):
                numbers = [int(number) for number in re.findall(r"-?\d+", arguments)]
                effective = numbers[0] if name == "setuid" else numbers[1]
                uid = effective if effective >= 0 else uid
            elif uid == 0:
                paths = [_named(path, [descriptors, *opened]) for path in _paths(name, arguments, call["path"])]
                found += [Change(name, path) for path in paths if not NOWHERE.match(path)]
    return found


def _opened(calls: list[re.Match[str]]) -> dict[str, str]:
    return {call["result"]: call["path"] for call in calls if call["path"]}


def _named(path: str, opened: list[dict[str, str]]) -> str:
    """What a path by a descriptor (``/proc/self/fd/7``) is the path of."""
    descriptor = DESCRIPTOR.match(path)
    if descriptor is None:
        return path
    return next((one[descriptor[1]] for one in opened if descriptor[1] in one), f"/a descriptor of nobody's: {path}")
