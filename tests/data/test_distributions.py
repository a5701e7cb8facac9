"""Counts, distributions and plots of a set."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from vary.data.distributions import MAX_VALUES, distribution, set_stats
from vary.data.engines.base import Reject
from vary.data.schema import EncodedImage, Message, Sample, Word
from vary.data.shards import Run, generate
from vary.data.stats_plots import write_plots
from vary.errors import InputError


@dataclass
class Ruler:
    """Texts of as many letters as the index has tens, on images as wide as the index."""

    name: str = "ruler"

    def sample(self, index, rng):
        if index % 10 == 9:
            raise Reject("nine $x$ <b>")
        meta = {"font": {"family": "serif" if index < 50 else "sans"}, "scale": index / 2,
                "tags": ["a", "b"], "at": [1, 2], "own": f"n {index}", "flag": True}  # fmt: skip
        image = EncodedImage(b"not looked at", "a.png", index + 1, 10)
        text = "ab" * (index // 10)
        words = (Word(0, "ab", 0, 0, 1, 1),) * 3 if index % 2 else None
        talk = (Message("user", "xyz"), Message("assistant", "q")) if index == 0 else ()
        kind = "conversation" if talk else "document"
        return Sample("", (image,), kind, "en", "text", text, talk, words, "book", json.dumps(meta))

    def length_hint(self, index):
        return 1

    def config(self):
        return {}


@pytest.fixture(scope="module")
def stats(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ruler") / "set"
    generate(Ruler, Run(folder, 100, 1, 32))
    return set_stats(folder), folder


def test_totals_are_those_of_the_samples(stats):
    found, folder = stats
    assert (found.engine, found.seed, found.count, found.samples) == ("ruler", 1, 100, 90)
    assert found.characters == sum(2 * (i // 10) for i in range(100) if i % 10 != 9) + 1
    assert found.words == 3 * 40
    assert found.images == 90
    assert found.distinct_characters == 3  # what the user of a conversation says is no target
    assert found.rejects == {"nine $x$ <b>": 10}
    assert found.size_bytes == sum(path.stat().st_size for path in folder.glob("*.parquet"))
    assert json.loads(json.dumps(found.as_dict()))["samples"] == 90


def test_distributions_are_those_of_numpy(stats):
    widths = [index + 1 for index in range(100) if index % 10 != 9]
    spread = stats[0].distributions["image width (px)"]
    assert (spread.fewest, spread.most, spread.number) == (1, 99, 90)
    assert spread.median == np.median(widths)
    assert spread.quarter == np.percentile(widths, 25)
    assert sum(spread.bins) == 90
    assert len(spread.edges) == len(spread.bins) + 1
    assert stats[0].distributions["meta scale"].most == 49
    assert "meta at" not in stats[0].distributions
    assert stats[0].distributions["turns"].number == 1


def test_equal_values_have_no_histogram():
    spread = distribution([3.0, 3.0])
    assert (spread.bins, spread.edges, spread.mean, spread.total) == ((), (), 3.0, 6.0)


def test_properties_are_counted_and_many_values_told(stats):
    counts, distinct = stats[0].counts, stats[0].distinct
    assert counts["kind"] == {"document": 89, "conversation": 1}
    assert counts["meta font.family"] == {"serif": 45, "sans": 45}
    assert counts["meta tags"] == {"a": 90, "b": 90}
    assert counts["meta flag"] == {"True": 90}
    assert (len(counts["meta own"]), distinct["meta own"]) == (MAX_VALUES, 90)


def test_plots_are_pictures_and_a_page(stats, tmp_path):
    page = write_plots(stats[0], tmp_path / "plots")
    names = {path.name for path in page.parent.glob("*.png")}
    assert {"characters.png", "reasons-of-drops.png", "meta-font.family-of-samples.png"} <= names
    text = page.read_text(encoding="utf-8")
    assert "nine $x$ &lt;b&gt;" in text
    assert text.count("data:image/png;base64,") == len(names)


def test_a_damaged_shard_is_named(tmp_path):
    generate(Ruler, Run(tmp_path, 5, 1, 5))
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(InputError, match=r"part-00000\.parquet: cannot be read.*vary data verify"):
        set_stats(tmp_path)
