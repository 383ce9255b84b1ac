"""Everything that talks to a cluster. The only importer of `kubernetes`, whose exceptions never leave it.

Importing that library takes half a second: only `api` does, and only who really needs a cluster imports that.
"""
