"""Released weights into checkpoints of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from vary.checkpoints import CONFIG_FILE
from vary.errors import InputError, VaryError
from vary.model.building import read_whole_pages
from vary.model.card import read_origin
from vary.model.configuration import VaryConfig
from vary.model.folders import check_is_free, whole_folder
from vary.model.images import ImageRule, VaryImageProcessor
from vary.model.inspection import read_json
from vary.model.layouts.files import WeightFiles, find_files
from vary.model.layouts.matching import (
    Plan,
    check_fit,
    embeddings_name,
    make_plan,
    own_names,
    shorten,
)
from vary.model.layouts.records import (
    GENERATION_FILE,
    UNUSED_FILE,
    Record,
    Told,
    read_told,
    write_readme,
    write_record,
)
from vary.model.layouts.sizes import clip_config, language_model_config, vitdet_config
from vary.model.layouts.tables import HEAD
from vary.model.layouts.tokenizers import add_tokens, load_tokenizer
from vary.model.modeling import VaryForConditionalGeneration
from vary.model.processing import VaryProcessor
from vary.model.tokenizer import IMAGE
from vary.model.vocabulary_folder import save_vocabulary
from vary.vocabulary import ViTDetVocabulary

# Large models are written in parts, since a part is in memory twice while it is written.
_SHARD = "2GB"


@dataclass
class Imported:
    """What came of an import.

    Args:
        folder: a checkpoint of ours, or a vocabulary folder.
        layout: that was found.
        prefix: before all names, empty in most releases.
        tensors: how many were taken.
        unused: names of tensors that our model has no use for; they are kept beside.
        new: our names of tensors that the release does not have.
        notes: what the user should know.
    """

    folder: Path
    layout: str
    prefix: str
    tensors: int
    unused: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Release:
    """Weights as they came, and what stands beside them.

    Args:
        source: file or folder, as the user named it.
        files: its tensors.
        plan: where they belong.
        config: its config.json, None without one.
        told: what an export of ours says of itself.
    """

    source: Path
    files: WeightFiles
    plan: Plan
    config: dict[str, Any] | None
    told: Told

    @property
    def folder(self) -> Path:
        """Where the tokenizer and all else is looked for."""
        return self.source if self.source.is_dir() else self.source.parent

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of our tensors."""
        return self.plan.shapes(self.files.shapes)

    def part(self, prefix: str) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a part of ours, without its prefix."""
        return {
            name.removeprefix(prefix): shape
            for name, shape in self.shapes.items()
            if name.startswith(prefix)
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return our tensors, read from the files."""
        return {
            name: place.take(self.files[place.name]) for name, place in self.plan.places.items()
        }


def import_weights(
    source: Path,
    out: Path,
    *,
    layout: str | None = None,
    prefix: str | None = None,
    tokenizer: Path | None = None,
    prompt_form: str | None = None,
    seed: int = 0,
) -> Imported:
    """Write a release's weights as a checkpoint of ours; SAM's as a vocabulary folder.

    Loading is strict: all tensors of the model must be there, and all that are there must have a
    place. What our model has no use for is named, and kept beside, so that an export gives it back.

    Args:
        source: a weights file, or the folder that holds it.
        out: a new or empty folder; it is there whole or not at all.
        layout: see `vary.model.layouts.tables`; None to find it.
        prefix: before all names; None to find it.
        tokenizer: a folder; None for the one of `source`.
        prompt_form: see `VaryProcessor`; None for the release's.
        seed: for what SAM does not have.

    Raises:
        VaryError: files that cannot be read, no layout or several, or weights that do not fit.
    """
    check_is_free(out)
    release = _open(source, layout, prefix)
    with whole_folder(out) as beside:
        if release.plan.layout.language_model is None:
            imported = _write_vocabulary(release, beside, seed)
        else:
            imported = _write_model(release, beside, tokenizer, prompt_form)
        if imported.unused:
            kept = {name: release.files[name].clone() for name in imported.unused}
            save_file(kept, beside / UNUSED_FILE, metadata={"format": "pt"})
    return replace(imported, folder=out)


def _open(source: Path, layout: str | None, prefix: str | None) -> Release:
    config = _read_config(source)
    files = WeightFiles(find_files(source))
    plan = make_plan(files.shapes, layout, prefix)
    folder = source if source.is_dir() else source.parent
    return Release(source, files, plan, config, read_told(folder, plan.layout.name))


