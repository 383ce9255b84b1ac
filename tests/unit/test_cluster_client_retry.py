"""When a connection that dropped is made again: soon, ever more rarely, and not for ever."""

import pytest

from kubectl_ebpfaudit.cluster.retry import JITTER, LAST_PAUSE, STABLE_SECONDS, Retry


class Clock:
    """Shows `now`, seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retry(clock: Clock) -> Retry:
    return Retry(60, clock)


def test_first_attempt_is_due_at_once(retry: Retry) -> None:
    assert retry.due_in == 0
    assert not retry.expired


def test_pauses_double_up_to_a_limit(retry: Retry, clock: Clock) -> None:
    pauses = []
    for _ in range(7):
        retry.attempt()
        pauses.append(retry.due_in)
        clock.now += retry.due_in
    for pause, least in zip(pauses, [0.25, 0.5, 1, 2, 4, LAST_PAUSE, LAST_PAUSE], strict=True):
        assert least <= pause <= least * (1 + JITTER)


def test_attempts_that_all_fail_are_given_up(retry: Retry, clock: Clock) -> None:
    retry.attempt()
    clock.now += 60
    assert not retry.expired
    clock.now += 1
    assert retry.expired


def test_connection_that_works_begins_anew(retry: Retry, clock: Clock) -> None:
    retry.attempt()
    retry.attempt()
    retry.works()
    clock.now += 1000
    assert not retry.expired
    retry.attempt()
    assert 0.25 <= retry.due_in <= 0.25 * (1 + JITTER)


def test_connection_that_held_was_a_good_one_though_nothing_came(retry: Retry, clock: Clock) -> None:
    retry.attempt()
    clock.now += 3600
    retry.dropped(3600)
    assert not retry.expired
    assert retry.due_in == 0


def test_connections_that_drop_at_once_are_given_up(retry: Retry, clock: Clock) -> None:
    for _ in range(20):
        retry.attempt()
        clock.now += LAST_PAUSE
        retry.dropped(STABLE_SECONDS - 1)
    assert retry.expired
