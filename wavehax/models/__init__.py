"""Shipped models: one .safetensors and one card each."""
