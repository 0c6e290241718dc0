"""Backups that prove themselves: made, listed, checked, restored, and drilled."""
