"""What may stand in a model's folder beside open_clip's own files."""

EVENT_CONFIG = "event_config.json"
"""How it was tuned: ontology, styles, settings, versions."""
PROMPT = "prompt.safetensors"
"""A learnt prompt."""
CALIBRATION = "calibration.json"
"""What was fitted on photographs whose event is known."""
