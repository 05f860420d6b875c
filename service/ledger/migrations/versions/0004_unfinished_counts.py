"""Only what is on its way is counted, so that no index of all deliveries is needed any more.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_index("deliveries_by_state", "deliveries")
