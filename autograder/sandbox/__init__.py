"""Where student code runs: in a sandbox, in forks of a fork server."""
