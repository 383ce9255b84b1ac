"""The digest of this version's image: a release has it here (scripts/release-files), a checkout has none."""

DIGEST = ""
"""`sha256:…` of the index with the images for all architectures."""
