"""Hostile text in tables, command lines, JSON and YAML."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_ebpfaudit.printing import as_json, as_yaml
from replay.escape import is_exact, printable, shell_line, shell_word, text

HOSTILE = "\x1b[31m\x9b6n\u202eevil\u2066\n\r\t\0\x7f\u200b\ufeff\U000e0041\u2028"


def test_text_has_bytes_that_are_not_utf8_as_escapes() -> None:
    assert text(b"caf\xe9 \xc3\xa9") == "caf\\xe9 é"
    assert text("caf\udce9") == "caf\\xe9"


def test_text_that_is_not_exact_is_known_as_such() -> None:
    assert is_exact("é\\xe9".encode())
    assert not is_exact(b"\xe9")


def test_a_table_cell_is_one_line_that_only_draws() -> None:
    shown = printable(HOSTILE)
    assert shown.isprintable()
    assert shown.startswith("\\x1b[31m\\u009b6n\\u202eevil\\u2066\\n\\r\\t\\x00")


@given(st.binary())
def test_whatever_it_is_a_table_cell_only_draws(value: bytes) -> None:
    assert printable(value).isprintable()


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (b"ls", "ls"),
        (b"", "''"),
        (b"a b", "'a b'"),
        (b"it's", "'it'\"'\"'s'"),
        (b"a\nb", "$'a\\nb'"),
        (b"\x1b[31m", "$'\\e[31m'"),
        (b"\xff", "$'\\377'"),
        ("é".encode(), "'é'"),
        ("\u202e".encode(), "$'\\u202e'"),
    ],
)
def test_a_word_is_quoted_as_a_shell_needs_it(word: bytes, shown: str) -> None:
    assert shell_word(word) == shown


@given(st.lists(st.binary(max_size=20).filter(lambda b: 0 not in b), max_size=4))
def test_a_command_line_only_draws(words: list[bytes]) -> None:
    assert shell_line(tuple(words)).isprintable()


def test_bash_reads_a_command_line_back_as_the_same_bytes() -> None:
    bash = shutil.which("bash")
    assert bash
    words = [
        b"a b",
        b"it's",
        b"x\ny\t\x1b[31m",
        b"\xff\xfe0",
        "é\u202e\U0001f642".encode(),
        b"$HOME `id` \\",
        b"",
    ]
    script = f"printf '%s\\0' {shell_line(tuple(words))}"
    ran = subprocess.run([bash, "-c", script], capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True)
    assert ran.stdout.split(b"\0")[:-1] == words


@pytest.mark.parametrize("value", [HOSTILE, "plain", "é", "- x: {", "'\"\\"])
def test_json_and_yaml_are_safe_to_print_and_mean_the_same(value: str) -> None:
    document = {"key": [value, {value: value}]}
    for shown, back in ((as_json(document), json.loads), (as_yaml(document), yaml.safe_load)):
        assert all(line.isprintable() for line in shown.split("\n"))
        assert back(shown) == document


def test_what_passes_without_a_look_can_be_printed() -> None:
    every = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if not "\ud800" <= c <= "\udfff")
    assert printable(every).isprintable()
    kept = "".join(c for c in every if c.isprintable())
    assert printable(kept) == kept
