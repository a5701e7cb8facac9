"""`pairs`: pictures with captions: COCO's, img2dataset's, webdataset's, LAION-COCO's.

Layout:  `captions_*.json` of COCO; tar archives of x.jpg, x.txt, x.json; Parquet with the pictures
         in it (img2dataset ``--output_format parquet``, Hugging Face) or in folders beside it
         (``--output_format files``). LAION-COCO itself holds addresses only: download it with
         img2dataset first.
"""

from dataclasses import dataclass
from pathlib import Path

from vary.data.importers.base import ImportConfig, ImportEngine, Layout
from vary.data.importers.coco import CocoCaptionLayout, coco_folders
from vary.data.importers.pair_parquet import PairParquetLayout
from vary.data.importers.pair_tar import PairTarLayout
from vary.data.importers.pictures import PictureFolders
from vary.errors import InputError


@dataclass(frozen=True)
class PairsConfig(ImportConfig):
    """How pictures with captions are imported.

    Attributes:
        caption_key: column (or key) of the captions; empty: caption, top_caption, text or TEXT,
            the first that is there.
        one_caption: of COCO's captions one for each picture, by lot, instead of all of them.
    """

    caption_key: str = ""
    one_caption: bool = False

    @property
    def folders(self) -> PictureFolders:
        """Where pictures are looked for that the source does not hold itself."""
        first = _files(self.source)[0]
        beside = coco_folders(first.parent) if first.suffix == ".json" else [first.parent]
        return PictureFolders(self.images or beside)


def build_pairs_engine(config: PairsConfig) -> ImportEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: the source cannot be read.
    """
    return ImportEngine("pairs", config, _layout(config))


def _layout(config: PairsConfig) -> Layout:
    files = _files(config.source)
    suffix = files[0].suffix.lower()
    if suffix == ".tar":
        return PairTarLayout(files, config.caption_key)
    if suffix == ".parquet":
        return PairParquetLayout(files, config.caption_key)
    if suffix == ".json":
        return CocoCaptionLayout(files[0], config.encoding, one=config.one_caption)
    raise InputError(f"{files[0]}: give a .json of COCO, .tar or .parquet files, or their folder")


def _files(source: Path) -> list[Path]:
    """Return a file, or a folder's archives, its Parquet files, or its one file of captions."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source}: there is no such file or folder")
    # img2dataset writes a list in Parquet beside each archive: the archives come first.
    for pattern in ("*.tar", "*.parquet"):
        found = sorted(source.glob(pattern))
        if found:
            return found
    found = sorted({*source.glob("captions*.json"), *source.glob("annotations/captions*.json")})
    if len(found) == 1:
        return found
    names = ", ".join(path.name for path in found) or "no .tar, .parquet or captions*.json"
    raise InputError(f"{source}: holds {names}; give the file or folder that is meant")
