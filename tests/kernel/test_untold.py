"""Pipes and terminals that end while the ring has no room for it: they are in nobody's way."""

from tests.support import untold


def test_a_pipe_that_ends_untold_as_the_recorder_forgets_it_leaves_the_others_watched(node: None) -> None:
    assert untold.told("pipe") == {
        "forgotten": False,
        "left": {"closed": True, "bytes": len(b"late")},
        "forgotten again": True,
        "other": len(b"through"),
    }


def test_a_terminal_that_ended_untold_gets_nothing_of_the_one_that_has_its_memory(node: None) -> None:
    assert untold.told("terminal") == {
        "first": {"closed": True, "in_bytes": 0},
        "next": {"closed": False, "in_bytes": 1},
    }
