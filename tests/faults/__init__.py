"""Submissions that go wrong by accident or in malice, and what must be said of each."""
