"""The profiles of this project: what a user edits."""
