"""Judges a job once it has ended, and notifies people, with spidermon."""
