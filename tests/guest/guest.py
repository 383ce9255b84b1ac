"""`Guest`: run commands as root under a real kernel, with this machine's files as the guest's root."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import NamedTuple

from tests.guest.machine import GuestError, GuestTimeout, Machine, is_arm64

SHARED = PurePosixPath("/run/guest/files")
"""Where the guest sees `Guest.files`."""

_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
_OUTPUT_TAIL = 4000


class Result(NamedTuple):
    """How a command in a guest ended."""

    returncode: int
    """The exit code; 128 + N when signal N ended the command."""
    output: bytes
    """What it wrote to stdout and stderr, in the order written."""


class Guest:
    """A guest that boots at its first command (about 5 s) and runs one command after the other.

    Its root is this machine's / as it is at boot, /tmp included: what the guest writes stays in its memory,
    what the host writes later may or may not be seen. /run is empty, and /sys/fs/cgroup is cgroup v2 with all
    controllers. `files` on the host is `SHARED` in the guest and takes files in both directions; the guest
    cannot mmap them shared.

    What a command leaves behind (a daemon, a container, a mount) is there for the next one. When the guest
    dies, or is ended because of a timeout, the next command boots it afresh.
    """

    def __init__(self, kernel_dir: Path, memory_mb: int = 1024, cpus: int = 1) -> None:
        """`kernel_dir` holds vmlinuz and initrd as scripts/fetch-guest-kernel leaves them."""
        self.kernel_dir = kernel_dir
        self._memory_mb = memory_mb
        self._cpus = cpus
        self._machine: Machine | None = None
        self._commands = 0

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def seen(self, path: Path) -> Path:
        """Where the guest sees a file of this machine: on arm64 its root is that of other programs."""
        return Path("/host") / path.relative_to("/") if is_arm64(self.kernel_dir) else path

    def close(self) -> None:
        """Ends the guest, with its `files`."""
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.close()

    @property
    def files(self) -> Path:
        """A directory of the host that is `SHARED` in the guest, and gone with this boot. Boots the guest."""
        return self._booted().shared / SHARED.name

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        cwd: Path = Path("/"),
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Runs `argv` as root, without a terminal, with `env` on top of a small environment of its own.

        `timeout` is in seconds and does not count the boot. Raises GuestTimeout when it is over, and
        GuestError when the guest dies; both tell the command, its last output and the guest's console.
        """
        machine = self._booted()
        self._commands += 1
        number = str(self._commands)
        directory = machine.shared / number
        directory.mkdir()
        (directory / "command").write_bytes(_script(argv, cwd, {**_ENV, **(env or {})}))
        try:
            machine.write_line(number.encode())
            answer = machine.read_line(timeout).split()
            if len(answer) != 2 or answer[0] != number.encode():
                raise GuestError(f"the guest's agent said {answer!r}\n{machine.console_tail()}")
        except GuestError as e:
            report = f"{shlex.join(argv)}: {e}\n--- its output\n{_tail(directory / 'output')}"
            self.close()
            raise type(e)(report) from e
        result = Result(int(answer[1]), (directory / "output").read_bytes())
        shutil.rmtree(directory)
        return result

    def _booted(self) -> Machine:
        if self._machine is None:
            self._machine = Machine(self.kernel_dir, self._memory_mb, self._cpus)
            (self._machine.shared / SHARED.name).mkdir()
        return self._machine


def _script(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> bytes:
    assignments = (f"{name}={value}" for name, value in env.items())
    command = shlex.join(["env", "-i", "--", *assignments, *argv])
    return f"cd {shlex.quote(str(cwd))} && exec {command}\n".encode("utf-8", "surrogateescape")


def _tail(path: Path) -> str:
    data = path.read_bytes() if path.exists() else b""
    return data[-_OUTPUT_TAIL:].decode(errors="replace")


__all__ = ["SHARED", "Guest", "GuestError", "GuestTimeout", "Result"]
