"""A course directory: what was handed in, settings, releases, nbgrader's gradebook."""

from autograder.compat import address_grammar as _  # noqa: F401 - each command starts a second sooner
