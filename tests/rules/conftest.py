"""Hypothesis without a stopwatch: the machines that run this are busy, and a slow example is not a wrong one."""

from hypothesis import settings

settings.register_profile("rules", deadline=None, max_examples=100)
settings.load_profile("rules")
