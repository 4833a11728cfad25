"""Boxes in pixels, and how much two of them are the same."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def overlap(first: Box, second: Box, edge: float = 0.0) -> float:
    """Intersection over union.

    Args:
        edge: 1 where right and bottom are the last pixels inside, 0 where they are the first outside.

    Returns:
        0 to 1; 0 where a box has no area.
    """
    width = min(first[2], second[2]) - max(first[0], second[0]) + edge
    height = min(first[3], second[3]) - max(first[1], second[1]) + edge
    areas = [(box[2] - box[0] + edge, box[3] - box[1] + edge) for box in (first, second)]
    if width <= 0 or height <= 0 or min(min(sides) for sides in areas) <= 0:
        return 0.0
    both = width * height
    return both / (sum(across * down for across, down in areas) - both)
