"""The fine-tuner: configuration, losses, steps, checkpoints, evaluation meanwhile, and what a run writes of itself."""
