"""What each exchange's file says, as executions or trades; pure."""
