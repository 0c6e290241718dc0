"""Importing what other programs recorded: files of trades, freqtrade, the incumbent; see docs/importing.md."""
