DROP TABLE exposure_history;
DROP TABLE correlation_history;
