"""HTTP below the download handler: connections, compression, ``Retry-After``.

Internal.
"""
