"""What is made of a job's files, for people and for other programs."""
