"""Caches that stay behind when their object goes to another process."""

from functools import _lru_cache_wrapper
from typing import Any


class WithCaches:
    """Pickles without the caches of `functools`, and begins them anew where it arrives."""

    def _begin_caches(self) -> None:
        """Set the caches; called by the constructor and after unpickling."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without caches, which cannot be pickled."""
        return {k: v for k, v in vars(self).items() if not isinstance(v, _lru_cache_wrapper)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state and begin caches."""
        vars(self).update(state)
        self._begin_caches()
