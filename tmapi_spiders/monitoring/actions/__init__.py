"""Spidermon's actions, changed to send this package's message."""
