"""Photographs on disk: found, read safely, and where things are in what a model sees of them."""
