"""Further recorders of a recording are like the one that runs, which says of itself how it was made."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kubectl_ebpfaudit.carrier import Order
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster import sibling
from kubectl_ebpfaudit.cluster.pod import Place
from kubectl_ebpfaudit.cluster.recorders import Recorder
from recorder.log.errors import AuditError

TARGET = {"namespace": "shop", "pod": "web", "container": "app"}
ORDER = Order([TARGET], duration=600.0, recording="1a2b3c4d-0000-4000-8000-000000000000")
ODD = Order(
    [TARGET],
    duration=600.0,
    recording=ORDER.recording,
    input=False,
    client_seconds=None,
    first_client_seconds=19.0,
    linger_seconds=17.0,
    spool_bytes=5 << 20,
    stream_limit=3,
    probes={"tty": ["kprobe"]},
    sessions=3,
)


def _pod(place: Place, order: Order, detached: bool = False) -> Any:
    return pods.manifest("ebpfaudit-1a2b3c4d-aaaa", place, order, pods.Notes("{}", detached))


@pytest.mark.parametrize("order", [ORDER, ODD])
@pytest.mark.parametrize(
    "place",
    [
        Place("node1"),
        Place("node1", "audit", "mirror/recorder@sha256:00", "Always", "secret", True, 1 << 30),
    ],
)
@pytest.mark.parametrize("detached", [True, False])
def test_recorder_on_another_node_is_made_in_the_same_way(place: Place, order: Order, detached: bool) -> None:
    made = _pod(place, order, detached)
    how = sibling.how(Recorder(made, {}))
    notes = pods.Notes("{}", how.detached)
    further = pods.manifest("ebpfaudit-1a2b3c4d-aaaa", how.place, how.order, notes)
    assert further["spec"].pop("nodeName") == ""
    assert made["spec"].pop("nodeName") == "node1"
    asked, of_own = (json.loads(pod["spec"]["containers"][0]["args"].pop()) for pod in (further, made))
    del asked["duration"], of_own["duration"]
    assert asked == {**of_own, "targets": []}
    assert how.order.duration == pytest.approx(order.duration, abs=2)
    for pod in (made, further):
        pod["metadata"]["annotations"].pop(pods.DEADLINE)
        pod["spec"].pop("activeDeadlineSeconds")
    assert further == made


def test_recorder_of_many_containers_says_how_it_was_made() -> None:
    many = replace(ODD, targets=[{**TARGET, "container_id": f"{number:064x}"} for number in range(2000)])
    how = sibling.how(Recorder(_pod(Place("node1"), many), {}))
    assert (how.order.probes, how.order.stream_limit) == (ODD.probes, ODD.stream_limit)


@pytest.mark.parametrize(
    "change",
    [
        lambda pod: pod["spec"].pop("containers"),
        lambda pod: pod["spec"]["containers"][0].update(args=[]),
        lambda pod: pod["spec"]["containers"][0].update(args=["--config", "[" * 100_000]),
        lambda pod: pod["spec"]["containers"][0].update(args=["--config", "7"]),
        lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].update(memory="much"),
        lambda pod: pod["metadata"]["annotations"].update({pods.DEADLINE: "soon"}),
        lambda pod: pod["metadata"]["annotations"].update({pods.DEADLINE: "2001-01-01T00:00:00Z"}),
    ],
)
def test_pod_that_does_not_say_so_or_whose_time_is_over_is_told(change: Any) -> None:
    made = _pod(Place("node1"), ORDER)
    change(made)
    with pytest.raises(AuditError):
        sibling.how(Recorder(made, {}))
