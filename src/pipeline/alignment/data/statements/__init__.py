"""Answered questions as statements, and the same questions with a wrong answer."""
