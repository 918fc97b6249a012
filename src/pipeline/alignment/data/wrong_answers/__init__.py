"""Answers that make a true statement a wrong one."""
