"""Measurements, run by `make bench`. None of them is a test: timing never fails one."""
