"""Strips to text: the vocabulary drafts, the language model writes, and each watches the other."""

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vary.checkpoints import CONFIG_FILE
from vary.errors import VaryError
from vary.model import VaryConfig, VaryForConditionalGeneration, VaryProcessor
from vary.model.configuration import StripDecoder
from vary.model.images import stack_pixels
from vary.model.inspection import checkpoint_info
from vary.model.limits import max_answer_tokens
from vary.model.modeling import EncodedImages, pixel_names, size_names
from vary.model.tokenizer import DRAFT_START
from vary.read.calibration import Calibration, load_calibration
from vary.read.kinds import picture_kind
from vary.read.loops import cut_loop
from vary.read.marks import SeenLine
from vary.read.page_recognizer import PageRecognizer
from vary.read.scoring import ctc_log_probabilities, ctc_scores, score_texts, select_images
from vary.vocabulary.ctc import decode_greedy

_PROCESSOR_FILE = "processor_config.json"
# Below this likeness of the model's text and the vocabulary's draft one of them has lost the line.
_MIN_LIKENESS = 0.6
# Why the draft stands for a line although the model was asked; empty where its text was taken.
Fallback = Literal["", "loop", "truncated", "unlike", "improbable", "illegible"]
# The model is not asked about a draft as uncertain as that, or of so many signs without a word.
_LEGIBLE = 0.5
_MANY_SIGNS = 8
# The CTC head's text of a strip, the place of each character (see `Recognition`), its probability.
_Draft = tuple[str, list[float], list[float]]


@dataclass(frozen=True)
class Recognition:
    """What was read on a strip.

    Args:
        text: the line.
        decoder: who wrote it: the language model, or the vocabulary's CTC head where the model
            failed.
        confidence: 0 to 1.
        status: ``truncated`` if the text has no end, ``loop`` if it repeats itself; with a CTC head
            neither occurs, because then its draft stands.
        draft: the CTC head's text.
        written: the language model's text as it came, taken or not; empty if it was not asked.
        fallback: what was wrong with it where it was not taken: it repeats itself, has no end,
            is unlike the draft, or less probable than it. Or the draft is illegible, and the model
            was not asked.
    """

    text: str
    decoder: Literal["lm", "ctc"]
    confidence: float
    status: Literal["ok", "truncated", "loop"]
    draft: str
    written: str = ""
    fallback: Fallback = ""
    places: tuple[float, ...] = ()
    certainties: tuple[float, ...] = ()
    told: float | None = None


@dataclass(frozen=True)
class Answer:
    """What the language model wrote on a strip.

    Args:
        text: its text.
        ended: whether it came to an end.
        is_likelier: whether model and CTC head together hold it at least as probable as the draft.
    """

    text: str
    ended: bool
    is_likelier: bool


class LineRecognizer(Protocol):
    """Reads strips of one line each."""

    def read(self, strips: Sequence[np.ndarray]) -> list[Recognition]:
        """Return what stands on each (48, W) uint8 strip."""
        ...


