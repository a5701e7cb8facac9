"""What a user's mistake raises, so that the command line can tell it from a fault of ours."""


class VaryError(ValueError):
    """Something that the user gave cannot be used; the message names it and the way out."""


class InputError(VaryError):
    """A document, an image or a folder cannot be read."""


class MissingExtraError(VaryError, ImportError):
    """An optional part of the package is not installed."""


class MissingResourceError(VaryError, LookupError):
    """Data that a computation needs are not on this machine; the message says how to get them."""
