"""Shipped models, one .safetensors and one card each, and where any model is."""