class StripRecognizer:
    """Reads strips with a model whose first vocabulary has a CTC head.

    Further vocabularies, such as one that was merged into it, are seen by its language model alone:
    drafts, places and kinds of pictures are the first one's.

    Args:
        model: in evaluation mode, on its device.
        processor: the model's.
        decoder: ``lm`` lets the language model write; ``ctc`` stops at the vocabulary's draft,
            which is faster; None: what the checkpoint's configuration says.
        calibration: of the CTC head's probabilities; None leaves them as they are.

    Attributes:
        tasks: what the model was trained for.
        kinds: of pictures, that the vocabulary tells apart; empty if it tells none.
        strip_size: height of the strips and width of the widest, in pixels.

    Raises:
        VaryError: the model has no CTC head, does not read strips, or its language model shall
            write and knows no drafts.
    """

    def __init__(
        self,
        model: VaryForConditionalGeneration,
        processor: VaryProcessor,
        decoder: StripDecoder | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        alphabet = getattr(model.config.vocabularies[0], "ctc_alphabet", None)
        rule = processor.image_processor.rules[0]
        if alphabet is None or rule.mode != "strip":
            raise VaryError(
                "this checkpoint does not read line strips: its first vocabulary needs a CTC "
                "alphabet, and the image mode 'strip'"
            )
        self.model = model
        self.processor = processor
        self.decoder = decoder or model.config.strip_decoder
        if self.decoder == "lm" and DRAFT_START not in processor.tokenizer.get_vocab():
            raise VaryError(
                "this checkpoint's language model was never shown drafts, against which lines are "
                "held in reading: write with model.generate (docs/scaling-up.md), or read by the "
                "first vocabulary's CTC head alone (strip_decoder ctc in config.json)"
            )
        self.calibration = calibration or Calibration()
        self.alphabet: str = alphabet
        self.tasks = tuple(model.config.tasks)
        self.kinds = tuple(getattr(model.config.vocabularies[0], "kinds", ()))
        self.strip_size: tuple[int, int] = (rule.height, rule.width)

    @torch.inference_mode()
    def read(self, strips: Sequence[np.ndarray]) -> list[Recognition]:
        """Return what stands on each strip; greedy, so the same strips give the same text.

        Args:
            strips: (H, W) uint8 arrays, dark text on white.
        """
        if not strips:
            return []
        if self.decoder == "ctc":
            return self.draft(strips)
        encoded, sizes = self._encode(strips)
        assert encoded.ctc_logits is not None
        drafts = self._drafts(strips, encoded.ctc_logits, int(sizes[:, 1].max()))
        found = {
            place: self._calibrated(_as_drafted(draft, "illegible"), draft)
            for place, draft in enumerate(drafts)
            if is_illegible(draft[0], draft[2])
        }
        asked = [place for place in range(len(drafts)) if place not in found]
        if asked:
            part = select_images(encoded, asked) if found else encoded
            texts = [drafts[place][0] for place in asked]
            for place, answer in zip(asked, self._answer(part, sizes[asked], texts), strict=True):
                draft = drafts[place]
                found[place] = self._calibrated(judge(answer, draft[0], draft[2]), draft)
        return [found[place] for place in range(len(drafts))]

    @torch.inference_mode()
    def draft(self, strips: Sequence[np.ndarray], only: str = "") -> list[Recognition]:
        """Return what the CTC head alone reads on each strip; as `read`, but sooner.

        Args:
            strips: as of `read`.
            only: the characters that may stand there, where that is known: the figures of a number.
        """
        if not strips:
            return []
        rule = self.processor.image_processor.rules[0]
        images = [rule.pixels(strip) for strip in strips]
        pixels = rule.normalise(stack_pixels(images)).to(self.model.device)
        logits = ctc_scores(self.model, pixels, [image.shape[:2] for image in images])
        logits = only_characters(logits, self.alphabet, only)
        drafts = self._drafts(strips, logits, pixels.shape[-1])
        return [self._calibrated(_as_drafted(draft), draft) for draft in drafts]

    def _calibrated(self, found: Recognition, draft: _Draft) -> Recognition:
        """Return a recognition with its characters' places, and what is told of how sure it is."""
        text, places, raw = draft
        certainties = self.calibration.characters(text, raw)
        told = found.confidence * mean_certainty(certainties) / mean_certainty(raw)
        return replace(
            found, places=tuple(places), certainties=tuple(certainties), told=min(1.0, told)
        )

    def picture_kind(self, picture: Image.Image) -> str:
        """Return which of `kinds` a picture is, given as `vary.read.kinds.small_picture` does."""
        return picture_kind(self.model, self.processor, picture)

    def _encode(self, strips: Sequence[np.ndarray]) -> tuple[EncodedImages, Tensor]:
        """Return strips as encoded by all vocabularies, and (B, 2 or more) their sizes."""
        features = self.processor.image_processor(list(strips))
        number = len(self.processor.image_processor.rules)
        sizes = [features[name] for name in size_names(number)]
        pixels = [features[name].to(self.model.device) for name in pixel_names(number)]
        return self.model.encode_images(pixels, sizes), torch.cat(sizes, dim=1)

    def _drafts(self, strips: Sequence[np.ndarray], logits: Tensor, width_px: int) -> list[_Draft]:
        """Return the CTC head's drafts of strips.

        Args:
            strips: as they came.
            logits: (B, columns, classes) of the CTC head.
            width_px: of the batch of pixels, which the columns divide.
        """
        rule = self.processor.image_processor.rules[0]
        column_px = width_px / logits.shape[1]
        drafts = []
        for strip, (text, columns, certainties) in zip(
            strips, decode_greedy(logits, self.alphabet), strict=True
        ):
            height, width = strip.shape[:2]
            own_px = width * rule.scale(width, height)[0]
            places = [min(1.0, (column + 0.5) * column_px / own_px) for column in columns]
            drafts.append((text, places, certainties))
        return drafts

    def _answer(self, encoded: EncodedImages, sizes: Tensor, drafts: list[str]) -> list[Answer]:
        """Return the language model's text of each strip.

        A draft that the model would write itself is found in one pass over all strips; only the
        others are written piece by piece, and then set against their drafts.
        """
        checked = score_texts(
            self.model, self.processor, encoded, list(zip(drafts, drafts, strict=True))
        )
        answers = [Answer(draft, ended=True, is_likelier=True) for draft in drafts]
        rest = [place for place, score in enumerate(checked) if not score.is_greedy]
        if not rest:
            return answers
        part = select_images(encoded, rest)
        own = [drafts[place] for place in rest]
        written = self._write(part, sizes[rest], own)
        texts = [text for text, _ in written]
        scores = score_texts(self.model, self.processor, part, list(zip(own, texts, strict=True)))
        seen = ctc_log_probabilities(part, texts, self.alphabet)
        seen_drafts = ctc_log_probabilities(part, own, self.alphabet)
        for number, place in enumerate(rest):
            text, ended = written[number]
            joint = scores[number].log_probability + seen[number]
            joint_of_draft = checked[place].log_probability + seen_drafts[number]
            answers[place] = Answer(text, ended=ended, is_likelier=joint >= joint_of_draft)
        return answers

    def _write(
        self, encoded: EncodedImages, sizes: Tensor, drafts: list[str]
    ) -> list[tuple[str, bool]]:
        """Return the language model's text of each strip, and whether it came to an end.

        A strip's own width bounds its answer, so what is read does not depend on its neighbours.
        """
        prompts = self.processor.prompts(sizes.tolist(), drafts)
        start = prompts["input_ids"].shape[1]
        limits = [max_answer_tokens(width) for width in sizes[:, 1].tolist()]
        rows = self.model.generate(
            **{name: tensor.to(self.model.device) for name, tensor in prompts.items()},
            vision_tokens=encoded.tokens,
            max_new_tokens=max(limits),
            do_sample=False,
            num_beams=1,
        )[:, start:]
        answers = [row[:limit] for row, limit in zip(rows.tolist(), limits, strict=True)]
        end = self.processor.tokenizer.eos_token_id
        texts = self.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [(text, end in answer) for text, answer in zip(texts, answers, strict=True)]


def only_characters(logits: Tensor, alphabet: str, only: str) -> Tensor:
    """Return (B, columns, classes) logits that allow the blank and some characters alone.

    Args:
        logits: of the CTC head, class 0 the blank.
        alphabet: the characters of the other classes.
        only: those allowed; empty for all.
    """
    if not only:
        return logits
    allowed = [0, *(number for number, letter in enumerate(alphabet, start=1) if letter in only)]
    out = torch.full_like(logits, float("-inf"))
    out[..., allowed] = logits[..., allowed]
    return out


def _as_drafted(draft: _Draft, fallback: Fallback = "") -> Recognition:
    """Return a draft that stands for its line."""
    text, _, certainties = draft
    return Recognition(text, "ctc", mean_certainty(certainties), "ok", text, fallback=fallback)


def judge(answer: Answer, draft: str, certainties: Sequence[float]) -> Recognition:
    """Return the text to trust, from the model's answer and the vocabulary's draft.

    The model's text is taken unless it loops, does not end, has little to do with the draft, or is
    less probable than it, to model and CTC head together (as hybrid CTC/attention decoding has it:
    Watanabe et al., 10.1109/JSTSP.2017.2763455). A strip on which the vocabulary finds no character
    is empty, whatever the model writes.

    Args:
        answer: the language model's.
        draft: the CTC head's text.
        certainties: probability of each of the draft's characters.
    """
    text = answer.text
    likeness = difflib.SequenceMatcher(None, text, draft, autojunk=False).ratio()
    fallback = _find_fault(answer, draft, likeness)
    if not draft.strip():
        if not text.strip():
            return Recognition("", "ctc", 1.0, "ok", draft, text)
        return Recognition("", "ctc", 0.5, "ok", draft, text, fallback)
    certainty = mean_certainty(certainties)
    if not fallback:
        return Recognition(text, "lm", certainty * likeness, "ok", draft, text)
    # The draft stands for the line: what the model lost, the reader has not.
    agreement = likeness if fallback == "improbable" else 0.5
    return Recognition(draft, "ctc", certainty * agreement, "ok", draft, text, fallback)


def is_illegible(draft: str, certainties: Sequence[float]) -> bool:
    """Whether a draft says that there is no line of text to write: dirt, or rows of dots.

    Args:
        draft: the CTC head's text.
        certainties: probability of each of its characters.
    """
    if not draft.strip():
        return False
    certainty = mean_certainty(certainties)
    signs = len("".join(draft.split()))
    wordless = signs >= _MANY_SIGNS and not SeenLine(draft, certainty, 0).words
    return certainty < _LEGIBLE or wordless


def _find_fault(answer: Answer, draft: str, likeness: float) -> Fallback:
    # What the draft repeats as well is printed so: the CTC head writes only what it sees.
    if cut_loop(answer.text)[1] and not cut_loop(draft)[1]:
        return "loop"
    if not answer.ended:
        return "truncated"
    if likeness < _MIN_LIKENESS:
        return "unlike"
    return "" if answer.is_likelier else "improbable"


def mean_certainty(certainties: Sequence[float]) -> float:
    """Return the geometric mean of characters' probabilities, 1 for none."""
    if not certainties:
        return 1.0
    return math.exp(sum(math.log(max(p, 1e-4)) for p in certainties) / len(certainties))


def load_recognizer(
    path: Path,
    device: str = "auto",
    decoder: StripDecoder | None = None,
    *,
    calibrated: bool = True,
) -> StripRecognizer | PageRecognizer:
    """Return the recognizer of a checkpoint folder: of strips or of whole pages, by its image rule.

    Args:
        path: the folder.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        decoder: see `StripRecognizer`; whole pages know no ``ctc``.
        calibrated: tell confidences by the folder's calibration, if there is one.

    Raises:
        VaryError: an unknown device, a folder without a model that reads, or ``ctc`` of one that
            reads whole pages.
    """
    where = pick_device(device)
    _check_kind(path)
    model, processor = _load(path, pick_dtype(where))
    model = model.to(where).eval()
    if processor.image_processor.rules[0].mode == "strip":
        calibration = load_calibration(path) if calibrated else None
        return StripRecognizer(model, processor, decoder, calibration)
    if decoder == "ctc":
        raise VaryError(
            f"{path} reads whole pages, which only its language model can write; decoder "
            f"{decoder!r} is for models that read line strips: leave it out"
        )
    return PageRecognizer(model, processor)


def _check_kind(path: Path) -> None:
    """Refuse a folder that holds something else than a model that reads, and tell what.

    Raises:
        VaryError: a vocabulary by itself, or another model; what `vary info` shows of it is named.
            Or a model without its processor.
    """
    try:
        raw = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # missing or damaged: loading tells how
    kind = raw.get("model_type") if isinstance(raw, dict) else None
    if kind == VaryConfig.model_type and not (path / _PROCESSOR_FILE).is_file():
        raise VaryError(
            f"{path} holds a model without its processor ({_PROCESSOR_FILE} is missing); save it "
            f"there too: processor.save_pretrained({str(path)!r})"
        )
    if kind in (None, VaryConfig.model_type):
        return
    size, what = "", "another model, which reads no pages by itself"
    try:
        info = checkpoint_info(path)
    except Exception:  # damaged, and not ours: that it is no model that reads stays true
        pass
    else:
        if info["parameters"]:
            size = f", {info['parameters']['total']:,} parameters"
        if "vocabularies" in info:
            what = "a vocabulary by itself, which turns images into tokens and writes no text"
    raise VaryError(
        f"{path} holds {what}: model type {kind}{size} (vary info {path} shows more); give the "
        "folder of a whole model, such as the last stage's final of a training run"
    )


def _load(path: Path, dtype: torch.dtype) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return what a folder holds; nothing is looked for anywhere else.

    Raises:
        VaryError: the folder is damaged or no checkpoint of Vary.
    """
    way_out = "copy it anew, or name another model"
    try:
        processor = VaryProcessor.from_pretrained(path, local_files_only=True)
        model, told = VaryForConditionalGeneration.from_pretrained(
            path, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    # The libraries raise what the damage leads to, down to a bare Exception by tokenizers.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VaryError(
            f"{path} holds no checkpoint that can be read ({reason}); {way_out}"
        ) from error
    if told["missing_keys"]:
        missing = sorted(told["missing_keys"])
        raise VaryError(
            f"{path} holds no whole checkpoint: {len(missing)} weights are missing, such as "
            f"{missing[0]}; {way_out}"
        )
    return model, processor


def pick_device(device: str) -> torch.device:
    """Return the device that a name means here.

    Raises:
        VaryError: no such device.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        where = torch.device(device)
        torch.empty(1, device=where)
    except (RuntimeError, AssertionError) as error:
        raise VaryError(f"no device {device!r} here; use auto, cpu, cuda or mps") from error
    return where


def pick_dtype(device: torch.device) -> torch.dtype:
    """Return bf16 where the device multiplies in it, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type != "cpu":
        return torch.float32
    # Private in torch, so asked for with care: without them fp32 is right, only slower.
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    able = any(getattr(torch.cpu, name, lambda: False)() for name in probes)
    return torch.bfloat16 if able else torch.float32
