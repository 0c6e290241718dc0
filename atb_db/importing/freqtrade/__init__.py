"""freqtrade's sqlite file: its trades replayed from their orders, its surroundings as events and snapshots."""
