"""The rules of a crawl, the same in one process and in workers, and the interfaces of a run.

Internal.
"""
