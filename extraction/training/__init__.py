"""Training of the reader: corpora to examples, losses, the recipe."""
