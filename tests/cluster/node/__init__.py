"""A real Kubernetes on this machine, in namespaces of its own, for the cluster tests.

`Node.start()` runs etcd, containerd, the API server, its controllers, a scheduler and a kubelet.
`Node.stop()`, or the next start after a crash, leaves nothing behind.

What a node is made of: `place` (its name, files, cgroup and namespaces), `config` (what its programs read),
`machine` (a kubelet with its containerd), `control_plane` (the rest), `programs` (how processes are run), `leftovers`
(how all of it goes away).
"""

from tests.cluster.node.node import Command, Node
from tests.cluster.node.requirements import Missing

__all__ = ["Command", "Missing", "Node"]
