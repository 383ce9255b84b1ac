"""What a recorder with only the capabilities of --least-privilege can do, and that it needs each of them."""

import json
import subprocess
from pathlib import Path

import pytest

from kubectl_ebpfaudit.cluster.pod import CAPABILITIES
from tests.support.container import Container
from tests.support.recorder import recorder_argv, with_only
from tests.support.terminal import Terminal

SECONDS = 60.0


def _record(victim: Container, spool: Path, capabilities: list[str]) -> tuple[int, str]:
    """(exit code, stderr) of a recorder that has these capabilities and ends as soon as it is live."""
    config = {
        "recording": "test",
        "targets": [{"container_id": victim.id}],
        "duration": 0,
        "linger_seconds": 0,
    }
    agent = recorder_argv("agent", "--spool", str(spool), "--config", json.dumps(config))
    done = subprocess.run(
        [*with_only(capabilities), *agent],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("missing", [None, *CAPABILITIES])
def test_capabilities_of_least_privilege_are_enough_and_none_can_be_spared(
    victim: Container, tmp_path: Path, missing: str | None
) -> None:
    runc, *rest = victim.exec_argv("/bin/bash", "--norc", "-i")
    at = rest.index("exec") + 1
    # Of another user, whose processes root sees with capabilities only.
    with Terminal([runc, *rest[:at], "--user", "1000", *rest[at:]]) as terminal:
        terminal.expect(b"$ ")
        code, said = _record(victim, tmp_path, [name for name in CAPABILITIES if name != missing])
        terminal.send(b"exit\r")
        terminal.wait()
    if missing is None:
        assert code == 0, said
        return
    assert code == 13, said
    assert said.startswith("error: ")
    assert "few privileges" in said
    assert "record without --least-privilege" in said
