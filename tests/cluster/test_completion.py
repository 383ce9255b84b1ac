"""The tab key in real shells: through kubectl's own completion, and with the plugin's scripts."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.support.terminal import Terminal

GOLDEN = Path(__file__).parents[1] / "golden" / "v1.2-incident.ebpfaudit"
"""A recording of two sessions."""
_SECONDS, _TAB_SECONDS = 60, 6


@pytest.fixture
def environment(node: Node, tmp_path: Path) -> dict[str, str]:
    """Both programs on the PATH, as pip puts them there."""
    folder = Path(sys.executable).parent
    store = tmp_path / "home" / "recordings"
    store.mkdir(parents=True)
    shutil.copy(GOLDEN, store / "golden_1.ebpfaudit")
    return {"PATH": str(folder), "EBPFAUDIT_HOME": str(tmp_path / "home"), "TERM": "dumb", "PS1": "ready> "}


def _shell(node: Node, environment: dict[str, str], *argv: str) -> Terminal:
    command = node.command(list(argv), env=environment)
    return Terminal(command.argv, env=command.env, rows=40, cols=200)


_BEGIN = {
    "bash": "source {library}; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'",
    "zsh": "autoload -Uz compinit; compinit -D -u; unsetopt beep auto_menu; unset zle_bracketed_paste",
    "fish": "function fish_prompt; echo 'ready> '; end; set -g fish_autosuggestion_enabled 0",
}
_SOURCE = dict.fromkeys(("bash", "zsh"), "source <({})") | {"fish": "{} | source"}
_ARGV = {"bash": ["bash", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, node: Node, environment: dict[str, str]) -> Iterator[Terminal]:
    """A shell with the completion of kubectl, and with that of kubectl-ebpfaudit."""
    name = request.param
    if not shutil.which(name):
        pytest.skip(f"needs: {name}")
    library = Path("/usr/share/bash-completion/bash_completion")
    if name == "bash" and not library.exists():
        pytest.skip("needs: bash-completion")
    with _shell(node, environment, *_ARGV[name]) as terminal:
        begin = _BEGIN[name].format(library=library)
        programs = ("kubectl", "kubectl-ebpfaudit")
        both = "; ".join(_SOURCE[name].format(f"{program} completion {name}") for program in programs)
        terminal.send(f"{begin}; {both}; echo s''et\r".encode())
        terminal.expect(re.compile(rb"[\r\n]set\b"))
        terminal.expect(b"ready> ")
        yield terminal


def _press_tab(shell: Terminal, completed: bytes) -> None:
    """Until it shows that, every few seconds: whoever's question the cluster answers too late completes nothing."""
    deadline = time.monotonic() + _SECONDS
    while True:
        shell.send(b"\t")
        try:
            shell.expect(completed, timeout=_TAB_SECONDS)
            return
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


def test_tab_completes_what_is_in_the_cluster(shell: Terminal, target: Victim, node: Node) -> None:
    namespace = target.namespace
    for typed, completed in (
        ("kubectl ebpfaudit rec", "kubectl ebpfaudit record "),
        (f"kubectl ebpfaudit record -n {namespace} vic", f"kubectl ebpfaudit record -n {namespace} victim "),
        (f"kubectl ebpfaudit record -n {namespace} victim -c a", "victim -c app "),
        ("kubectl ebpfaudit record --namespace kube-pub", "--namespace kube-public "),
        ("kubectl ebpfaudit record --context testn", "--context testnode "),
        ("kubectl ebpfaudit show --outp", "show --output "),
        ("kubectl ebpfaudit show gol", "show golden_1 "),
        ("kubectl ebpfaudit replay golden_1/2", "replay golden_1/2 "),
        ("kubectl ebpfaudit status --user adm", "--user admin "),
        ("kubectl ebpfaudit doctor node/nod", "doctor node/node" + "1 " * (len(node.nodes) == 1)),
        (f"kubectl-ebpfaudit record -n {namespace} vic", f"kubectl-ebpfaudit record -n {namespace} victim "),
    ):
        shell.send(typed.encode())
        _press_tab(shell, completed[-20:].encode())
        shell.send(b"\x15")  # clears the line


def test_kubectl_is_told_the_name_of_a_pod(node: Node, environment: dict[str, str], target: Victim) -> None:
    words = ["ebpfaudit", "record", "-n", target.namespace, "vic"]
    command = node.command(["kubectl", "__complete", *words], env=environment)
    done = subprocess.run(command.argv, env=command.env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "victim"
