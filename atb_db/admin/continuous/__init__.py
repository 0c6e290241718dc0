"""Continuous protection: a server's write-ahead log, followed as it is written, and base backups to replay it on."""
