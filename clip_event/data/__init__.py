"""Training data of every kind as records by number, and batches of them."""
