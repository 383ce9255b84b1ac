"""Gets the probes into the kernel, each kind by the best way that it takes, and keeps only file descriptors.

All of bcc happens in a child process that hands its file descriptors to the recorder and ends (recorder/probes.py says
why). The probes see nothing until the maps are filled.
"""

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from recorder import bpf, kallsyms, ladder, pids, preemption, privileges, switches
from recorder.btf import Btf
from recorder.climb import NoWay, Refusal, climb
from recorder.ladder import RUN_BY_HAND
from recorder.log.errors import AuditError, KernelRefused, NoBcc, NoBtf

PROCESS_RING_BYTES = 4 << 20
BYTE_RING_BYTES = 8 << 20

Ways = Mapping[str, Sequence[str]]
"""The ways that a kind may take, by its name; a kind that is not named may take all of its own."""

_MAX_DESCRIPTORS = 200  # of 253 that one message can carry, include/net/scm.h
_MAX_ANSWER = 1 << 16


@dataclass(frozen=True)
class Probes:
    """Live probes: file descriptors of the maps by name, of the programs, and of what holds them attached.

    The last programs are those that the recorder runs itself (`run`). `taken` names the way taken for each kind of
    probe, `hooks` the kinds of hooks of all these, and `refused` the ways before them that were not possible. As long
    as the maps are empty, nothing is recorded.
    """

    maps: dict[str, int]
    programs: list[int]
    links: list[int]
    taken: dict[str, str]
    hooks: frozenset[str]
    refused: list[Refusal] = field(default_factory=list)

    def run(self, name: str, *arguments: int) -> int:
        """Runs one of ladder.RUN_BY_HAND once; what it returns, 32 bits. Raises OSError."""
        return bpf.run(self.programs[RUN_BY_HAND.index(name) - len(RUN_BY_HAND)], *arguments)

    def close(self) -> None:
        """Detaches all, and lets go of what they have seen."""
        for fd in (*self.links, *self.programs, *self.maps.values()):
            os.close(fd)


class NoProbes(KernelRefused):
    """A kind that is needed cannot be watched; `refused` says why not."""

    def __init__(self, message: str, details: str = "", refused: Sequence[Refusal] = ()) -> None:
        super().__init__(message, details)
        self.refused = list(refused)


def load(
    keep_input: bool = True,
    ways: Ways | None = None,
    rings: tuple[int, int] = (PROCESS_RING_BYTES, BYTE_RING_BYTES),
    sysfs: Path = Path("/sys"),
) -> Probes:
    """Compiles, loads and attaches the probes in a child process that has ended afterwards.

    Raises NoBcc, NoBtf, KernelRefused or NoProbes; what compiler and verifier said is in `details`.
    """
    ours, theirs = socket.socketpair()
    recorder = pids.own()
    with tempfile.TemporaryFile() as log, ours:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _run_child(theirs, log.fileno(), lambda: _child(theirs, keep_input, ways or {}, rings, sysfs, recorder))
        theirs.close()
        data, fds, _, _ = socket.recv_fds(ours, _MAX_ANSWER, _MAX_DESCRIPTORS)
        os.waitpid(pid, 0)
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    answer: dict[str, Any] = json.loads(data or b'{"error": "KernelRefused", "message": "the loader died"}')
    refused = [Refusal(**refusal) for refusal in answer.get("refused", ())]
    if answer.get("error") == NoProbes.__name__:
        raise NoProbes(answer["message"], said, refused)
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"], said)
    if preemption.preempted(sysfs):
        bpf.stay_on_cpu()
    maps, programs = len(answer["maps"]), len(answer["maps"]) + answer["programs"]
    named = dict(zip(answer["maps"], fds[:maps], strict=True))
    return Probes(named, fds[maps:programs], fds[programs:], answer["taken"], frozenset(answer["hooks"]), refused)


_ERRORS = {kind.__name__: kind for kind in (NoBcc, NoBtf, KernelRefused)}


def _run_child(channel: socket.socket, log: int, body: Callable[[], None]) -> NoReturn:
    """Runs `body` as the loader process and ends it without bcc's clean-up, which would detach."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 1
    try:
        body()
        status = 0
    except AuditError as error:
        refused = [asdict(refusal) for refusal in getattr(error, "refused", ())]
        channel.sendall(_answer(error=type(error).__name__, message=str(error), refused=refused))
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _answer(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def _child(
    channel: socket.socket, keep_input: bool, ways: Ways, rings: tuple[int, int], sysfs: Path, recorder: int
) -> None:
    from recorder.probes import Programs

    kallsyms.hide()
    btf = Btf()
    privileges.check_bpf()
    try:
        choice, programs, refused = climb(
            btf,
            ways,
            lambda choice: Programs(btf, choice, keep_input, rings, recorder),
            preempted=preemption.preempted(sysfs),
            off=switches.off(sysfs),
        )
    except NoWay as error:
        raise _no_probes(error) from error
    maps = programs.maps()
    answer = _answer(
        taken=ladder.says(choice),
        hooks=sorted(ladder.hooks(choice)),
        refused=[asdict(refusal) for refusal in refused],
        maps=list(maps),
        programs=len(programs.programs),
    )
    socket.send_fds(channel, [answer], [*maps.values(), *programs.programs, *programs.links])


def _no_probes(error: NoWay) -> AuditError:
    """What to say when a kind that is needed has no rung left."""
    why = "; ".join(f"{refusal.says}: {refusal.reason}" for refusal in error.refused if refusal.kind == error.kind)
    return NoProbes(privileges.refused(f"{error.kind}: {why}"), refused=error.refused)
