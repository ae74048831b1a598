"""A model in use: its inputs checked, whole utterances, batches and streams."""
