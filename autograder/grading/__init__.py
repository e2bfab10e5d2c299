"""The trusted side: repairs, runs, checks and records submissions. It never runs a line of a student's."""
