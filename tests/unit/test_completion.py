"""What shells are told about a command line. tests/cluster asks real shells and the real kubectl."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import ROOT, Cli
from tests.support.logs import LogBuilder, shell_session, start_shell

KUBECTL = """#!/bin/sh
echo "$*" >> "$0.asked"
case "$*" in
*--output=name*) printf 'pod/ebpfaudit-1-a\\npod/ebpfaudit-2-b\\n' ; exit 0 ;;
*"get pods "*) printf 'web-0\\nweb-1\\nevil$(id)\\nhas space\\n' ;;
*"get namespaces "*) printf 'default\\nshop\\n' ;;
*"get deploy "*) printf 'web\\n' ;;
*"--container "*) printf 'main\\nmesh\\n' ;;
*"use-context "*) printf 'prod\\tCluster\\n' ;;
*"get nodes "*) printf 'node1\\n' ;;
esac
echo :4
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers as kubectl does; the file beside it has what it was asked."""
    path = tmp_path / "bin" / "kubectl"
    path.parent.mkdir()
    path.write_text(KUBECTL)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "home"))
    return path


def complete(*words: str) -> tuple[list[str], str]:
    """The candidates, and what the shell is to do."""
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "__complete", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stderr == ""
    *lines, directive = done.stdout.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


def test_what_comes_from_the_command_line_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/generate-help", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_verbs_and_options() -> None:
    assert complete("re") == (["record", "replay"], ":4")
    assert complete("")[0][0] == "record"
    assert complete("show", "--o") == (["--output"], ":4")
    assert complete("show", "-o", "") == (["wide", "json", "yaml"], ":4")
    assert complete("show", "-o", "json", "--o") == ([], ":4")
    assert complete("show", "--output=y") == (["yaml"], ":4")
    assert complete("nosuchverb", "") == ([], ":4")
    assert complete("completion", "z") == (["zsh"], ":4")


@pytest.mark.usefixtures("kubectl")
def test_things_of_the_cluster() -> None:
    assert complete("record", "w") == (["web-0", "web-1"], ":4")
    assert complete("record", "web-0", "web-1", "") == (["web-0", "web-1"], ":4")
    assert complete("record", "-n", "") == (["default", "shop"], ":4")
    assert complete("record", "web-0", "-c", "m") == (["main", "mesh"], ":4")
    assert complete("record", "--context", "p") == (["prod"], ":4")
    assert complete("record", "dep") == (["deploy/"], ":6")
    assert complete("record", "deploy/") == (["deploy/web"], ":4")
    assert complete("doctor", "node/") == (["node/node1"], ":4")
    assert complete("attach", "ebpfaudit-1") == (["ebpfaudit-1-a"], ":4")
    assert complete("record", "-w", "") == ([], ":0")


def test_kubectl_is_asked_as_whom_and_where_the_command_line_says(kubectl: Path) -> None:
    complete("record", "-nshop", "--context=prod", "--as", "bob", "--kubeconfig", "k", "w")
    asked = Path(f"{kubectl}.asked").read_text()
    assert asked == "__complete --context=prod --kubeconfig=k --as=bob --namespace=shop get pods w\n"


@pytest.mark.usefixtures("kubectl")
def test_names_that_a_shell_would_run_are_left_out() -> None:
    assert complete("record", "") == (["web-0", "web-1"], ":4")


def test_without_kubectl_nothing_is_completed_and_nothing_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert complete("record", "web") == ([], ":6")


def test_recordings_and_their_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "home" / "recordings"
    (store / "run").mkdir(parents=True)
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "home"))
    two = start_shell(start_shell(LogBuilder()), 1, session=2, pid=200, tty=2)
    two.save(store / "web_2.ebpfaudit")
    shell_session().save(store / "web_1.ebpfaudit")
    shell_session().save(store / "run" / "node1.ebpfaudit")
    two.save(store / "run" / "node2.ebpfaudit", end=None)
    assert complete("show", "") == (["latest", "run", "web_1", "web_2"], ":4")
    assert complete("replay", "web_2/") == (["web_2/1", "web_2/2"], ":4")
    assert complete("replay", "run/") == (["run/1", "run/2", "run/3"], ":4")
    assert complete("verify", "web_2/") == ([], ":0")
    assert complete("show", "./nosuch") == ([], ":0")


def test_scripts_are_ones_that_their_shells_take(cli: Cli, tmp_path: Path) -> None:
    for shell, check in (("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
        ran = cli("completion", shell)
        assert (ran.code, ran.err) == (0, "")
        path = tmp_path / shell
        path.write_bytes(ran.out)
        try:
            done = subprocess.run([*check, path], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        assert (done.returncode, done.stderr) == (0, ""), shell
    assert b"Register-ArgumentCompleter" in cli("completion", "powershell").out


def test_install_puts_a_program_where_kubectl_finds_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "bin" / "kubectl-ebpfaudit"
    plugin.parent.mkdir()
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{plugin.parent}:/usr/bin:/bin")
    ran = cli("completion", "--install")
    made = plugin.with_name("kubectl_complete-ebpfaudit")
    assert (ran.code, ran.text) == (0, f"{made}\n")
    assert made.stat().st_mode & 0o777 == 0o755
    assert "exec kubectl-ebpfaudit __complete" in made.read_text()
    again = cli("completion", "--install")
    assert (again.code, again.text, again.err) == (0, "", f"{made} is there already\n")
    assert cli("completion").code == 2


@pytest.mark.parametrize(
    ("client", "warned"),
    [
        ('{"major": "1", "minor": "25", "gitVersion": "v1.25.16"}', True),
        ('{"major": "1", "minor": "25+", "gitVersion": "v1.25.4-eks-\\u001b[2J"}', True),
        ('{"major": "1", "minor": "26", "gitVersion": "v1.26.0"}', False),
        ('{"major": "1"}', False),
    ],
)
def test_install_warns_of_a_kubectl_that_completes_no_plugins(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, warned: bool
) -> None:
    for name, says in (("kubectl-ebpfaudit", ""), ("kubectl", f'{{"clientVersion": {client}}}')):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    ran = cli("completion", "--install")
    assert ran.code == 0
    assert ("completes no plugins, 1.26 does: " in ran.err) == warned
    assert "\x1b" not in ran.err


def test_fish_offers_what_kubectl_ebpfaudit_names(kubectl: Path) -> None:
    if not shutil.which("fish"):
        return  # tests/cluster has it, and asks it in its own terminal
    program = kubectl.with_name("kubectl-ebpfaudit")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubectl_ebpfaudit "$@"\n')
    program.chmod(0o755)
    lines = ("rec", "record web", "record dep", "record --namespace=sh", "record -n sh", "show -o ")
    asked = "; ".join(f'complete -C "kubectl-ebpfaudit {line}"' for line in lines)
    path = ROOT / "kubectl_ebpfaudit/completion/scripts/fish.sh"
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {path}; {asked}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(kubectl.parent)},
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [
        "record",
        *("web-0", "web-1"),
        "deploy/",
        "--namespace=shop",
        "shop",
        *("json", "wide", "yaml"),
    ]


def test_bash_completes_without_help(kubectl: Path, tmp_path: Path) -> None:
    program = kubectl.with_name("kubectl-ebpfaudit")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubectl_ebpfaudit "$@"\n')
    program.chmod(0o755)
    script = """
        source "$1"
        ask() {
            COMP_WORDS=(kubectl-ebpfaudit "$@"); COMP_CWORD=$#; compopt() { echo "compopt $*"; }
            _kubectl_ebpfaudit; echo "${COMPREPLY[*]}"
        }
        ask record web; ask record dep; ask record --namespace = sh; ask record -n shop web-0 --container = ""
        ask show --audit-log; ask record -w ""
    """
    path = ROOT / "kubectl_ebpfaudit/completion/scripts/bash.sh"
    done = subprocess.run(
        ["bash", "-c", script, "bash", path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines() == [
        "web-0 web-1",
        "compopt -o nospace",
        "deploy/",
        "shop",
        "main mesh",
        "",
        "compopt -o default",
        "",
    ]
