"""`vary vocab report`: the scores of a model with each vocabulary in turn taken away."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vary.data.manifest import replace_file
from vary.errors import InputError, VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.card import sha256
from vary.model.inspection import weight_files
from vary.probing.ablation import WHOLE, SeenImages, Variant, encode, see, variants_of
from vary.probing.answers import (
    CTC,
    CTC_TEXT,
    GENERATED,
    LM,
    Cell,
    Row,
    ctc_answers,
    error_of,
    generated_texts,
    language_model_losses,
    row_of,
)
from vary.probing.chunks import plan_items
from vary.probing.items import Item

_RUN, _RESPONSES = "run.json", "responses.jsonl"
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """How a report is made.

    Attributes:
        generate: also let the model write, and score its text.
        batch_size: rows of the language model at once.
        seed: of the lot by which images exchange tokens.
    """

    generate: bool = False
    batch_size: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """What was measured of one item.

    Attributes:
        id: of the item.
        unit: what is drawn together.
        group: kind and language.
        cells: variant -> score -> numerator and denominator.
        reason: why there is nothing; empty where there is.
    """

    id: str
    unit: str
    group: str
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    reason: str = ""


def load_model(
    folder: Path, device: torch.device, dtype: torch.dtype
) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a model of ours, in evaluation mode, and its processor.

    Raises:
        VaryError: the folder holds none, or it does not fit together.
    """
    try:
        processor = VaryProcessor.from_pretrained(folder, local_files_only=True)
        model, told = VaryForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    # The libraries raise what the damage leads to, down to a bare Exception by tokenizers.
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise VaryError(
            f"{folder} holds no model of ours that can be read ({reason}); give the folder of a "
            "checkpoint, such as vary merge or vary train writes"
        ) from error
    if told["missing_keys"]:
        missing = sorted(told["missing_keys"])
        raise VaryError(
            f"{folder} lacks {len(missing)} weights, such as {missing[0]}; copy it anew"
        )
    if len(processor.image_processor.rules) != len(model.vocabularies):
        raise VaryError(
            f"{folder} has {len(model.vocabularies)} vocabularies and image rules for "
            f"{len(processor.image_processor.rules)}; save the processor again with one for each"
        )
    return model.to(device).eval(), processor


def measure(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    items: Sequence[Item],
    out: "Folder",
    watch: Watch = lambda *_: None,
) -> tuple[list[Measured], dict[str, int]]:
    """Return what was measured of each item, and why others were left out.

    What lies in the folder is not measured again; what is measured is written at once.

    Args:
        model: in evaluation mode.
        processor: the model's.
        items: samples.
        out: where the answers go.
        watch: told of the progress.

    Raises:
        InputError: no item can be measured.
    """
    plan = plan_items(items, processor, out.options.seed)
    if not plan.num_items:
        raise InputError(f"nothing can be measured: {_reasons(plan.left_out)}")
    bench = _Bench(model, processor, out.options)
    done = out.read()
    with out.writer() as write:
        for number, chunk in enumerate(plan.chunks, start=1):
            if any(item.id not in done for item in chunk):
                for one in bench.measure(chunk):
                    if one.id not in done:
                        done[one.id] = one
                        write(one)
            watch("samples", number, len(plan.chunks))
    found = [done[item.id] for chunk in plan.chunks for item in chunk]
    left_out = Counter(plan.left_out)
    left_out.update(one.reason for one in found if one.reason)
    if all(one.reason for one in found):
        raise InputError(f"nothing could be measured: {_reasons(left_out)}")
    return [one for one in found if not one.reason], dict(left_out.most_common())


def _reasons(left_out: Mapping[str, int]) -> str:
    return "; ".join(f"{reason} ({number})" for reason, number in list(left_out.items())[:3])


