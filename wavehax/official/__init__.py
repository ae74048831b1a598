"""Importing models of the authors' implementation."""
