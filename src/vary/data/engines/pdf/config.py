"""What the pdf engine makes, and from what."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vary.errors import VaryError

Language = Literal["en", "zh", "any"]
Target = Literal["lines", "paragraphs"]
ImageFormat = Literal["png", "jpeg", "webp"]
Order = Literal["shuffled", "listed"]

# Larger pictures need gigabytes in the worker and more in every reader.
MAX_LONG_SIDE_PX = 8192


@dataclass(frozen=True)
class PdfConfig:
    """What the pdf engine makes, and from what.

    Attributes:
        sources: PDF files, folders of them, tar archives, and lists (``*.txt``, a path a line).
        language: ``en``, ``zh``, or ``any``, which checks none.
        target: ``lines`` (as drawn, hyphens kept) or ``paragraphs`` (joined, hyphens undone).
        long_side_px: least and greatest length of the image's longer side.
        dpi: least and greatest resolution, in place of `long_side_px`.
        image: format of the image; ``jpeg`` and ``webp`` lose a little.
        quality: of jpeg and webp, 1-100.
        order: ``shuffled``: runs of a few pages by lot, the same lot for every seed; ``listed``:
            document after document.
        include, exclude: patterns of documents' names, folders in them too.
        min_characters, max_characters: bounds of a target.
        max_hidden: share of a page's characters that may be out of sight; they are left out.
        max_undecoded: share that may be glyphs without a Unicode value; they are left out.
        max_turned: share that may be turned or vertical; they are left out.
        min_type_px: least size of most of the type, em in pixels.
        drop: a list of `vary data index`; its pages are rejected.
        cache: folder of the cache of what documents hold; None: the user's cache folder.
        cpu_s: processor seconds that a page may take, and so may looking into a document.
        memory_mib: address space that a worker may take.
    """

    sources: tuple[Path, ...]
    language: Language = "en"
    target: Target = "lines"
    long_side_px: tuple[int, int] = (1024, 1024)
    dpi: tuple[int, int] | None = None
    image: ImageFormat = "png"
    quality: int = 90
    order: Order = "shuffled"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_characters: int = 100
    max_characters: int = 8000
    max_hidden: float = 0.01
    max_undecoded: float = 0.005
    max_turned: float = 0.02
    min_type_px: float = 6.0
    drop: Path | None = None
    cache: Path | None = None
    cpu_s: int = 30
    memory_mib: int = 1024

    def __post_init__(self) -> None:
        for name, kind in (
            ("language", Language),
            ("target", Target),
            ("image", ImageFormat),
            ("order", Order),
        ):
            if getattr(self, name) not in get_args(kind):
                allowed = ", ".join(get_args(kind))
                raise VaryError(f"{name} {getattr(self, name)!r}: allowed are {allowed}")
        if not self.sources:
            raise VaryError("no sources; give PDF files, folders, tar archives or lists")
        low, high = self.long_side_px
        if not 64 <= low <= high <= MAX_LONG_SIDE_PX:
            raise VaryError(
                f"long_side_px {low}-{high}: give two numbers from 64 to {MAX_LONG_SIDE_PX}, "
                "the lower first"
            )
        if self.dpi is not None and not 24 <= self.dpi[0] <= self.dpi[1] <= 600:
            raise VaryError(f"dpi {self.dpi}: give two numbers from 24 to 600, the lower first")
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not 1 <= self.quality <= 100:
            raise VaryError(f"quality {self.quality}: give 1 to 100")
        if not 0 <= self.min_characters <= self.max_characters:
            raise VaryError(
                f"min_characters {self.min_characters}, max_characters {self.max_characters}: "
                "give 0 or more, and no less"
            )
        for name in ("max_hidden", "max_undecoded", "max_turned"):
            if not 0 <= getattr(self, name) <= 1:
                raise VaryError(f"{name} {getattr(self, name)}: give a share from 0 to 1")
        if self.cpu_s < 1 or self.memory_mib < 256:
            raise VaryError(
                f"cpu_s {self.cpu_s}, memory_mib {self.memory_mib}: give at least 1 and 256"
            )

    def options(self) -> dict[str, Any]:
        """Return what decides the samples beside the inputs, as JSON values."""
        places = ("sources", "drop", "cache")
        return {name: value for name, value in asdict(self).items() if name not in places}
