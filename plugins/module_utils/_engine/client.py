# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's client, the only file that imports the Docker SDK; it maps its exceptions and decides nothing."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import posixpath
import stat
import tarfile
import threading
import traceback
from typing import Any, Callable, Iterator, Mapping, Sequence, TypeVar, cast

from .._base.errors import EngineError, LateError, NotFoundError
from .._base.namespace import in_user_namespace
from .documents import ApiVersion, Container, ContainerRow, Document, Image
from .layer import copy_layer
from .mounts import path_binds
from .owner import owner_of, socket_path

try:
    import docker
    import docker.errors
    import docker.tls
    import docker.utils
    import docker.utils.socket
    import requests.exceptions
except Exception:  # a part of it that is missing, or does not fit to another
    SDK_MISSING: str | None = traceback.format_exc()
else:
    SDK_MISSING = None

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Value = TypeVar("_Value")

_READ_LIMIT = 1 << 20
_MOST_KEPT = 20
_OUTPUT_SECONDS = 15.0
_ENDLESS_SECONDS = 300.0
"""How long to wait for what has no end of its own: a program that is never killed, the commit of a large layer."""
_KINDS = {1 << 31: "directory", 1 << 27: "link", 1 << 24: "socket", 1 << 25: "pipe", 1 << 26: "other", 1 << 19: "other"}
"""The bits of Go's os.FileMode, as the engine tells it."""
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TESTS: dict[Callable[[int], bool], str] = {
    stat.S_ISDIR: "directory",
    stat.S_ISLNK: "link",
    stat.S_ISSOCK: "socket",
    stat.S_ISFIFO: "pipe",
    stat.S_ISBLK: "other",
    stat.S_ISCHR: "gone",  # overlayfs's mark of a deletion, in a container that can make no device
}
NEWEST_API = (1, 51)
"""The newest API version that this collection was tested with: a newer engine is asked in the words of this one.

To lift it: this line, and `make corpus` on such an engine.
"""
NOT_ENDED = 124  # as timeout(1) has it
SAVED_SUFFIX = ".before-agent-mounts"


