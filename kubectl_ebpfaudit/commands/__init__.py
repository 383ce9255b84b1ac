"""One module a verb: its options, help and examples. What it does lies elsewhere."""
