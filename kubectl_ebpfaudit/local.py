"""The recorder on this host: the same program as in the pod, behind pipes instead of an exec websocket."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kubectl_ebpfaudit.carrier import Interruptible, Order, Slow, agent_arguments, serve_arguments
from kubectl_ebpfaudit.failures import of_recorder
from recorder import log as recorder_log
from recorder.log.errors import AuditError, NoBcc, NotRoot

PYTHON = Path("/usr/bin/python3")
"""bcc is a package of the distribution, so it belongs to the distribution's Python."""

# Appended, not put first: what the system has (bcc, msgpack, zstandard) wins over a virtual environment's.
_MAIN = "import sys; sys.path.append({!r}); from recorder.__main__ import main; sys.exit(main())"
_END_SECONDS = 10.0
_READ_BYTES = 1 << 20
_MAX_SAID = 1 << 20


def check_host() -> None:
    """Raises NotRoot, or NoBcc, if this host or user can obviously not record. Starts nothing."""
    if sys.platform != "linux":
        raise AuditError("--local records on this machine, which needs Linux: without it, name a pod")
    if os.geteuid() != 0:
        raise NotRoot("recording on this machine needs root: run it with sudo")
    if not PYTHON.exists():
        raise NoBcc(f"{PYTHON} is not there: install the packages python3 and python3-bpfcc")


def _recorder() -> list[str]:
    """The beginning of the command line of the recorder here."""
    parent = Path(recorder_log.__file__).resolve().parents[2]
    return [str(PYTHON), "-I", "-c", _MAIN.format(str(parent))]


def ways() -> Any:
    """What the recorder says of every way to watch something on this machine (recorder/doctor.py)."""
    with tempfile.TemporaryDirectory(prefix="ebpfaudit-") as folder:
        command = [*_recorder(), "doctor", "--every-way", "--spool", folder]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            return json.loads(done.stdout)["ways"]
        except subprocess.CalledProcessError as error:
            raise of_recorder(error.returncode, error.stderr.decode(errors="replace"), "on this machine") from error


class LocalCarrier:
    """Runs `agent` and `serve` as children, in a session of their own: ctrl-C reaches only the client."""

    def __init__(self, order: Order, command: list[str] | None = None) -> None:
        self._order = order
        self._command = command or _recorder()
        self._folder: Path | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._agent_ended = self._agent_said = self._server_said = -1
        self._begun = False
        self.name = ""
        self.away = 0.0
        self.trouble = ""
        self.behind = 0
        self.is_dead = False

    def create(self, interruptible: Interruptible) -> None:
        with interruptible():
            return

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ebpfaudit-"))
        spool = self._folder
        # Should this program be killed, the recorder removes what it wrote.
        config = self._order.config("/sys", own_spool=True)
        try:
            # In memory: a disk that is full must not hide that it is.
            self._agent_said = os.memfd_create("agent")
            self._server_said = os.memfd_create("serve")
            self._agent = subprocess.Popen(
                [*self._command, *agent_arguments(str(spool), config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._agent_said,
                start_new_session=True,
            )
            self._agent_ended = os.pidfd_open(self._agent.pid)
            self._server = subprocess.Popen(
                [*self._command, *serve_arguments(str(spool), 0)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._server_said,
                start_new_session=True,
            )
        except OSError as error:
            raise AuditError(f"the recorder cannot be started: {error.filename}: {error.strerror}") from error

    def cancel(self) -> bool:
        return True  # nothing is waited for

    def read(self, wake: int, seconds: float) -> bytes | None:
        assert self._server
        assert self._server.stdout
        pipe = self._server.stdout.fileno()
        poll = select.poll()
        for fd in (pipe, wake, self._agent_ended):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(seconds * 1000)]
        if pipe in ready:
            self._begun = True
            return os.read(pipe, _READ_BYTES)
        if self._agent_ended in ready:
            if not self._begun:  # then `serve` has nothing to serve, and would wait for it
                return b""
            self._forget_agent()
        return None

    def _forget_agent(self) -> None:
        """Waits no more for the agent's end: what there is of the log comes from `serve`."""
        if self._agent_ended >= 0:
            os.close(self._agent_ended)
        self._agent_ended = -1

    def tell(self, line: bytes) -> None:
        assert self._server
        assert self._server.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended already: read() tells
            self._server.stdin.write(line)
            self._server.stdin.flush()

    def acknowledge(self, offset: int) -> None:
        self.tell(b"ack %d\n" % offset)

    def leave(self) -> None:
        self.close(whole=True)

    def failure(self) -> AuditError:
        assert self._agent
        self.is_dead = True
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._agent.wait(_END_SECONDS)
        said = self._agent_said if code else self._server_said
        text = os.pread(said, _MAX_SAID, 0).decode(errors="replace")
        return of_recorder(code, text, "on this machine")

    def close(self, whole: bool) -> str:
        self._forget_agent()
        left = ""
        for child in (self._server, self._agent):
            if child is not None and not _end(child, whole):
                left = f"the recorder, process {child.pid}, does not end: end it with kill -9 {child.pid}"
        self._server = self._agent = None
        for said in (self._agent_said, self._server_said):
            if said >= 0:
                os.close(said)
        self._agent_said = self._server_said = -1
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._folder.exists():
                left = left or f"{self._folder} could not be removed: remove it by hand"
            self._folder = None
        return left


def _end(child: subprocess.Popen[bytes], by_itself: bool) -> bool:
    """Whether the process has ended: by itself if it is about to, else on SIGTERM, else on SIGKILL."""
    if by_itself and _has_ended(child):
        _close_pipes(child)
        return True
    _close_pipes(child)
    for ask in (child.terminate, child.kill):
        ask()
        if _has_ended(child):
            return True
    return False


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_END_SECONDS)
        return True
    return False


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