def _read_config(source: Path) -> dict[str, Any] | None:
    """Return the release's config.json.

    Raises:
        VaryError: it is one of ours.
    """
    path = (source if source.is_dir() else source.parent) / CONFIG_FILE
    if not path.is_file():
        return None
    config = read_json(path)
    if "vocabularies" in config or config.get("model_type") in ("vary_vitdet", "vary_tower"):
        raise VaryError(
            f"{path.parent} is one of ours already; vary export {path.parent} --layout NAME writes "
            "it in the layout of others"
        )
    return config


def _write_vocabulary(release: Release, out: Path, seed: int) -> Imported:
    plan, eps = release.plan, (release.config or {}).get("layer_norm_eps", 1e-6)
    config = _told_whole(release, lambda: vitdet_config(release.shapes, eps))
    torch.manual_seed(seed)
    network = ViTDetVocabulary(config)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    new = check_fit(plan, release.files.shapes, wanted)
    network.load_state_dict(release.tensors(), strict=False, assign=True)
    network.to(next(network.parameters()).dtype).eval().requires_grad_()
    rules = release.told.rules or [_rule(release, 0, config)]
    origin = read_origin(release.folder)
    save_vocabulary(network, rules[0], out, facts={"name": release.source.stem, **origin})
    write_record(out, Record.of(plan, release.config, release.source, False))
    notes = [*plan.notes]
    if new:
        notes.append(
            f"SAM has no {', '.join(new)}: they are new (seed {seed}), and its tokens noise until "
            "it is trained"
        )
    return Imported(out, plan.layout.name, plan.prefix, len(plan.places), plan.unused, new, notes)


def _told_whole(release: Release, read: Any) -> Any:
    """Return what is read from shapes; where that fails, the error tells what is left over too."""
    try:
        return read()
    except InputError as error:
        layout = release.plan.layout.name
        left = release.plan.left
        more = f"; {len(left)} tensors have no place: {shorten(left)}" if left else ""
        raise InputError(
            f"the weights in {release.source} are not a whole {layout}: {error}{more}"
        ) from error


def _write_model(
    release: Release, out: Path, tokenizer_folder: Path | None, prompt_form: str | None
) -> Imported:
    plan = release.plan
    layout = plan.layout
    is_tied, notes = _tie(release)
    vocabularies, text_config = _told_whole(release, lambda: _configs(release, is_tied))
    if release.config is None:
        notes.append(
            f"no {CONFIG_FILE} beside the weights: {text_config.num_attention_heads} heads, and "
            "all else that shapes do not tell, by the rules of this release"
        )
    tokenizer = load_tokenizer(tokenizer_folder or release.folder)
    new_tokens = add_tokens(tokenizer, layout.tokens)
    _check_tokens(release, tokenizer, text_config.vocab_size)
    if new_tokens:
        notes.append(f"added to the tokenizer: {', '.join(new_tokens)}")
    text_config.pad_token_id = tokenizer.pad_token_id
    text_config.eos_token_id = tokenizer.eos_token_id
    config = VaryConfig(
        vocabularies,
        text_config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        tasks=release.told.tasks or layout.tasks,
        questions=release.told.questions or dict(layout.questions),
    )
    model, dtypes = _load(release, config)
    if len(dtypes) > 1:
        notes.append(f"weights of several precisions, {', '.join(dtypes)}; each is kept on disk")
    processor = VaryProcessor(
        VaryImageProcessor(
            release.told.rules or [_rule(release, n, part) for n, part in enumerate(vocabularies)]
        ),
        tokenizer,
        vocabulary=_one_or_all([part.to_dict() for part in vocabularies]),
        prompt_form=prompt_form or release.told.prompt_form or layout.prompt_form,
    )
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    read_whole_pages(model, processor)
    _keep_generation(release, model)
    model.save_pretrained(out, max_shard_size=_SHARD)
    processor.save_pretrained(out)
    write_record(out, Record.of(plan, release.config, release.source, _has_head(release)))
    write_readme(out, release.source, layout, read_origin(release.folder))
    return Imported(
        out, layout.name, plan.prefix, len(plan.places), plan.unused, [], [*plan.notes, *notes]
    )


def _keep_generation(release: Release, model: VaryForConditionalGeneration) -> None:
    """Let answers be as long as the release's, and end where its own end too."""
    path = release.folder / GENERATION_FILE
    told = read_json(path) if path.is_file() else {}
    settings, ends = model.generation_config, told.get("eos_token_id")
    settings.max_new_tokens = min(
        told.get("max_new_tokens") or settings.max_new_tokens, settings.max_new_tokens
    )
    others = ends if isinstance(ends, list) else [ends]
    more = [end for end in others if end not in (None, settings.eos_token_id)]
    if more:
        settings.eos_token_id = [settings.eos_token_id, *more]


