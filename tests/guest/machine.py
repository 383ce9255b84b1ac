"""One boot of a guest: QEMU, the two virtiofsd that serve it files, and the port it is driven by.

The processes die with the thread that starts the machine (PR_SET_PDEATHSIG), so that a killed test run leaves
none of them.
"""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

QEMU, QEMU_ARM64 = "qemu-system-x86_64", "qemu-system-aarch64"
_VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
_BOOT_SECONDS = 120.0
"""Deadline for the guest's agent to be ready: 5 s on an idle machine, a multiple on a busy one."""
_CONSOLE_LINES = 60


class GuestError(Exception):
    """The guest did not do what was asked of it; the message ends with the tail of its console."""


class GuestTimeout(GuestError):
    """The guest did not answer in time, and was ended."""


def find_virtiofsd() -> str | None:
    """Path of the virtiofsd program, which Debian keeps out of PATH; None when it is not installed."""
    return next((path for path in _VIRTIOFSD if Path(path).exists()), None)


class Machine:
    """A running guest. `shared` on the host is /run/guest in the guest, writable from both sides."""

    def __init__(self, kernel_dir: Path, memory_mb: int, cpus: int) -> None:
        """Boots kernel_dir/vmlinuz; returns when the agent answers; raises GuestError if it does not."""
        with ExitStack() as undo:
            self._dir = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="ebpfaudit-guest-")))
            self.shared = self._dir / "shared"
            self.shared.mkdir()
            shutil.copy(Path(__file__).with_name("agent"), self.shared)
            self._unread = b""
            self._serial, guest_end = socket.socketpair()
            undo.callback(self._serial.close)
            with guest_end:
                # For the guest its root does not change (cache=always: fast), while in the share each side
                # sees the other's writes at once (cache=none).
                self._serve(undo, "host", Path("/"), "always")
                self._serve(undo, "guest", self.shared, "none")
                command = _qemu_command(self._dir, kernel_dir, memory_mb, cpus, guest_end.fileno())
                self._start(undo, "qemu", command, guest_end)
            if (line := self.read_line(_BOOT_SECONDS)) != b"ready":
                raise GuestError(f"the guest's agent said {line!r}\n{self.console_tail()}")
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Ends the guest at once, whatever it is doing, and removes all that it left on the host."""
        self._undo.close()

    def write_line(self, line: bytes) -> None:
        """Sends a line to the agent; raises GuestError when the guest is gone."""
        try:
            self._serial.sendall(line + b"\n")
        except OSError as e:
            raise GuestError(f"the guest is gone: {e}\n{self.console_tail()}") from e

    def read_line(self, timeout: float) -> bytes:
        """The agent's next line without its line feed.

        Raises GuestTimeout after `timeout` seconds, and GuestError as soon as the guest is gone.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._unread:
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([self._serial], [], [], remaining)[0]:
                raise GuestTimeout(f"no answer from the guest in {timeout:g} s\n{self.console_tail()}")
            data = self._serial.recv(4096)
            if not data:
                raise GuestError(f"the guest is gone\n{self.console_tail()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def console_tail(self) -> str:
        """The last lines of the guest's console, and what QEMU and virtiofsd said, for error messages."""
        parts = []
        for name in ("console", "qemu.log", "host.log", "guest.log"):
            path = self._dir / name
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            if lines:
                parts.append(f"--- {name}\n" + "\n".join(lines[-_CONSOLE_LINES:]))
        return "\n".join(parts) or "--- the guest's console is empty"

    def _serve(self, undo: ExitStack, tag: str, directory: Path, cache: str) -> None:
        """Starts a virtiofsd for QEMU to connect to, on a socket that listens already: no need to wait."""
        virtiofsd = find_virtiofsd()
        if virtiofsd is None:
            raise GuestError("virtiofsd is not installed")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._dir / tag))
            listener.listen(1)
            options = f"source={directory},cache={cache},sandbox=chroot"
            self._start(undo, tag, [virtiofsd, f"--fd={listener.fileno()}", "-o", options], listener)

    def _start(self, undo: ExitStack, name: str, command: Sequence[str], inherited: socket.socket) -> None:
        """Starts a process that gets the socket `inherited` and that ends with us."""
        with (self._dir / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[inherited.fileno()],
            )
        undo.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def is_arm64(kernel_dir: Path) -> bool:
    """Whether it is a kernel for arm64, which comes with a root of that machine's programs."""
    return (kernel_dir / "root").exists()


def _qemu_command(work: Path, kernel_dir: Path, memory_mb: int, cpus: int, agent_fd: int) -> list[str]:
    """QEMU's arguments: no BIOS screen, no network, no disk; the first serial port is the console."""
    devices = []
    for tag in ("host", "guest"):
        devices += ["-chardev", f"socket,id={tag},path={work / tag}"]
        devices += ["-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]
    return [
        *(_arm64(kernel_dir) if is_arm64(kernel_dir) else _x86_64()),
        *("-smp", str(cpus), "-machine", "memory-backend=memory"),
        # vhost-user: virtiofsd reads and writes the guest's memory, so it has to be shared memory.
        *("-m", f"{memory_mb}M", "-object", f"memory-backend-memfd,id=memory,size={memory_mb}M,share=on"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *devices,
        *("-serial", f"file:{work / 'console'}", "-chardev", f"socket,id=agent,fd={agent_fd}"),
        *_AGENT_PORT[is_arm64(kernel_dir)],
        *("-kernel", str(kernel_dir / "vmlinuz"), "-initrd", str(kernel_dir / "initrd")),
    ]


_AGENT_PORT = {
    False: ("-serial", "chardev:agent"),
    True: ("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=agent"),
}
"""For arm64 or not: QEMU's `virt` has one serial port only."""

_KERNEL_OPTIONS = "quiet panic=-1 mitigations=off"


def _x86_64() -> list[str]:
    """Emulation only (tcg), so that a guest is the same with and without /dev/kvm.

    cx16 is off because QEMU 7.2 corrupts the memory of Linux 6.12 with it; q35 and not microvm because microvm hangs
    under tcg.
    """
    options = f"console=ttyS0 {_KERNEL_OPTIONS}"
    return [QEMU, "-M", "q35", "-accel", "tcg", "-cpu", "max,-cx16", "-append", options]


def _arm64(kernel_dir: Path) -> list[str]:
    """A processor without pointer authentication, which takes three times as long to emulate; `max` has it, also where
    its cheap variant is chosen a sixth longer than this one."""
    root = (kernel_dir / "root").resolve()
    options = f"console=ttyAMA0 {_KERNEL_OPTIONS} guestroot={root}"
    return [QEMU_ARM64, "-M", "virt", "-accel", "tcg", "-cpu", "cortex-a76", "-append", options]
