"""The agent with the BPF probes, in its pod or on this host; and `recorder.log`, the format it writes."""
