"""A model asked about photographs: which event, who plays which role, where, and how well a text fits."""
