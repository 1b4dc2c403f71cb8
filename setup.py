"""What scrapyd-deploy builds its egg by; everything else builds by pyproject.toml alone.

It would write one itself, whose entry point (where the settings are) setuptools leaves out in
favour of those of pyproject.toml.
"""

from setuptools import Distribution, find_packages, setup


class Project(Distribution):
    """Adds the settings of scrapy.cfg's default profile to the entry points of pyproject.toml."""

    def parse_config_files(self, *args, **options):
        super().parse_config_files(*args, **options)
        self.entry_points = {**self.entry_points, "scrapy": ["settings = settings.local"]}


setup(
    distclass=Project,
    packages=find_packages(include=["settings", "tmapi_spiders", "tmapi_spiders.*"]),
    package_data={"tmapi_spiders": ["py.typed", "**/*.lua", "**/*.jinja", "gallery/assets/*"]},
)
