import hashlib
import importlib.util
import io
import json
from dataclasses import fields, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vary.data.schema import (
    COLUMNS,
    ROW_GROUP_SAMPLES,
    EncodedImage,
    Message,
    Sample,
    Word,
    arrow_schema,
    read_samples,
    write_samples,
)
from vary.errors import InputError


def png(width=20, height=10):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 255).save(buffer, "PNG")
    return EncodedImage(buffer.getvalue(), "a.png", width, height)


def samples():
    return [
        Sample(
            "page/0/0", (png(), png(8, 4)), "document", "en", "text", "two images",
            words=(Word(1, "two", 1, 2, 3, 4),), source="a.txt", meta='{"dpi": 72}',
        ),
        Sample(
            "talk/1", (), "conversation", "zh", "answer", "",
            messages=(Message("user", "好"), Message("assistant", "fine")),
        ),
        Sample("page/0/2", (png(),), "natural", "", "caption", "no words known"),
        Sample("page/0/3", (png(),), "document", "en", "text", "no word seen", words=()),
    ]  # fmt: skip


def test_what_is_written_is_read_back(tmp_path):
    write_samples(samples(), tmp_path / "part-00000.parquet")
    assert list(read_samples(tmp_path / "part-00000.parquet")) == samples()


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_samples(samples() * 40, tmp_path / name)
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a", "b")}
    assert len(digests) == 1


def test_a_reader_needs_one_row_group_at_a_time(tmp_path):
    write_samples(samples() * 40, tmp_path / "a")
    assert pq.ParquetFile(tmp_path / "a").num_row_groups == -(-160 // ROW_GROUP_SAMPLES)


def test_an_empty_file_has_the_columns(tmp_path):
    write_samples([], tmp_path / "a")
    assert list(read_samples(tmp_path / "a")) == []
    assert pq.read_schema(tmp_path / "a").names == list(COLUMNS)


def test_columns_are_the_fields_and_the_image_sizes():
    assert set(COLUMNS) == {f.name for f in fields(Sample)} | {"image_sizes"}


def test_huggingface_metadata_describes_every_column():
    schema = arrow_schema()
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    assert features["images"] == [{"_type": "Image"}]
    # The type that `datasets` gives an image: with any other field it would show plain structs.
    assert schema.field("images").type == pa.list_(
        pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="datasets is absent")
def test_datasets_loads_images_as_images(tmp_path):
    import datasets

    write_samples(samples(), tmp_path / "part-00000.parquet")
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(tmp_path / "part-00000.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded[0]["images"][1].size == (8, 4)
    assert loaded[0]["words"][0]["text"] == "two"


@pytest.mark.parametrize("field", ["kind", "format"])
def test_unknown_kinds_and_formats_are_refused(field):
    with pytest.raises(ValueError, match=r"'novel'.*must be one of"):
        replace(samples()[0], **{field: "novel"})


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read"):
        list(read_samples(tmp_path / "a.parquet"))
    with pytest.raises(InputError, match=r"b\.parquet: cannot be read"):
        list(read_samples(tmp_path / "b.parquet"))


def test_a_file_with_other_columns_is_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"], "pixels": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"images.*unknown: \['pixels'\]"):
        list(read_samples(tmp_path / "a.parquet"))
