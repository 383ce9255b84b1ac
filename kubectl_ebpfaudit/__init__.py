"""The kubectl plugin: records, lists, searches and replays what `kubectl exec` did in a container."""

__version__ = "0.1.0"
