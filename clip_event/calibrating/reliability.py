"""Whether probabilities mean what they say: calibration error, and accuracy where only the surest are answered."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 15
POINTS = 20


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error, 0 to 1: how far confidence and accuracy are apart, over bins of equal width.

    Args:
        confidence: (N,), 0 to 1, of the answers; 1 belongs to the last bin.
        right: (N,), whether each was right.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    apart = np.bincount(bin_of, confidence - right, minlength=bins)
    return float(np.abs(apart).sum() / len(confidence))


def risk_coverage(confidence: Floats, right: NDArray[np.bool_], points: int = POINTS) -> list[tuple[float, float]]:
    """(share of photographs that are answered, accuracy among them), the surest first; the last is (1, accuracy).

    References:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010.
    """
    sorted_right = right[np.argsort(-confidence, kind="stable")]
    counts = np.unique(np.ceil(len(right) * np.arange(1, points + 1) / points).astype(int))
    return [(float(count / len(right)), float(sorted_right[:count].mean())) for count in counts]
