DROP TABLE imported_rows;
DROP TABLE import_sources;
DROP TYPE import_outcome;
