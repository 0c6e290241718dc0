"""Exports: everything of sessions as files with a manifest, written whole or not at all, and taken back."""
