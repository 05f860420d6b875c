"""The ledger on SQLAlchemy Core: one set of statements for SQLite and Postgres."""
