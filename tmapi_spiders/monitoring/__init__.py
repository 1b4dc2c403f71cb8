"""Monitors: what is judged of a job when it has ended, and who is told, with spidermon."""
