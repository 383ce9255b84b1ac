"""Reads recordings: timeline, screen, player, search, exports. Needs neither a cluster nor BPF."""
