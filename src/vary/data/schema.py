"""The sample that every engine makes, and the Parquet file that holds many of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from vary.errors import InputError
from vary.extras import require

KINDS = ("document", "chart", "natural", "conversation")
SIDES = ("x0", "y0", "x1", "y1")
FORMATS = ("text", "markdown", "latex", "dict", "caption", "answer")

# Samples per row group: a reader holds one group in memory, and pages weigh about 200 KiB each.
ROW_GROUP_SAMPLES = 8


@dataclass(frozen=True)
class EncodedImage:
    """An image file in memory.

    Attributes:
        bytes: the encoded file (PNG, WebP or JPEG).
        path: a name for it, with the suffix of its format; nothing need lie there.
        width: px.
        height: px.
    """

    bytes: bytes
    path: str
    width: int
    height: int


@dataclass(frozen=True)
class Word:
    """A word and where it stands.

    Attributes:
        image: index into the sample's images.
        text: the characters as drawn. In scripts without spaces each character is a word.
        x0, y0, x1, y1: px, half-open, around the ink; integers, so that they survive any format.
    """

    image: int
    text: str
    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``<image>`` stands in the content where an image does."""

    role: str
    content: str


@dataclass(frozen=True)
class Sample:
    """Images and what a model shall say about them: one row of every data set of this package.

    Attributes:
        id: engine / seed / index, or the source's own id: unique and reproducible.
        images: 0..n encoded images.
        kind: one of `KINDS`.
        language: ``en``, ``zh``, ... or empty.
        format: one of `FORMATS`: how `text` is written.
        text: the target; empty for conversations.
        messages: a conversation; empty for all other kinds.
        words: word boxes, or None where the engine does not know them.
        source: file and page the content came from, licence where known.
        meta: a JSON object with what only this engine knows.
    """

    id: str
    images: tuple[EncodedImage, ...]
    kind: str
    language: str
    format: str
    text: str
    messages: tuple[Message, ...] = ()
    words: tuple[Word, ...] | None = None
    source: str = ""
    meta: str = field(default="{}")

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"kind {self.kind!r} of {self.id!r}: must be one of {', '.join(KINDS)}"
            )
        if self.format not in FORMATS:
            raise ValueError(
                f"format {self.format!r} of {self.id!r}: must be one of {', '.join(FORMATS)}"
            )


# The columns of a file, in order: the fields of `Sample`, and the images' sizes beside the images.
COLUMNS = tuple(
    column
    for name in (f.name for f in fields(Sample))
    for column in ((name, "image_sizes") if name == "images" else (name,))
)


def row_from_sample(sample: Sample) -> dict[str, Any]:
    """Return a sample as the Parquet row (plain Python values) that holds it.

    The images' sizes get a column of their own: `datasets` shows a column as images only where
    its struct is exactly {bytes, path}.
    """
    row = asdict(sample)
    sizes = [{"width": image.width, "height": image.height} for image in sample.images]
    images = [{"bytes": image.bytes, "path": image.path} for image in sample.images]
    return {**row, "images": images, "image_sizes": sizes}


def sample_from_row(row: dict[str, Any]) -> Sample:
    """Return the sample that a Parquet row (as plain Python values) holds."""
    values = dict(row)
    sizes = values.pop("image_sizes")
    images = zip(values["images"], sizes, strict=True)
    values["images"] = tuple(EncodedImage(**image, **size) for image, size in images)
    values["messages"] = tuple(Message(**message) for message in values["messages"])
    if values["words"] is not None:
        values["words"] = tuple(Word(**word) for word in values["words"])
    return Sample(**values)


def arrow_schema() -> Any:
    """Return the Arrow schema of a file of samples, with the ``huggingface`` features."""
    pa = require("pyarrow", extra="data")
    nested = {
        "images": {"bytes": pa.binary(), "path": pa.string()},
        "image_sizes": {"width": pa.int32(), "height": pa.int32()},
        "messages": {"role": pa.string(), "content": pa.string()},
        "words": {"image": pa.int32(), "text": pa.string(), **dict.fromkeys(SIDES, pa.int32())},
    }
    columns = [
        (name, pa.list_(pa.struct(list(nested[name].items()))) if name in nested else pa.string())
        for name in COLUMNS
    ]
    return pa.schema(columns, metadata={"huggingface": json.dumps(huggingface_features())})


def huggingface_features() -> dict[str, Any]:
    """Return the feature description that `datasets` reads from a Parquet file's metadata."""
    string, integer = ({"dtype": dtype, "_type": "Value"} for dtype in ("string", "int32"))
    features: dict[str, Any] = dict.fromkeys(COLUMNS, string)
    features["images"] = [{"_type": "Image"}]
    features["image_sizes"] = [{"width": integer, "height": integer}]
    features["messages"] = [{"role": string, "content": string}]
    features["words"] = [{"image": integer, "text": string, **dict.fromkeys(SIDES, integer)}]
    return {"info": {"features": features}}


def write_samples(samples: Sequence[Sample], path: Path) -> None:
    """Write samples into one Parquet file; the same samples give the same bytes.

    Bytes depend on the version of pyarrow, which a generated set's manifest therefore names.
    """
    pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    table = pa.Table.from_pylist(
        [row_from_sample(sample) for sample in samples], schema=arrow_schema()
    )
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP_SAMPLES,
        compression="zstd",
        use_dictionary=["kind", "language", "format", "source"],
    )


def read_samples(path: Path) -> Iterator[Sample]:
    """Yield the samples of one Parquet file, one row group in memory at a time.

    Raises:
        InputError: the file is missing, is not Parquet or has other columns.
    """
    yield from map(sample_from_row, read_rows(path))


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of samples as plain Python values, one row group in memory.

    Args:
        path: the Parquet file.
        columns: the only ones to be read; None: all.

    Raises:
        InputError: the file is missing, is not Parquet or has other columns.
    """
    pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    try:
        with pq.ParquetFile(path) as file:
            check_columns(file.schema_arrow, path)
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=columns).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error


def check_columns(schema: Any, path: Path) -> None:
    """Raise `InputError` where a file's Arrow schema is not that of `Sample`."""
    expected = arrow_schema()
    wrong = [
        column.name
        for column in expected
        if schema.get_field_index(column.name) < 0 or schema.field(column.name).type != column.type
    ]
    extra = [name for name in schema.names if expected.get_field_index(name) < 0]
    if wrong or extra:
        raise InputError(
            f"{path}: not a file of samples (missing or of another type: {wrong or 'none'}; "
            f"unknown: {extra or 'none'}); make it again with `vary data`"
        )
