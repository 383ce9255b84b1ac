"""What a recorder is asked to do. The client hands it over as one JSON object (`--config`)."""

import json
import mmap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import probes
from recorder.log.errors import AuditError


class BadConfig(AuditError):
    exit_code = 2
    meaning = "wrong usage: the command line asks for something that makes no sense"


@dataclass(frozen=True)
class Config:
    """`duration` and `idle_client_seconds` are seconds, `max_log_bytes` ends the log; None: no limit."""

    recording: str
    targets: tuple[dict[str, Any], ...]
    duration: float | None = None
    sessions: int | None = None
    keep_input: bool = True
    sysfs: Path = Path("/sys")
    idle_client_seconds: float | None = 60.0
    max_log_bytes: int | None = None
    node: dict[str, Any] = field(default_factory=dict)
    ways: tuple[str, ...] = ()
    process_ring_bytes: int = probes.PROCESS_RING_BYTES
    byte_ring_bytes: int = probes.BYTE_RING_BYTES


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _target(value: Any) -> dict[str, Any]:
    target = dict(value)
    if not (target.get("container_id") or target.get("cgroup") or int(target.get("pid", 0)) > 0):
        raise ValueError("a target needs a container_id, a cgroup or a pid")
    return target


def _way(value: Any) -> str:
    if value not in probes.TTY_WAYS:
        raise ValueError(f"the ways to watch terminals are {', '.join(probes.TTY_WAYS)}, not {value!r}")
    return str(value)


def _ring(value: Any) -> int:
    size = int(value)
    if size < mmap.PAGESIZE or size & (size - 1):
        raise ValueError("the size of a ring is a power of two, a page at least")
    return size


def parse(text: str) -> Config:
    """The configuration in a JSON text. Raises BadConfig."""
    try:
        raw = json.loads(text)
        config = Config(
            recording=str(raw["recording"]),
            targets=tuple(map(_target, raw["targets"])),
            duration=_seconds(raw.get("duration")),
            sessions=None if raw.get("sessions") is None else int(raw["sessions"]),
            keep_input=bool(raw.get("input", True)),
            sysfs=Path(raw.get("sysfs", "/sys")),
            idle_client_seconds=_seconds(raw.get("idle_client_seconds", 60.0)),
            max_log_bytes=raw.get("max_log_bytes"),
            node=dict(raw.get("node", {})),
            ways=tuple(map(_way, raw.get("tty_ways", ()))),
            process_ring_bytes=_ring(raw.get("process_ring_bytes", probes.PROCESS_RING_BYTES)),
            byte_ring_bytes=_ring(raw.get("byte_ring_bytes", probes.BYTE_RING_BYTES)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadConfig(f"the recorder cannot read its configuration: {error!r}") from error
    if not config.targets:
        raise BadConfig("the recorder's configuration names no target")
    return config
