"""Where student code runs: behind a wall, in forks of a warm process."""
