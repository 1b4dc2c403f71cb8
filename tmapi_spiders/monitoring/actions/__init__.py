"""Spidermon's actions, with this package's message."""
