"""A second TMAPI for tests, written only from shared evidence, independent of the crawl."""
