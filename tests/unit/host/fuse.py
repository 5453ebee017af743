"""A FUSE file system by hand, over /dev/fuse: a directory shown again, to one user alone or as by NFS with root_squash,
or one that never answers."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Callable

_IN = struct.Struct("<IIQQIIII")  # length, opcode, unique, node, uid, gid, pid, padding
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _READLINK, _SYMLINK, _MKDIR, _UNLINK, _RMDIR = 1, 2, 3, 4, 5, 6, 9, 10, 11
_RENAME, _OPEN, _READ, _WRITE, _STATFS, _RELEASE, _FSYNC, _FLUSH, _INIT = 12, 14, 15, 16, 17, 18, 20, 25, 26
_OPENDIR, _READDIR, _RELEASEDIR, _CREATE, _BATCH_FORGET, _RENAME2 = 27, 28, 29, 35, 42, 45
_libc = ctypes.CDLL(None, use_errno=True)


_CHANGES = frozenset((_SETATTR, _SYMLINK, _MKDIR, _UNLINK, _RMDIR, _RENAME, _WRITE, _CREATE, _RENAME2))


class Fuse:
    """``backing``, shown at ``target`` to ``uid`` and to nobody else, root included.

    ``squashes``: to root, too, who has no more rights than anybody; so an NFS server with root_squash treats him.
    """

    def __init__(self, backing: str, target: str, uid: int, *, answers: bool = True, squashes: bool = False) -> None:
        self.backing, self.target, self.uid, self.squashes = backing, target, uid, squashes
        self.paths, self.nodes = {1: ""}, {"": 1}
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        others = ",allow_other" if squashes else ""
        data = f"fd={self.device},rootmode=40000,user_id={uid},group_id={uid}{others}".encode()
        if _libc.mount(b"test", target.encode(), b"fuse", ctypes.c_ulong(2 | 4), data) != 0:  # nosuid, nodev
            raise OSError(ctypes.get_errno(), "mount")
        self.thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        _libc.umount2(self.target.encode(), 1 | 2)  # by force: processes that have been left hold the device, too
        os.close(self.device)

    def _serve(self, answers: bool) -> None:
        while True:
            try:
                request = os.read(self.device, 1 << 18)
            except OSError:
                return
            _length, opcode, unique, node, uid, _gid, _pid, _pad = _IN.unpack_from(request)
            if opcode in (_FORGET, _BATCH_FORGET) or (not answers and opcode != _INIT):
                continue
            try:
                if uid == 0 and self.squashes:
                    self._squash(opcode, node)
                body, code = self._answer(opcode, node, request[_IN.size :]), 0
            except OSError as error:
                body, code = b"", -(error.errno or errno.EIO)
            except KeyError:
                body, code = b"", -errno.ENOENT
            try:
                os.write(self.device, struct.pack("<IiQ", 16 + len(body), code, unique) + body)
            except OSError:
                continue  # it was interrupted

    def _squash(self, opcode: int, node: int) -> None:
        """Root may what others may: pass and list where the mode says so, read, and change nothing."""
        needed = {_LOOKUP: 1, _OPENDIR: 4, _READDIR: 4, _OPEN: 4, _READ: 4, _READLINK: 0}.get(opcode, 0)
        if opcode in _CHANGES or (needed and not os.lstat(self.backing + self.paths[node]).st_mode & needed):
            raise OSError(errno.EACCES, "squashed")

    def _answer(self, opcode: int, node: int, data: bytes) -> bytes:
        if opcode == _INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 26, 0, 0, 0, 0, 1 << 16, 1, 0, 0, 0)
        path = self.backing + self.paths[node]
        work: dict[int, Callable[[], bytes]] = {
            _LOOKUP: lambda: self._entry(node, data[:-1]),
            _GETATTR: lambda: struct.pack("<QII", 0, 0, 0) + self._attributes(path),
            _READLINK: lambda: os.readlink(path).encode(),
            _OPEN: lambda: bytes(16),
            _OPENDIR: lambda: bytes(16),
            _STATFS: lambda: struct.pack(
                "<QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0
            ),
            _READDIR: lambda: self._names(path, *struct.unpack_from("<QQI", data)[1:]),
        }
        if opcode in (_RELEASE, _RELEASEDIR, _FLUSH, _FSYNC):
            return b""
        return work.get(opcode, lambda: self._write(opcode, node, path, data))()

    def _write(self, opcode: int, node: int, path: str, data: bytes) -> bytes:
        if opcode == _READ:
            offset, size = struct.unpack_from("<QQI", data)[1:]
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(size)
        if opcode == _WRITE:
            offset, size = struct.unpack_from("<QQI", data)[1:]
            with open(path, "r+b") as file:
                file.seek(offset)
                return struct.pack("<II", file.write(data[40 : 40 + size]), 0)
        if opcode == _SETATTR:
            valid, _pad, _handle, size = struct.unpack_from("<IIQQ", data)
            if valid & 1:
                os.chmod(path, struct.unpack_from("<I", data, 68)[0])
            if valid & 8:
                os.truncate(path, size)
            return struct.pack("<QII", 0, 0, 0) + self._attributes(path)
        if opcode == _MKDIR:
            os.mkdir(f"{path}/{data[8:-1].decode()}", struct.unpack_from("<I", data)[0])
            return self._entry(node, data[8:-1])
        if opcode == _CREATE:
            os.close(
                os.open(f"{path}/{data[16:-1].decode()}", os.O_CREAT | os.O_RDWR, struct.unpack_from("<I", data, 4)[0])
            )
            return self._entry(node, data[16:-1]) + bytes(16)
        if opcode == _SYMLINK:
            name, target = data[:-1].split(b"\0")
            os.symlink(target.decode(), f"{path}/{name.decode()}")
            return self._entry(node, name)
        if opcode in (_UNLINK, _RMDIR):
            (os.unlink if opcode == _UNLINK else os.rmdir)(f"{path}/{data[:-1].decode()}")
            return b""
        if opcode in (_RENAME, _RENAME2):
            start = 8 if opcode == _RENAME else 16
            old, new = data[start:-1].split(b"\0")
            parent = self.paths[struct.unpack_from("<Q", data)[0]]
            before, after = f"{self.paths[node]}/{old.decode()}", f"{parent}/{new.decode()}"
            os.rename(self.backing + before, self.backing + after)
            moved = self.nodes.pop(before, None)
            if moved is not None:
                self.paths[moved], self.nodes[after] = after, moved
            return b""
        raise OSError(errno.ENOSYS, "not served")

    def _entry(self, node: int, name: bytes) -> bytes:
        path = f"{self.paths[node]}/{name.decode()}"
        attributes = self._attributes(self.backing + path)
        number = self.nodes.setdefault(path, len(self.paths) + 1)
        self.paths[number] = path
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + attributes

    def _attributes(self, path: str) -> bytes:
        status = os.lstat(path)
        times = [int(one) for one in (status.st_atime, status.st_mtime, status.st_ctime)]
        mode = status.st_mode
        return struct.pack(
            "<QQQQQQIIIIIIIIII",
            *(status.st_ino, status.st_size, status.st_blocks, *times, 0, 0, 0),
            *(mode, status.st_nlink, self.uid, self.uid, 0, 4096, 0),
        )

    def _names(self, path: str, offset: int, _size: int) -> bytes:
        if offset:
            return b""
        found = b""
        for number, name in enumerate(os.listdir(path), start=1):
            kind = stat.S_IFMT(os.lstat(f"{path}/{name}").st_mode) >> 12
            encoded = name.encode()
            entry = struct.pack("<QQII", number, number, len(encoded), kind) + encoded
            found += entry + bytes(-len(entry) % 8)
        return found
