"""Marking by hand: one submission with its checks, a comment, other points and why, in nbgrader's own tables."""
