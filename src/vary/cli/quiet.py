"""What a command says to torch and transformers before it loads a model."""

import os


def settle_torch() -> None:
    """Keep a long reading small, and bars of loading off the terminal; imports transformers.

    Every shape of a matrix leaves a kernel in oneDNN's cache, and lines have many shapes: with its
    default of 1024 kernels a long document takes a gigabyte more.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
