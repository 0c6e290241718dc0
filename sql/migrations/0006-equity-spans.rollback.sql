DROP TABLE equity_rolls;
DROP TABLE equity_spans;
