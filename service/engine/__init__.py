"""Engines: `embedded` for one process over the ledger's own table, `procrastinate` for any number on Postgres."""
