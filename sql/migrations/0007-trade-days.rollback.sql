DROP TABLE trade_day_parts;
DROP TABLE trade_days;
