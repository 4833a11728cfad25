"""What photographs whose event is known teach about a model: probabilities, and types it takes for each other."""