def _one_or_all(parts: list[dict[str, Any]]) -> Any:
    return parts if len(parts) > 1 else parts[0]


def _text_fields(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a config.json says of the language model, which may stand a level deeper."""
    if config is None:
        return None
    inner = config.get("text_config")
    if not isinstance(inner, dict):
        return dict(config)
    outer = {name: config[name] for name in ("tie_word_embeddings",) if name in config}
    return {**outer, **inner}


def _has_head(release: Release) -> bool:
    """Return whether the release's files hold a head."""
    place = release.plan.layout.renaming.to_theirs(HEAD)
    return place is not None and release.plan.prefix + place.name in release.files


def _tie(release: Release) -> tuple[bool, list[str]]:
    """Return whether the head is the embeddings, and what to say of a head that is not used.

    A head that is stored although it is the embeddings leaves the plan.
    """
    plan = release.plan
    told = (_text_fields(release.config) or {}).get("tie_word_embeddings")
    place, embeddings = plan.places.get(HEAD), plan.places.get(embeddings_name(plan.layout))
    if place is None or embeddings is None:
        return told is not False, []
    is_equal = torch.equal(release.files[place.name], release.files[embeddings.name])
    if not (is_equal if told is None else told):
        return False, []
    del plan.places[HEAD]
    if is_equal:
        return True, []
    plan.unused.append(place.name)
    return True, [
        f"{place.name} is not {embeddings.name}, though {CONFIG_FILE} says tie_word_embeddings: as "
        "in the release's own code the embeddings are used, and the head is kept beside"
    ]


def _configs(release: Release, is_tied: bool) -> tuple[list[PreTrainedConfig], PreTrainedConfig]:
    """Return the configurations of vocabularies and language model."""
    layout = release.plan.layout
    vision = (release.config or {}).get("vision_config") or {}
    vocabularies: list[PreTrainedConfig] = []
    for number, kind in enumerate(layout.vocabularies):
        if kind == "clip":
            vocabularies.append(clip_config(release.part(f"vocabularies.{number}.network.")))
        else:
            eps = vision.get("layer_norm_eps", 1e-6)
            vocabularies.append(vitdet_config(release.part(f"vocabularies.{number}."), eps))
    assert layout.language_model is not None
    text_config = language_model_config(
        layout.language_model,
        release.part("language_model."),
        _text_fields(release.config),
        is_tied,
    )
    return vocabularies, text_config


def _check_tokens(release: Release, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
    if len(tokenizer) > rows:
        raise VaryError(
            f"the tokenizer has {len(tokenizer)} tokens, the weights in {release.source} have "
            f"embeddings for {rows}: give the tokenizer of this release as --tokenizer DIR"
        )
    config = release.config or {}
    told = config.get("image_token_index", config.get("im_patch_token"))
    own = tokenizer.convert_tokens_to_ids(IMAGE)
    if told is not None and told != own:
        raise VaryError(
            f"{IMAGE} is token {own} of the tokenizer, and {told} by {CONFIG_FILE}: give the "
            "tokenizer of this release as --tokenizer DIR"
        )


def _load(release: Release, config: VaryConfig) -> tuple[VaryForConditionalGeneration, list[str]]:
    """Return the model, made of the release's own tensors, and their precisions."""
    with torch.device("meta"):
        model = VaryForConditionalGeneration(config)
    names = own_names(model)
    state = model.state_dict()
    wanted = {own: tuple(state[name].shape) for own, name in names.items()}
    tied = {HEAD} if config.text_config.tie_word_embeddings else set()
    check_fit(release.plan, release.files.shapes, wanted, tied)
    tensors = release.tensors()
    model.load_state_dict(
        {names[own]: tensors.pop(own) for own in list(tensors)}, strict=False, assign=True
    )
    model.tie_weights()
    dtypes = {str(value.dtype).removeprefix("torch.") for value in model.parameters()}
    return model.eval(), sorted(dtypes)


def _rule(release: Release, number: int, config: PreTrainedConfig) -> ImageRule:
    """Return the image rule of a vocabulary: the release's, or what its folder says."""
    fields = dict(release.plan.layout.rules[number])
    path = release.folder / "preprocessor_config.json"
    if release.plan.layout.name.startswith(("got-hf", "sam-hf")) and path.is_file():
        raw = read_json(path)
        told = {"mean": raw.get("image_mean"), "std": raw.get("image_std")}
        told["resample"] = {2: "bilinear", 3: "bicubic"}.get(raw.get("resample", 0))
        fields |= {name: value for name, value in told.items() if value is not None}
    height, width = config.image_size
    return ImageRule(**{"mode": "resize", "height": height, "width": width, **fields})
