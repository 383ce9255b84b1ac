"""Completes command lines for shells, quickly: nothing here may import the command line itself.

`words` says what is to be completed, `candidates` what it may be. Which verbs and options there are is in
commands.json, which `make help-texts` writes from the command line.
"""
