"""What Alembic runs to apply migrations: always on the connection, and in the transaction, of `migrate`."""

from alembic import context

from service.ledger import batch_schema, limit_schema

_DECLARED = (batch_schema.items, limit_schema.limits)  # with the tables beside them, in one metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=_DECLARED[0].metadata)
context.run_migrations()
