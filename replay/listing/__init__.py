"""An overview of recordings: what is known of each without reading it all; an index of it; a table of it, or data."""
