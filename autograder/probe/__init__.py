"""Checks that test themselves: wrong and right answers made from the solution, and what the checks say of them."""
