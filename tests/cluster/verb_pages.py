"""The examples of docs/verbs that need a cluster: what their command lines print in one.

They are the blocks after `<!-- from the cluster tests -->`. `tests/cluster/test_verb_pages.py` runs them, and with
EBPFAUDIT_VERB_PAGES=1 writes them anew.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.node import Node
from tests.cluster.node.wait import until
from tests.verb_pages import CLUSTER, PAGES

ROOT = Path(__file__).parents[2]
NAMESPACE, POD = "shop", "web-0"
ORDER = ("doctor", "record", "status", "attach", "stop", "cleanup")
"""Each page finds what those before it have left."""

_ENTERED = ("sh", "-c", "id -u; ls /nosuch; cat /etc/hostname")
_SECONDS = 60.0
_NAME = re.compile(r"(?:ebpfaudit|attached)-[0-9a-f]{8}(?:-[0-9a-f]{8})?")
_AMOUNT = re.compile(r"(?:\d[\d.,:TZ-]*(?: ?(?:ms|s|m|h|[kM]?B|bytes))?)+\b")


def examples(verb: str) -> list[str]:
    """What is in the blocks of a page."""
    return [found[2] for found in CLUSTER.finditer((PAGES / f"{verb}.md").read_text())]


def write(verb: str, blocks: list[str]) -> None:
    """Puts other blocks in their places."""
    rest: Iterator[str] = iter(blocks)
    page = PAGES / f"{verb}.md"
    page.write_text(CLUSTER.sub(lambda found: f"{found[1]}{next(rest)}```\n", page.read_text()))


def form(block: str, verb: str) -> list[str]:
    """A block without what differs from run to run; of `doctor`, which speaks of the node, what it has looked at.

    What a note says is of the node's kernel.
    """
    if verb == "doctor":
        return [line.split("  ")[0] for line in block.splitlines()]
    block = "".join(line for line in block.splitlines(keepends=True) if not line.startswith("note: "))
    plain = _AMOUNT.sub("0", _NAME.sub("ebpfaudit-0", block))
    return [" ".join(line.split()) for line in plain.splitlines()]


def play(node: Node, block: str, place: Path) -> str:
    """The block with what its command lines print now."""
    lines = [line for line in block.splitlines() if line.startswith("$ kubectl ebpfaudit ")]
    return "\n".join(f"{line}\n{_run(node, shlex.split(line)[3:], place)}" for line in lines)


def _run(node: Node, arguments: list[str], place: Path) -> str:
    """What it prints, on both streams, and its exit code if that is not 0."""
    home, said = place / "home", place / "said"
    command = node.command(
        [sys.executable, "-m", "kubectl_ebpfaudit", *arguments],
        env={"EBPFAUDIT_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
    )
    with said.open("wb") as out:
        program = subprocess.Popen(
            command.argv, env=command.env, cwd=place, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        if arguments[0] == "attach" or (arguments[0] == "record" and "--detach" not in arguments):
            _until_said(said, "^Recording ")
            entered = node.command(["kubectl", "-n", NAMESPACE, "exec", POD, "--", *_ENTERED])
            subprocess.run(entered.argv, env=entered.env, stdout=subprocess.DEVNULL, check=True)
            _until_said(said, r"session \d+  ended")
            if "--sessions" not in arguments:
                program.send_signal(signal.SIGINT)
        code = program.wait(_SECONDS)
    finally:
        program.kill()
        program.wait()
    text = said.read_text().replace(str(home), "/home/ada/ebpfaudit")
    return text + (f"$ echo $?\n{code}\n" if code else "")


def _until_said(said: Path, pattern: str) -> None:
    until(lambda: bool(re.search(pattern, said.read_text(), re.M)), _SECONDS, lambda: said.read_text())


def wants_to_write() -> bool:
    return os.environ.get("EBPFAUDIT_VERB_PAGES") == "1"
