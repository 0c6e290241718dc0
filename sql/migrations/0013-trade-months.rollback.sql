DROP TABLE trade_month_parts;
DROP TABLE trade_months;