def _mapped(function: _Function) -> _Function:
    """Turn what the SDK raises into :class:`EngineError`, with the engine's own words."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except docker.errors.NotFound as error:
            raise NotFoundError(_words(error)) from None
        except docker.errors.APIError as error:
            raise EngineError(_words(error)) from None
        except requests.exceptions.Timeout:
            raise LateError(
                "the engine did not answer in time (option timeout); a container may hang, see docker ps --all"
            ) from None
        except (
            docker.errors.DockerException,
            requests.exceptions.RequestException,
            tarfile.TarError,
            OSError,
        ) as error:
            raise EngineError(str(error)) from None

    return cast(_Function, call)


_NO_VERSION = "Error while fetching server API version: "


def _not_connected(docker_host: str, error: BaseException) -> str:
    """Why there is no connection: the engine, or the SDK itself, which says both in the same words."""
    root = error.__cause__ or error.__context__ or error
    reason = str(error).rsplit(_NO_VERSION, 1)[-1]
    if isinstance(root, docker.errors.APIError):
        return f"the Docker engine at {docker_host} does not tell its version ({_words(root)}); look at docker_host."
    unreachable = (requests.exceptions.ConnectionError, requests.exceptions.Timeout)
    is_of_the_socket = isinstance(root, OSError) and not isinstance(root, requests.exceptions.RequestException)
    if isinstance(root, unreachable) or is_of_the_socket or (root is error and _NO_VERSION in str(error)):
        return (
            f"the Docker engine at {docker_host} cannot be reached ({reason}); "
            f"start it, set docker_host, or use become if the socket is not open to this user."
        )
    return (
        f"the Docker SDK for Python {docker.__version__} cannot talk to {docker_host} ({reason}); install one that "
        f"fits to its libraries (Debian's package is python3-docker), or correct docker_host and the options of TLS."
    )


def _version(text: str) -> ApiVersion:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _words(error: Any) -> str:
    words = str(getattr(error, "explanation", None) or error)
    # Go's os.Root, by which Docker 28 mounts what it looks at.
    if words.endswith("path escapes from parent"):
        return (
            f"the engine does not look into the container ({words}): a link stands in it in the place of a directory"
            f" above one of its mounts; take the link away in the container, or set container.target to another path"
        )
    return words


_NOWHERE = "/dev/null"  # below which nothing can be


@contextlib.contextmanager
def _without_client_configuration() -> Iterator[None]:
    """Let the SDK find no ``~/.docker/config.json``: registries' logins are in it, and nothing that a socket needs.

    A broken one would end the run (docker/docker-py, auth.parse_auth); a FIFO, where sudo keeps the user's ``HOME``,
    would hold it for ever.
    """
    places = ("HOME", "DOCKER_CONFIG")
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(dict.fromkeys(places, _NOWHERE))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Engine:
    """One connection to a Docker engine.

    :param docker_host: e.g. ``unix:///var/run/docker.sock`` or ``tcp://192.0.2.23:2376``.
    :param tls: ``None``, or keyword arguments of ``docker.tls.TLSConfig``.
    :param timeout: seconds to wait for an answer.
    :raises EngineError: the engine cannot be reached.
    """

    def __init__(self, docker_host: str, tls: Mapping[str, Any] | None, timeout: int) -> None:
        self._is_socket = docker_host.startswith("unix://")
        try:
            settings: dict[str, Any] = {
                "base_url": docker_host,
                "timeout": timeout,
                "tls": docker.tls.TLSConfig(**tls) if tls else False,
            }
            tested = ".".join(map(str, NEWEST_API))
            with _without_client_configuration() if self._is_socket else contextlib.nullcontext():
                self._newest: Any = docker.APIClient(version="auto", **settings)
                is_newer = _version(self._newest.api_version) > NEWEST_API
                self._api: Any = docker.APIClient(version=tested, **settings) if is_newer else self._newest
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise EngineError(_not_connected(docker_host, error)) from None
        except ValueError as error:
            # It decodes the logins of registries, which nobody needs here (docker/docker-py, auth.parse_auth).
            raise EngineError(
                f"the Docker SDK for Python cannot read ~/.docker/config.json of the user who runs this module "
                f"({error}); correct or remove that file."
            ) from None
        self._timeout = timeout
        owner = owner_of(socket_path(docker_host) or "")
        self.namespace = owner.pid if owner and owner.has_namespace and owner.uid == os.geteuid() else None
        """A process in the user namespace of an engine of this user's own, a rootless one."""
        if self._is_socket:
            # No proxy and no .netrc is meant for a socket; to look for them takes a third of each call's time.
            self._api.trust_env = self._newest.trust_env = False
        self.api_version = _version(self._api.api_version)

    # reading

    @functools.cached_property
    @_mapped
    def _info(self) -> Document:
        return cast(Document, self._api.info())

    @property
    def is_local(self) -> bool:
        """Whether the engine's files are on this host: a container may have nothing of it but the socket."""
        return self._is_socket and _has_files(str(self._info.get("DockerRootDir") or "/"))

    def identity(self) -> str:
        """What is unique in the engine, whatever the socket by which it is reached."""
        return str(self._info.get("ID") or self._api.base_url)

    def maps_ids(self) -> bool:
        """Whether what is a uid in its containers is another one on this host."""
        options = self._info.get("SecurityOptions") or ()
        return any(option.startswith(("name=userns", "name=rootless")) for option in options)

    @_mapped
    def product(self) -> str:
        """What the engine calls itself: ``Engine`` is Docker's, ``Podman Engine`` podman's."""
        components: list[Document] = self._api.version().get("Components") or []
        return str(components[0].get("Name") or "") if components else ""

    @_mapped
    def containers(self) -> list[ContainerRow]:
        """Every container, running or not."""
        return [ContainerRow(row) for row in self._api.containers(all=True)]

    @_mapped
    def inspect(self, container: str) -> Container:
        return Container(self._api.inspect_container(container))

    @_mapped
    def inspect_in_full(self, container: str) -> Container:
        """The same at the engine's own API version: what is newer than the tested one is hidden from it."""
        return Container(self._newest.inspect_container(container))

    @_mapped
    def inspect_image(self, image: str) -> Image | None:
        """``None`` if the engine has no such image."""
        try:
            return Image(self._api.inspect_image(image))
        except docker.errors.NotFound:
            return None

    @_mapped
    def inspect_volume(self, volume: str) -> Document | None:
        """``None`` if the engine has no such volume."""
        try:
            return cast(Document, self._api.inspect_volume(volume))
        except docker.errors.NotFound:
            return None

    @_mapped
    def changed_paths(self, container: str) -> tuple[str, ...]:
        """What is in the writable layer."""
        return tuple(str(row["Path"]) for row in self._api.diff(container) or ())

    @_mapped
    def read_file(self, container: str, path: str) -> bytes | None:
        """A regular file of the container's file system, running or not; ``None`` if there is none."""
        try:
            chunks, _status = self._api.get_archive(container, path)
        except docker.errors.NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(_bounded(chunks))) as archive:
            member = archive.next()  # of a directory all that is in it would follow
            file = archive.extractfile(member) if member and member.isfile() else None
            return file.read(_READ_LIMIT) if file else None

    @_mapped
    def has_path(self, container: str, path: str) -> bool:
        return self._path_status(container, path) is not None

    def _path_status(self, container: str, path: str) -> Document | None:
        """What the engine tells of a path of a container, without its content; ``None`` if nothing is there."""
        url = self._api._url("/containers/{0}/archive", container)
        answer = self._api.head(url, params={"path": path}, timeout=self._timeout)
        try:
            self._api._raise_for_status(answer)
        except docker.errors.NotFound:
            return None
        status = docker.utils.decode_json_header(answer.headers["X-Docker-Container-Path-Stat"])
        return cast(Document, status)

    @_mapped
    def kind(self, container: str, path: str) -> str:
        """What is at a path of a container: file, fixed (a file that nobody may write), directory, link, socket, pipe,
        other, gone.

        To look at a file the engine mounts all volumes, and makes the sources of binds that are missing (moby,
        setupMounts). So it is asked only where none is; what is not known is a file.
        """
        upper = self.layer_directory(container)
        if upper is not None:
            return self.with_its_rights(self._timeout, _kind_in_layer, upper, path)
        sources = path_binds(self.inspect(container).host_config)
        if not self.is_local or not all(os.path.exists(source) for source in sources):
            return "file"
        status = self._path_status(container, path)
        if status is None:
            return "gone"
        mode = int(status["mode"])
        kind = next((kind for bit, kind in _KINDS.items() if mode & bit), None)
        return kind or ("file" if mode & 0o222 else "fixed")

    @_mapped
    def link_target(self, container: str, path: str) -> str | None:
        """Where a link in a container's writable layer leads; empty if it is none, ``None`` where :meth:`kind` may not
        look either."""
        upper = self.layer_directory(container)
        if upper is not None:
            return self.with_its_rights(self._timeout, _in_layer, upper, path, os.readlink) or ""
        sources = path_binds(self.inspect(container).host_config)
        if not self.is_local or not all(os.path.exists(source) for source in sources):
            return None
        status = self._path_status(container, path) or {}
        return str(status.get("linkTarget") or "")

    @_mapped
    def execute(self, container: str, command: Sequence[str]) -> int:
        """The exit status of a command that is run in a running container; its output is thrown away.

        A command that has not ended after the engine's timeout counts as one that has failed.
        """
        status, _printed = self._run(container, command, self._timeout)
        return NOT_ENDED if status is None else status

    @_mapped
    def output(self, container: str, command: Sequence[str]) -> str | None:
        """What a command prints on standard output in a running container; ``None`` if it cannot be run or fails."""
        try:
            status, printed = self._run(container, command, min(self._timeout, _OUTPUT_SECONDS))
        except docker.errors.APIError:
            return None
        return printed.decode("utf-8", "replace") if status == 0 else None

    def _run(self, container: str, command: Sequence[str], seconds: float) -> tuple[int | None, bytes]:
        """Exit status, ``None`` if it has not ended in time, and standard output of a command in a container.

        The engine has no call that ends a command, so one that hangs is left, and so is the thread that listens to it.
        """
        execution = self._api.exec_create(container, list(command), stderr=False)["Id"]
        printed: list[bytes] = []
        faults: list[Exception] = []

        def listen() -> None:
            try:
                printed.append(self._printed(execution))
            except Exception as error:
                faults.append(error)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        listener.join(seconds)
        if faults:
            raise faults[0]
        if not printed:
            return None, b""
        status = self._api.exec_inspect(execution)["ExitCode"]  # none for one that prints without end
        return None if status is None else int(status), printed[0]

    def _printed(self, execution: str) -> bytes:
        """What a command prints, its beginning if that is much.

        A stream of the SDK's leaves its answer to the garbage collector, and Python 3.13 words on standard error then.
        """
        stream = self._api.exec_start(execution, socket=True)
        try:
            return _bounded(chunk for _number, chunk in docker.utils.socket.frames_iter(stream, tty=False))
        finally:
            for one in (getattr(stream, "_response", None), stream):  # the answer first: it flushes what it reads from
                if one is not None:
                    one.close()

    # writing

    @_mapped
    def create(self, name: str, body: Document) -> str:
        """Returns the new container's id."""
        return str(self._api.create_container_from_config(dict(body), name)["Id"])

    @_mapped
    def connect(self, container: str, network: str, endpoint: Document) -> None:
        ipam = endpoint.get("IPAMConfig") or {}
        self._api.connect_container_to_network(
            container,
            network,
            ipv4_address=ipam.get("IPv4Address"),
            ipv6_address=ipam.get("IPv6Address"),
            link_local_ips=ipam.get("LinkLocalIPs"),
            aliases=endpoint.get("Aliases"),
            links=[tuple(link.split(":", 1)) for link in endpoint.get("Links") or ()] or None,
            driver_opt=endpoint.get("DriverOpts"),
        )

    @_mapped
    def disconnect(self, container: str, network: str) -> None:
        self._api.disconnect_container_from_network(container, network)

    @_mapped
    def set_restart_policy(self, container: str, policy: Document) -> None:
        self._api.update_container(container, restart_policy=cast(Any, dict(policy)))

    @_mapped
    def stop(self, container: str, timeout: int) -> None:
        if timeout < 0:
            self._post_patiently(f"/containers/{container}/stop", t=-1)
        else:
            self._api.stop(container, timeout=timeout)

    @_mapped
    def restart(self, container: str, timeout: int) -> None:
        if timeout < 0:
            self._post_patiently(f"/containers/{container}/restart", t=-1)
        else:
            self._api.restart(container, timeout=timeout)

    def _post_patiently(self, path: str, **parameters: Any) -> None:
        """For a stop without end the SDK waits a second less than for any other call, for a commit not longer."""
        url = self._api._url(path)
        answer = self._api._post(url, params=parameters, json={}, timeout=self._timeout + _ENDLESS_SECONDS)
        self._api._raise_for_status(answer)

    @_mapped
    def rename(self, container: str, new_name: str) -> None:
        self._api.rename(container, new_name)

    @_mapped
    def start(self, container: str) -> None:
        self._api.start(container)

    @_mapped
    def pause(self, container: str) -> None:
        self._api.pause(container)

    @_mapped
    def remove(self, container: str, force: bool) -> None:
        """Remove a container. Its volumes are kept, always."""
        self._api.remove_container(container, v=False, force=force)

    @_mapped
    def commit(self, container: str, image: str) -> None:
        """Make an image named ``image`` of a container's file system, without its mounts."""
        repository, _colon, tag = image.partition(":")
        comment = "The writable layer that agentops.credentials.agent_mounts has kept at a recreation"
        self._post_patiently("/commit", container=container, repo=repository, tag=tag, comment=comment)

    @_mapped
    def remove_image(self, image: str) -> None:
        """Remove an image's name, and the image if it is not used; one that is gone already is no fault."""
        with contextlib.suppress(docker.errors.NotFound):
            self._api.remove_image(image, noprune=True)

    @_mapped
    def make_link(self, container: str, path: str, target: str, uid: int, gid: int) -> None:
        """Make ``path`` in the container, running or not, a symbolic link to ``target``.

        Missing parent directories are made with mode 0700 and the owner given. A file that is not
        empty is kept next to the link: it may be a login of the container's own.

        :raises EngineError: it is too large for a login, or too many were kept.
        """
        own = self.read_file(container, path)
        if own is not None and len(own) >= _READ_LIMIT:
            raise EngineError(f"{path} is too large for a login; move it away")
        kept = self._free_name(container, path + SAVED_SUFFIX) if own else ""
        base, missing = posixpath.dirname(path), []
        while base != "/" and not self.has_path(container, base):
            missing.append(base)
            base = posixpath.dirname(base)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for directory in reversed(missing):
                archive.addfile(_entry(posixpath.relpath(directory, base), tarfile.DIRTYPE, 0o700, uid, gid))
            if own:
                saved = _entry(posixpath.basename(kept), tarfile.REGTYPE, 0o600, uid, gid)
                saved.size = len(own)
                archive.addfile(saved, io.BytesIO(own))
            entry = _entry(posixpath.relpath(path, base), tarfile.SYMTYPE, 0o777, uid, gid)
            entry.linkname = target
            archive.addfile(entry)
        self._api.put_archive(container, base, stream.getvalue())

    def _free_name(self, container: str, path: str) -> str:
        """What is there already is kept, too."""
        names = [path, *(f"{path}.{number}" for number in range(2, _MOST_KEPT + 1))]
        free = next((name for name in names if not self.has_path(container, name)), None)
        if free is None:
            raise EngineError(f"{_MOST_KEPT} files are kept at {path}; move them away")
        return free

    @_mapped
    def layer_directory(self, container: str) -> str | None:
        """The directory of this host that holds the writable layer, where the storage driver has one."""
        directory = self.inspect(container).upper_directory
        if not self.is_local or directory is None or not self.may_set_owners:
            return None
        return directory if self.with_its_rights(self._timeout, os.path.isdir, directory) else None

    @property
    def may_set_owners(self) -> bool:
        """Whether this process may give the engine's files to any user: as root, or in its user namespace."""
        return os.geteuid() == 0 or self.namespace is not None

    def with_its_rights(self, seconds: float, work: Callable[..., _Value], *arguments: Any) -> _Value:
        """The value of ``work``, done with the rights that the engine has over its files."""
        if self.namespace is None:
            return work(*arguments)
        return in_user_namespace(self.namespace, seconds, work, *arguments)

    def copy_layer(self, source: str, target: str) -> None:
        """Copy the writable layer of a stopped container into that of one that was never started.

        :raises EngineError: the layers cannot be reached, or not be copied.
        """
        copy_layer(self, source, target)


