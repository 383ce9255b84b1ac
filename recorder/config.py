"""What a recorder is asked to do. The client hands it over as one JSON object (`--config`)."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.log.errors import AuditError


class BadConfig(AuditError):
    exit_code = 2
    meaning = "wrong usage"


@dataclass(frozen=True)
class Config:
    """`duration` and `idle_client_seconds` are seconds; None: no limit."""

    recording: str
    targets: tuple[dict[str, Any], ...]
    duration: float | None = None
    sessions: int | None = None
    keep_input: bool = True
    sysfs: Path = Path("/sys")
    idle_client_seconds: float | None = 60.0
    node: dict[str, Any] = field(default_factory=dict)
    ways: tuple[str, ...] = ()


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def parse(text: str) -> Config:
    """The configuration in a JSON text. Raises BadConfig."""
    try:
        raw = json.loads(text)
        config = Config(
            recording=str(raw["recording"]),
            targets=tuple(dict(t) for t in raw["targets"]),
            duration=_seconds(raw.get("duration")),
            sessions=None if raw.get("sessions") is None else int(raw["sessions"]),
            keep_input=bool(raw.get("input", True)),
            sysfs=Path(raw.get("sysfs", "/sys")),
            idle_client_seconds=_seconds(raw.get("idle_client_seconds", 60.0)),
            node=dict(raw.get("node", {})),
            ways=tuple(raw.get("tty_ways", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadConfig(f"the recorder cannot read its configuration: {error!r}") from error
    if not config.targets:
        raise BadConfig("the recorder's configuration names no target")
    return config
