"""How fast it is, side by side with what else one would use: `make bench`."""
