"""The ledger on SQLAlchemy Core: one set of statements, on SQLite here."""
