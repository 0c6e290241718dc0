DROP TABLE order_day_parts;
DROP TABLE order_days;
