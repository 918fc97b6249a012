"""Answered questions as statements."""