def _has_files(directory: str) -> bool:
    """Whether a directory is there with something in it, as far as this user can tell."""
    try:
        return bool(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _entry(name: str, kind: bytes, mode: int, uid: int, gid: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, uid, gid
    return entry


def _kind_in_layer(upper: str, path: str) -> str:
    status = _in_layer(upper, path, os.lstat)
    mode = status.st_mode if status else None
    if mode is None:
        return "gone"
    for is_kind, kind in _TESTS.items():
        if is_kind(mode):
            return kind
    return "file" if mode & 0o222 else "fixed"


def _in_layer(upper: str, path: str, look: Callable[..., Any]) -> Any:
    """What ``look`` finds at a path of a layer; ``None`` if nothing of the kind is there.

    No link is followed: one of the container's would lead to the host's own files.
    """
    *parents, name = path.strip("/").split("/")
    with contextlib.ExitStack() as stack:
        try:
            descriptor = os.open(upper, _PASS)
            stack.callback(os.close, descriptor)
            for parent in parents:
                descriptor = os.open(parent, _PASS, dir_fd=descriptor)
                stack.callback(os.close, descriptor)
            return look(name, dir_fd=descriptor)
        except OSError:
            return None


def _bounded(chunks: Iterator[bytes]) -> bytes:
    content = b""
    for chunk in chunks:
        content += chunk
        if len(content) > 2 * _READ_LIMIT:
            break
    return content
