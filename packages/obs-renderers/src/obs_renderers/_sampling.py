"""Which rows or values a sample takes."""

from __future__ import annotations

__all__ = ["stride"]


def stride(total: int, most: int, *periods: int) -> int:
    """Return each how many-th is taken, so that no more than `most` of `total` are.

    It is a prime number: much data repeats itself each 2nd, 10th or 60th row, of which a number with such a divisor
    takes always the same ones.

    Args:
        total: How many there are.
        most: How many to take at most.
        *periods: After how many it is known to repeat itself, such as the number of an array's columns.

    Examples:
        >>> stride(100, 100), stride(1_000, 100), stride(1_000, 100, 11)
        (1, 11, 13)
    """
    step = max(1, -(-total // most))
    while step > 1 and not (_is_prime(step) and all(period % step for period in periods)):
        step += 1
    return step


def _is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))
