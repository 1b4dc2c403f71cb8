"""The spiders of this package."""