class _Bench:
    """A model that is asked the same with all its vocabularies and without each."""

    def __init__(
        self, model: VaryForConditionalGeneration, processor: VaryProcessor, options: Options
    ) -> None:
        self.model, self.processor, self.options = model, processor, options
        self.variants = variants_of(len(model.vocabularies))
        self.alphabet: str = getattr(model.config.vocabularies[0], "ctc_alphabet", None) or ""
        positions = getattr(model.config.text_config, "max_position_embeddings", None)
        self.most_tokens = None if positions is None else int(positions)

    def measure(self, chunk: Sequence[Item]) -> list[Measured]:
        """Return what was measured of each item of a chunk; a bad one stops no other."""
        found: dict[str, Measured] = {}
        seen: dict[str, SeenImages] = {}
        rows: dict[str, Row] = {}
        for item in chunk:
            try:
                seen[item.id] = see(self.model, self.processor, item.read())
                rows[item.id] = self._row(item, seen[item.id])
            except (ValueError, OSError) as error:
                seen.pop(item.id, None)
                found[item.id] = Measured(item.id, item.unit, item.group, reason=str(error))
        good = [item for item in chunk if item.id in rows]
        cells: dict[str, dict[str, dict[str, Cell]]] = {item.id: {} for item in good}
        for variant in self.variants if good else []:
            given = self._given(variant, [seen[item.id] for item in good])
            if given is not None:
                for item, one in zip(good, self._scores(variant, good, given, rows), strict=True):
                    cells[item.id][variant.name] = one
        for item in good:
            found[item.id] = Measured(item.id, item.unit, item.group, cells[item.id])
        return [found[item.id] for item in chunk]

    def _row(self, item: Item, seen: SeenImages) -> Row:
        counts = [encode(self.model, [seen], WHOLE).counts[n] for n in range(len(seen.tokens))]
        return row_of(self.processor, item, counts, self.most_tokens)

    def _given(self, variant: Variant, seen: list[SeenImages]) -> list[SeenImages] | None:
        """Return what is fused: each item's own, or with the next one's tokens; None for one."""
        if variant.how != "shuffled" or variant.vocabulary is None:
            return seen
        if len(seen) < 2:
            return None
        others = [*seen[1:], seen[0]]
        return [
            own.with_other(variant.vocabulary, other)
            for own, other in zip(seen, others, strict=True)
        ]

    def _scores(
        self,
        variant: Variant,
        items: Sequence[Item],
        given: list[SeenImages],
        rows: Mapping[str, Row],
    ) -> list[dict[str, Cell]]:
        found: list[dict[str, Cell]] = []
        size = self.options.batch_size
        for start in range(0, len(items), size):
            part = items[start : start + size]
            encoded = encode(self.model, given[start : start + size], variant)
            asked = [rows[item.id] for item in part]
            losses = language_model_losses(self.model, self.processor, asked, encoded.tokens)
            scores: list[dict[str, Cell]] = [{LM: loss} for loss in losses]
            if encoded.ctc_logits is not None and len(encoded.counts) == len(part):
                truths = [item.text for item in part]
                for one, item, (loss, text) in zip(
                    scores, part, ctc_answers(encoded, truths, self.alphabet), strict=True
                ):
                    if loss is not None:
                        one[CTC] = loss
                    one[CTC_TEXT] = (error_of(text, item.text, item.format), 1.0)
            if self.options.generate:
                texts = generated_texts(self.model, self.processor, asked, encoded.tokens)
                for one, item, row, text in zip(scores, part, asked, texts, strict=True):
                    form = item.format if item.text else "answer"
                    one[GENERATED] = (error_of(text, row.truth, form), 1.0)
            found += scores
        return found


class Folder:
    """The folder of a report: what it is a report of, and answers as they come.

    Args:
        path: new, or of the same report.
        model: the checkpoint's folder.
        items: what is measured.
        options: how.

    Raises:
        VaryError: the folder holds a report of something else.
    """

    def __init__(self, path: Path, model: Path, items: Sequence[Item], options: Options) -> None:
        self.path, self.options = path, options
        own = _identity(model, items, options)
        try:
            path.mkdir(parents=True, exist_ok=True)
            known = path / _RUN
            if known.is_file():
                _compare(known, own)
            else:
                replace_file(known, json.dumps(own, indent=1).encode())
        except OSError as error:
            raise VaryError(f"--out {path} cannot be written ({error.strerror})") from error

    def read(self) -> dict[str, Measured]:
        """Return the answers that lie there; a line that was cut off is not one of them."""
        path = self.path / _RESPONSES
        found: dict[str, Measured] = {}
        whole = 0
        if not path.is_file():
            return found
        raw = path.read_bytes()
        for line in raw.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    break
                fields = json.loads(line)
                cells = {
                    variant: {name: (cell[0], cell[1]) for name, cell in scores.items()}
                    for variant, scores in fields.pop("cells").items()
                }
                found[fields["id"]] = Measured(**fields, cells=cells)
            except (ValueError, TypeError, KeyError):
                break
            whole += len(line)
        if whole < len(raw):
            path.write_bytes(raw[:whole])
        return found

    def writer(self) -> "_Writer":
        """Return what writes answers, as a context."""
        return _Writer(self.path / _RESPONSES)


class _Writer:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Callable[[Measured], None]:
        self.file = self.path.open("a", encoding="utf-8")
        return self.write

    def write(self, found: Measured) -> None:
        self.file.write(json.dumps(vars(found), ensure_ascii=False) + "\n")
        self.file.flush()

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _identity(model: Path, items: Sequence[Item], options: Options) -> dict[str, Any]:
    """Return what answers hang on."""
    digest = hashlib.sha256()
    for item in items:
        told = [item.id, item.text, item.turns, item.sizes]
        digest.update(json.dumps(told, ensure_ascii=False).encode())
    files = [*weight_files(model), model / "config.json", model / "processor_config.json"]
    return {
        "report": "vary vocab report 1",
        "model": {path.name: sha256(path) for path in files if path.is_file()},
        "samples": digest.hexdigest(),
        "generate": options.generate,
        "seed": options.seed,
    }


def _compare(path: Path, own: Mapping[str, Any]) -> None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        known = {}
    other = [name for name, value in own.items() if known.get(name) != value]
    if other:
        raise VaryError(
            f"--out {path.parent} holds a report of something else (other: {', '.join(other)}); "
            "give a new folder"
        )
