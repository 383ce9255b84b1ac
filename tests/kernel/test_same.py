"""The session that guests record on other kernels gives the same events here (tests/guest/test_kernels.py)."""

from tests.support import same


def test_one_scripted_session_gives_the_same_events_as_everywhere(node: None) -> None:
    told = same.record()
    assert told["wrong"] == []
    assert told["events"] == same.EXPECTED
