"""What an engine says of itself to others: OpenTelemetry, Prometheus, logs in JSON. Nothing imports these by itself."""
