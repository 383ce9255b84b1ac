"""What a recorder is asked to do. The client hands it over as one JSON object (`--config`).

Linux takes no argument of 128 KiB: a longer one comes in parts, each with a `--config` of its own.
"""

import json
import mmap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import ladder, loader, spool, streams
from recorder.log import __version__
from recorder.log.errors import AuditError, OtherProtocol


class BadConfig(AuditError):
    exit_code = 2
    meaning = "wrong usage: the command line asks for something that makes no sense"


MIN_SPOOL_BYTES = 1 << 20

PROTOCOL = 2
"""Of the configuration and of the lines on the control socket (recorder/control.py)."""


@dataclass(frozen=True)
class Config:
    """What is recorded, and when it ends. Seconds may be None: without end.

    `idle_client_seconds`: so long it goes on without a client; `first_client_seconds`, if that is more, until one
    has come. `linger_seconds`: so long a log that has ended waits for one. `gone_seconds`: so long it waits for
    another target once the last has ended. `follow`: containers that come up in the pods of the targets are
    targets, too. `may_be_gone`: a target that is not there is no fault.
    `spool_bytes`: of the log, what may wait for clients. `stream_limit`: of each pipe, the bytes that are kept.
    `own_spool`: the spool's folder is removed at the end.
    `probes`: the ways that a kind of probe may take, by its name (recorder/ladder.py); the others may take any.
    """

    recording: str
    targets: tuple[dict[str, Any], ...]
    duration: float | None = None
    sessions: int | None = None
    keep_input: bool = True
    sysfs: Path = Path("/sys")
    idle_client_seconds: float | None = 60.0
    first_client_seconds: float = 0.0
    linger_seconds: float | None = 60.0
    gone_seconds: float | None = 0.0
    follow: bool = False
    may_be_gone: bool = False
    spool_bytes: int = spool.LIMIT_BYTES
    stream_limit: int = streams.LIMIT_BYTES
    own_spool: bool = False
    node: dict[str, Any] = field(default_factory=dict)
    probes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    process_ring_bytes: int = loader.PROCESS_RING_BYTES
    byte_ring_bytes: int = loader.BYTE_RING_BYTES


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _target(value: Any) -> dict[str, Any]:
    target = dict(value)
    if not (target.get("container_id") or target.get("cgroup") or int(target.get("pid", 0)) > 0):
        raise ValueError("a target needs a container_id, a cgroup or a pid")
    return target


def _probes(value: Any) -> dict[str, tuple[str, ...]]:
    return {kind: ladder.checked(kind, [str(way) for way in ways]) for kind, ways in dict(value).items()}


def _ring(value: Any) -> int:
    size = int(value)
    if size < mmap.PAGESIZE or size & (size - 1):
        raise ValueError("the size of a ring is a power of two, a page at least")
    return size


def target(text: str) -> dict[str, Any] | None:
    """A target in a JSON text; None if it is none."""
    try:
        return _target(json.loads(text))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def check_protocol(theirs: int) -> None:
    """Raises OtherProtocol unless the client speaks this one."""
    if theirs != PROTOCOL:
        raise OtherProtocol(
            f"the client speaks protocol {theirs}, this recorder {PROTOCOL} (version {__version__}): "
            "use the client and the image of one version"
        )


def parse(text: str) -> Config:
    """The configuration in a JSON text. Raises BadConfig or OtherProtocol."""
    try:
        raw = dict(json.loads(text))
        check_protocol(int(raw.get("protocol", PROTOCOL)))
        config = Config(
            recording=str(raw["recording"]),
            targets=tuple(map(_target, raw["targets"])),
            duration=_seconds(raw.get("duration")),
            sessions=None if raw.get("sessions") is None else int(raw["sessions"]),
            keep_input=bool(raw.get("input", True)),
            sysfs=Path(raw.get("sysfs", "/sys")),
            idle_client_seconds=_seconds(raw.get("idle_client_seconds", 60.0)),
            first_client_seconds=float(raw.get("first_client_seconds", 0.0)),
            linger_seconds=_seconds(raw.get("linger_seconds", 60.0)),
            gone_seconds=_seconds(raw.get("gone_seconds", 0.0)),
            follow=bool(raw.get("follow", False)),
            may_be_gone=bool(raw.get("may_be_gone", raw.get("follow", False))),
            spool_bytes=int(raw.get("spool_bytes", spool.LIMIT_BYTES)),
            stream_limit=max(int(raw.get("stream_limit", streams.LIMIT_BYTES)), 0),
            own_spool=bool(raw.get("own_spool", False)),
            node=dict(raw.get("node", {})),
            probes=_probes(raw.get("probes", {})),
            process_ring_bytes=_ring(raw.get("process_ring_bytes", loader.PROCESS_RING_BYTES)),
            byte_ring_bytes=_ring(raw.get("byte_ring_bytes", loader.BYTE_RING_BYTES)),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BadConfig(f"the recorder cannot read its configuration: {error!r}") from error
    if config.spool_bytes < MIN_SPOOL_BYTES:
        raise BadConfig(f"a spool of {config.spool_bytes} bytes is too small: {MIN_SPOOL_BYTES} at least")
    if not config.targets:
        raise BadConfig("the recorder's configuration names no target")
    return config
