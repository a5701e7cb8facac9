"""Make training pages from a text and a few fonts, write them as a shard, and look at one.

Run: python examples/make_pages.py [FOLDER], by default a new temporary folder
"""

import sys
import tempfile
from pathlib import Path

import matplotlib

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import make_sample
from vary.data.engines.page.engine import PageConfig, PageEngine
from vary.data.fonts import FontLibrary
from vary.data.schema import read_samples, write_samples

ARTICLE = Path(__file__).parent / "documents" / "article.txt"
# Fonts that are there wherever matplotlib is; `FontLibrary.discover()` takes the system's.
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
NUM_PAGES = 2
SEED = 1


def build_engine() -> PageEngine:
    """Return an engine that composes small pages from the paragraphs of the article."""
    blocks = ARTICLE.read_text(encoding="utf-8").split("\n\n")
    paragraphs = [Paragraph(" ".join(block.split()), source=ARTICLE.name) for block in blocks]
    config = PageConfig(text=ARTICLE.parent, dpi=(96, 120), sizes=("book",), columns=(1, 2))
    fonts = FontLibrary.discover([FONTS], include=["DejaVu S*"])
    return PageEngine(config, TextCorpus(paragraphs), fonts)


def main(folder: Path) -> None:
    """Write pages and print what came out."""
    engine = build_engine()
    shard = folder / "part-00000.parquet"
    # The seed and the index make the page: any of them can be made again alone.
    write_samples([make_sample(engine, SEED, index) for index in range(NUM_PAGES)], shard)
    for sample in read_samples(shard):
        image = sample.images[0]
        (folder / image.path).write_bytes(image.bytes)
        print(f"{sample.id}: {image.width} x {image.height} px, {len(sample.words or ())} words")
        print("  " + sample.text[:200].replace("\n", "\n  "))
    print(f"in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="vary-")))
