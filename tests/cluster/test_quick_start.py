"""docs/quick-start.md, command by command as it stands there."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.node import Node, requirements
from tests.support.terminal import Terminal

PAGE = Path(__file__).parents[2] / "docs" / "quick-start.md"
_SECONDS = 60


def _lines() -> list[str]:
    """The command lines of the page, in its order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def _typed() -> list[str]:
    """What is typed in the session."""
    [block] = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.S)
    return str(block).splitlines()


class Walk:
    """Somebody in a folder of their own, whose context has a fresh namespace."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node, self._folder = node, folder
        config = json.loads(node.kubeconfig().read_text())
        config["contexts"][0]["context"]["namespace"] = node.fresh_namespace()
        (folder / "config").write_text(json.dumps(config))
        self._env = {
            "PATH": str(Path(sys.executable).parent),
            "KUBECONFIG": str(folder / "config"),
            "EBPFAUDIT_HOME": str(folder / "home"),
        }

    def run(self, line: str) -> str:
        """What a command line prints on both streams; it has to end well."""
        command = self._node.command(shlex.split(line), env=self._env)
        done = subprocess.run(
            command.argv, env=command.env, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stdout}"
        return done.stdout

    def terminal(self, line: str) -> Terminal:
        command = self._node.command(shlex.split(line), env=self._env)
        return Terminal(command.argv, env=command.env, rows=40, cols=120)


@pytest.fixture
def walk(node: Node, recorder_image: str, tmp_path: Path) -> Walk:
    return Walk(node, tmp_path)


def test_each_command_of_the_quick_start_does_what_the_page_says(walk: Walk, tmp_path: Path) -> None:
    lines = [
        line.replace("--image=debian:12", f"--image={requirements.APP_IMAGE} --image-pull-policy=Never")
        for line in _lines()
    ]
    at = next(at for at, line in enumerate(lines) if " record " in line)
    for line in lines[:at]:
        walk.run(line)
    with walk.terminal(lines[at]) as recording:
        recording.expect(re.compile(rb"Recording \S+/web"))
        with walk.terminal(lines[at + 1]) as session:
            session.expect(b"# ")
            for typed in _typed()[:-1]:
                session.send(typed.encode() + b"\r")
                session.expect(b"# ")
            session.send(b"exit\r")
            assert session.wait() == 0
        assert recording.wait() == 0
    printed = {line: walk.run(line) for line in lines[at + 2 :]}
    [shown] = [text for line, text in printed.items() if " show " in line]
    assert "Lost:        nothing" in shown
    assert re.search(r"/tmp/harmless / +\[upper\]", shown)
    [verified] = [text for line, text in printed.items() if " verify " in line]
    assert "complete" in verified
    [found] = [text for line, text in printed.items() if " search " in line]
    assert "/tmp/harmless" in found
    assert (tmp_path / "report.html").stat().st_size > 100_000
    [status] = [text for line, text in printed.items() if " status" in line]
    assert status.startswith("No recorders found")
