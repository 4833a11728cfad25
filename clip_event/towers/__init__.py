"""A model's two towers: any open_clip model loaded, its texts and photographs encoded, what of it trains."""
