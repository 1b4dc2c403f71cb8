"""A second TMAPI for tests, written from shared evidence alone: it knows nothing of the crawl."""
