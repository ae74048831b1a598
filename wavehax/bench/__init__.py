"""Speed on this machine: of models, and of others beside them."""
