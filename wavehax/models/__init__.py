"""Shipped models, each a .safetensors and a card; `locate` finds these and any other."""
