"""Every way out of a recording, with every attack in every place: what comes out only draws."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.attacks import OUTPUT
from tests.support.attacked import attacked_log
from tests.support.cli import Cli


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one recording that has all attacks in all places, and file names that are some."""
    home = tmp_path_factory.mktemp("attacks")
    store = home / "recordings"
    store.mkdir()
    attacked_log().save(store / "attacks.ebpfaudit", split=500)
    hostile = os.fsencode(store) + b"/" + "a\x1b]0;x\x07\u202e".encode() + b"\xff$(id).ebpfaudit"
    Path(os.fsdecode(hostile)).write_bytes((store / "attacks.ebpfaudit").read_bytes()[:-5])
    return home


VERBS = [
    "list", "list -o wide", "list -o json", "list -o yaml", "list -o name",
    "show attacks", "show attacks -o wide", "show attacks -o json", "show attacks -o yaml", "show attacks --hidden",
    "search . --in argv,input,output", "search . --in argv,output -o json -C 2 attacks",
    "search x -l", "search x --count", "search . attacks --in screen",
    "replay attacks", "verify attacks", "verify attacks -o json", "export attacks --format jsonl",
    "export attacks --format ecs", "export attacks --format ocsf", "export attacks --format asciicast",
    "prune --older-than 0s --dry-run", "delete nosuch a", "delete attacks --dry-run",
]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_what_comes_out_only_draws(cli: Cli, attacked: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(attacked))
    ran = cli(*verb.split())
    out = ran.out.decode()  # strictly: nothing that is no UTF-8
    assert out or ran.err
    for line in (*out.split("\n"), *ran.err.split("\n")):
        assert line.replace("\t", "").isprintable(), ascii(line[:2000])
    if "json" in verb.split()[-1:]:
        json.loads(out)


def test_what_is_printed_between_attacks_is_there(cli: Cli, attacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(attacked))
    assert cli("replay", "attacks").text.count("marker\n") == len(OUTPUT) + 1
    found = json.loads(cli("search", "^marker$", "attacks", "--in", "screen,output", "-o", "json").out)
    assert len(found) >= len(OUTPUT)


def test_a_report_has_no_markup_of_the_attacker(
    cli: Cli, attacked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(attacked))
    assert cli("export", "attacks", "--format", "html", "-w", tmp_path / "r.html").code in (0, 3)
    page = (tmp_path / "r.html").read_text()
    for sign in ("<img src=x", "<svg/onload", "</script><script>alert", "\u202e", "\x9b"):
        assert sign not in page


def test_a_jump_can_be_pasted_into_a_shell(cli: Cli, attacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(attacked))
    found = json.loads(cli("search", "marker", "--in", "output", "-m", "1", "-o", "json").out)
    lines = [
        line for line in cli("search", "marker", "--in", "output", "-m", "1").text.splitlines() if "replay" in line
    ]
    assert len(lines) == len(found) == 2
    for line in lines:
        script = f"set -- {line}; printf '%s\\0' \"$@\""
        words = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.split(b"\0")
        assert words[:3] == [b"kubectl", b"ebpfaudit", b"replay"]
        name = os.fsdecode(words[3]).removesuffix("/1")
        assert (attacked / "recordings" / f"{name}.ebpfaudit").exists()
