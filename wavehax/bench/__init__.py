"""Measures the speed of models on this machine, and that of other programs beside them."""
