"""Finds a pattern in recordings: in what ran, what was typed, what came out, and what was on the screen."""
