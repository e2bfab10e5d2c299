"""Notebooks that try to get points they did not earn, by what they try."""
