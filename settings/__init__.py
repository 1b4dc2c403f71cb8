"""The profiles of this project, for the user to edit."""
