"""`make bench`: what recording costs and what it keeps, as ratios and counts from one run on this machine."""
