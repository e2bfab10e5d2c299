"""The trusted side: repairs, runs, checks and records submissions. It never runs a line of a student's."""

from autograder.compat import address_grammar as _  # noqa: F401 - each process starts a second sooner
