"""What Alembic runs to apply migrations: always on the connection, and in the transaction, of `migrate`."""

from alembic import context

from service.ledger import batch_schema

context.configure(connection=context.config.attributes["connection"], target_metadata=batch_schema.items.metadata)
context.run_migrations()
