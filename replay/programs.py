"""The programs that processes ran, as objects. Times are ns since 1970-01-01 UTC; what was recorded stays bytes."""

from dataclasses import dataclass

from recorder.log.argv import split

EXEC_CWD_CUT, EXEC_UNDER_WAY = 4, 8
"""Of the flags of an exec."""

CUT = "…".encode()
"""What a path begins with that is deeper than what was kept: it is no path from the root."""


@dataclass(slots=True, eq=False)
class Exec:
    """One program that a process of a session ran, until it ended or ran another one."""

    time: int
    session: int
    host_pid: int
    host_ppid: int
    pid: int
    ppid: int
    filename: bytes
    interpreter: bytes
    cwd: bytes
    argv_bytes: bytes
    argv_total: int
    uid: int
    gid: int
    tty: int
    flags: int
    monotonic: int = 0
    """`time` in ns of CLOCK_MONOTONIC, which nobody sets."""
    parent: "Exec | None" = None
    ended: int | None = None
    exit_code: int | None = None
    signal: int = 0
    rights: "Rights | None" = None
    """None in logs before 1.2."""
    file: "File | None" = None
    """None in logs before 1.2, and of what ran when recording started."""

    @property
    def argv(self) -> tuple[bytes, ...]:
        """The arguments; the last may be cut short if `argv_missing`."""
        return split(self.argv_bytes)

    @property
    def argv_missing(self) -> int:
        """Bytes of argv that are not in the recording."""
        return max(self.argv_total - len(self.argv_bytes), 0)


@dataclass(slots=True)
class Rights:
    """What a program may do; bit N of `capabilities` is capability N of capabilities(7)."""

    euid: int
    egid: int
    capabilities: int
    no_new_privs: bool


@dataclass(slots=True)
class File:
    """The file that runs: `path` from the container's root, `flags` by name, `hash_result` how `sha256` came about."""

    path: bytes
    filesystem: bytes
    device: int
    inode: int
    size: int
    mode: int
    flags: tuple[str, ...]
    sha256: bytes = b""
    hash_result: str = ""


@dataclass(slots=True)
class FailedExec:
    """A program that a process could not run; `error` is the errno."""

    time: int
    host_pid: int
    pid: int
    filename: bytes
    error: int
    monotonic: int = 0
    """`time` in ns of CLOCK_MONOTONIC."""

    @property
    def name(self) -> bytes:
        """Its file as given, or words: that of a damaged one, whose process was killed for it, is gone by then."""
        return self.filename or b"a program without a name"
