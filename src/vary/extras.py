"""Optional dependencies, imported where they are needed and named where they are missing."""

import importlib
from types import ModuleType

from vary.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Return an optional module, or say in one line how to install it.

    Args:
        module: the module's import name, such as ``rapidfuzz``.
        extra: the extra of this package that brings it, such as ``eval``.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{module} is not installed; it comes with: pip install 'vary[{extra}]'"
        ) from error
