"""A share of things by their own names: the same ones whatever stands beside them."""

import hashlib
from collections.abc import Collection


def share_by_hash(names: Collection[str], share: float) -> frozenset[str]:
    """Return about a share of names, by their own hash: the same ones whatever stands beside them.

    At least one is returned, and where there are two or more at least one is not.

    Args:
        names: at least one; equal ones count once.
        share: between 0 and 1.
    """
    places = {
        name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
        for name in names
    }
    chosen = frozenset(name for name, place in places.items() if place < share)
    if chosen and len(chosen) < len(places):
        return chosen
    return frozenset({min(places, key=places.__getitem__)})
