"""What tests of result files share: which fields, whether bits are the same, damage to bytes."""

import numpy as np

FIELDS = ("rho", "U", "R", "first_variation", "times")


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Type, shape and every bit: signs of zeros too."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content with some of its bytes changed, moved, or cut off."""
    made, size = bytearray(content), len(content)
    start, length = int(random.integers(size)), int(random.integers(1, 300))
    match random.integers(5):
        case 0:
            made[start] ^= 1 << int(random.integers(8))
        case 1:
            made[start : start + length] = random.bytes(min(length, size - start))
        case 2:
            made[start : start + length] = b"\xff" * min(length, size - start)
        case 3:
            other = int(random.integers(size - length))
            made[start : start + length] = made[other : other + length]
        case 4:
            made[start:] = bytes(random.integers(2) * (size - start))
    return bytes(made)
