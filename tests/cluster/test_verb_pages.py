"""The pages of the verbs that need a cluster show what these print; `EBPFAUDIT_VERB_PAGES=1` writes them anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_ebpfaudit.cluster.pod import DEFAULT_NAMESPACE
from tests.cluster import verb_pages
from tests.cluster.commands import run
from tests.cluster.conftest import Victim, _pod
from tests.cluster.node import Node


@pytest.fixture
def shop(node: Node) -> Iterator[Node]:
    """The cluster with the pod of the examples."""
    victim = Victim(verb_pages.NAMESPACE, verb_pages.POD)
    node.kubectl("create", "namespace", victim.namespace)
    node.apply(_pod(victim), namespace=victim.namespace)
    node.wait_ready(victim.pod, namespace=victim.namespace)
    run(node, "cleanup", "--all")  # the pages begin in a cluster that knows no recorder
    node.kubectl("wait", "--for=delete", f"namespace/{DEFAULT_NAMESPACE}", "--timeout=60s")
    yield node
    node.kubectl("delete", "namespace", victim.namespace, "--wait=false")


@pytest.mark.slow
def test_the_pages_show_what_their_command_lines_print_in_a_cluster(shop: Node, tmp_path: Path) -> None:
    differ = {}
    for verb in verb_pages.ORDER:
        shown = verb_pages.examples(verb)
        printed = [verb_pages.play(shop, block, tmp_path) for block in shown]
        if verb_pages.wants_to_write():
            verb_pages.write(verb, printed)
        elif [verb_pages.form(b, verb) for b in shown] != [verb_pages.form(b, verb) for b in printed]:
            differ[verb] = printed
    assert not differ
