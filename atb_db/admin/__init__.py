"""Admin commands: functions with typed results, without a terminal."""
