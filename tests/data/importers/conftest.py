import io
import json

import pytest
from PIL import Image


def encoded(size=(40, 30), color=(200, 30, 30), kind="JPEG", mode="RGB", **options):
    """A small picture as a file in memory."""
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, format=kind, **options)
    return buffer.getvalue()


@pytest.fixture
def picture_file():
    return encoded


@pytest.fixture
def write_json():
    def write(path, value):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def put_picture(picture_file):
    def put(path, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_file(**options))
        return path

    return put


def made(engine, index, seed=0):
    """The sample of an index, or reason and detail of its reject."""
    from vary.data.engines.base import Reject, make_sample

    try:
        return make_sample(engine, seed, index)
    except Reject as reject:
        return reject.reason, reject.detail


@pytest.fixture
def make():
    return made
