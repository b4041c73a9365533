"""How Alembic reaches the index: by the connection that the server has opened."""

from alembic import context

from obs_ui.index.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
