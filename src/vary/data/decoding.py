"""Pictures of samples, decoded."""

import io

from PIL import Image

from vary.data.schema import EncodedImage
from vary.errors import InputError


def decode(image: EncodedImage) -> Image.Image:
    """Return an encoded image, read to its end.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        picture = Image.open(io.BytesIO(image.bytes))
        picture.load()
    except Exception as error:  # a broken picture can raise anything
        raise InputError(f"{image.path}: cannot be decoded ({error})") from error
    return picture
