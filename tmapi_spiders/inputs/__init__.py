"""Spider arguments, seeds and the tables they come in, and queries."""
