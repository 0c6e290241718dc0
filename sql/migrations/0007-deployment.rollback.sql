-- Takes back what 0007-deployment adds.
DROP TABLE deployment;
DROP TYPE environment;
