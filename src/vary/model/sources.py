"""Where a vocabulary comes from: a folder of ours, or a vision model of transformers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import AutoModel, CLIPVisionModel, PreTrainedConfig, PreTrainedModel
from transformers import SiglipVisionModel as SigLIPVisionModel

from vary.checkpoints import CONFIG_FILE, find_checkpoint
from vary.errors import InputError, VaryError
from vary.model.card import read_origin
from vary.model.configuration import VaryConfig
from vary.model.images import ImageRule
from vary.model.inspection import read_config, read_json, stored_tensors, weight_files
from vary.model.tower import TowerConfig, TowerVocabulary
from vary.model.vocabulary_folder import load_vocabulary, read_card, vocabulary_of
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary
from vary.vocabulary.configuration import Pair
from vary.vocabulary.weights import read_state_dict

# The authors' choice for CLIP in Vary-base; other networks give their own output.
_LAYERS = {"clip_vision_model": -2}
_CLASSES = {"clip_vision_model": CLIPVisionModel, "siglip_vision_model": SigLIPVisionModel}
# PIL's numbers, as preprocessor_config.json has them.
_RESAMPLING = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
# What is made of all patches; tokens do not pass through it.
_UNUSED = ("pooler.", "head.", "vision_model.head.")
_SAM_TYPES = ("sam", "sam_vision_model")


@dataclass
class Source:
    """A vocabulary that is to go into a model.

    Args:
        name: the folder's, as the user gave it.
        network: with its weights.
        rule: how it wants its images.
        origin: `license`, `language` and `data`, as far as its card tells; None otherwise.
        notes: what the user should know of it.
    """

    name: str
    network: PreTrainedModel
    rule: ImageRule
    origin: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        config = self.network.config
        rows, columns = config.token_grid(self.rule.height, self.rule.width)
        network = getattr(config, "network", config).model_type
        layer = f", layer {config.layer}" if hasattr(config, "layer") else ""
        return (
            f"{self.name}: {network}{layer}, {self.rule.height} x {self.rule.width} px "
            f"({self.rule.mode}) -> {rows} x {columns} = {rows * columns} tokens of width "
            f"{config.token_size}"
        )


def load_source(
    name: str,
    *,
    layer: int | None = None,
    image_size: Pair | None = None,
    whole_image: bool = False,
) -> Source:
    """Return the vocabulary that a name stands for.

    Args:
        name: a vocabulary folder; a checkpoint of ours (`FOLDER:1` for its second vocabulary) or
            the name of a bundled one; or a folder of a vision model of transformers: CLIP, SigLIP,
            DINOv2, SAM and their kind.
        layer: of a vision model of transformers, see `TowerConfig`; None for -2 of CLIP, -1 of
            others.
        image_size: another height and width in pixels of its images than its rule says.
        whole_image: resize the whole picture where the rule would cut off its ends.

    Raises:
        VaryError: no such folder, no vision model, files that are damaged or do not fit, or a size
            that it cannot take.
    """
    folder, index = _find(name)
    config = _config(folder)
    if index is not None and not isinstance(config, VaryConfig):
        raise VaryError(f"{folder} holds one vision model; leave :{index} away")
    try:
        if isinstance(config, VaryConfig):
            network, rule, facts = vocabulary_of(folder, index or 0)
            source = Source(name, network, rule, facts)
        elif hasattr(config, "token_grid"):
            network, images = load_vocabulary(folder, verify=True)
            source = Source(name, network, images.rules[0], read_card(folder) or {})
        elif config.model_type in _SAM_TYPES:
            source = _sam(name, folder, config)
        else:
            TowerConfig(getattr(config, "vision_config", config))  # refuses what sees no patches
            return _tower(name, folder, config, layer, _rule_of(folder, image_size, whole_image))
        return _resized(source, image_size)
    except VaryError:
        raise
    except ValueError as error:
        raise VaryError(f"{folder} cannot be a vocabulary: {error}") from error


def _find(name: str) -> tuple[Path, int | None]:
    """Return a folder, and the number behind a colon where the whole is no folder itself."""
    before, colon, number = name.rpartition(":")
    if colon and number.isdecimal() and not Path(name).exists():
        return find_checkpoint(before), int(number)
    return find_checkpoint(name), None


def _config(folder: Path) -> PreTrainedConfig:
    raw = read_json(folder / CONFIG_FILE)
    config = read_config(folder, raw)
    if config is None:
        raise InputError(
            f"{folder / CONFIG_FILE} names no model that transformers knows: "
            f"{raw.get('model_type')!r}"
        )
    return config


def _resized(source: Source, image_size: Pair | None) -> Source:
    if image_size is None:
        return source
    rule, config = source.rule, source.network.config
    if rule.mode not in ("resize", "crop"):
        raise VaryError(
            f"{source.name} takes images of mode {rule.mode!r}, whose size is its own; leave its "
            "image size as it is"
        )
    if isinstance(config, TowerConfig):
        config.input_size = image_size
    source.rule = _with_size(rule, image_size)
    config.token_grid(*image_size)
    return source


def _with_size(rule: ImageRule, size: Pair) -> ImageRule:
    fields = {**rule.to_dict(), "height": size[0], "width": size[1]}
    if rule.mode == "crop":
        fields["resize_px"] = round(rule.resize_px * max(size) / max(rule.height, rule.width))
    return ImageRule(**fields)


def _tower(
    name: str,
    folder: Path,
    config: PreTrainedConfig,
    layer: int | None,
    rule: tuple[ImageRule | None, dict[str, Any], list[str]],
) -> Source:
    """Return a vision model of transformers whose patches are the tokens."""
    own = getattr(config, "vision_config", config)
    chosen = _LAYERS.get(own.model_type, -1) if layer is None else layer
    given, fields, notes = rule
    size = (given.height, given.width) if given else None
    made_for = TowerConfig(own, chosen).made_for
    tower = TowerConfig(own, chosen, None if size == made_for else size)
    if given is None:
        given = ImageRule("resize", *made_for, **fields)
    network = _load_strictly(_CLASSES.get(own.model_type, AutoModel), folder)
    vocabulary = TowerVocabulary.from_network(network.eval(), chosen, tower.input_size)
    if tower.input_size:
        notes.append(
            f"{own.model_type} was made for {made_for[0]} x {made_for[1]} px: its positions are "
            "interpolated"
        )
    return Source(name, vocabulary, given, read_origin(folder), notes)


def _load_strictly(kind: Any, folder: Path) -> PreTrainedModel:
    """Return a model of transformers, all of whose weights are in its files.

    Raises:
        InputError: damaged files, or weights that are missing or of another shape.
    """
    stored_tensors(folder)  # a file that is cut off is named here
    try:
        network, told = kind.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:400]
        raise InputError(f"{folder} cannot be loaded as {kind.__name__}: {reason}") from error
    missing = sorted(key for key in told["missing_keys"] if not key.startswith(_UNUSED))
    if missing:
        raise InputError(
            f"the weights in {folder} lack {len(missing)} that {folder / CONFIG_FILE} speaks of, "
            f"such as {missing[0]}; copy them anew"
        )
    return network


def _sam(name: str, folder: Path, config: PreTrainedConfig) -> Source:
    """Return SAM's encoder as the paper's network; its merging convolutions are new."""
    vision = getattr(config, "vision_config", config)
    kept = {"hidden_act": "gelu", "qkv_bias": True, "use_abs_pos": True, "use_rel_pos": True}
    other = {
        key: getattr(vision, key) for key, value in kept.items() if getattr(vision, key) != value
    }
    if other:
        raise VaryError(f"{folder} is a SAM of another kind than the paper's: {other}")
    vitdet = ViTDetConfig(
        image_size=vision.image_size,
        patch_size=vision.patch_size,
        num_channels=vision.num_channels,
        hidden_size=vision.hidden_size,
        num_hidden_layers=vision.num_hidden_layers,
        num_attention_heads=vision.num_attention_heads,
        mlp_ratio=vision.mlp_dim / vision.hidden_size,
        window_size=vision.window_size,
        global_blocks=vision.global_attn_indexes,
        out_channels=vision.output_channels,
        layer_norm_eps=vision.layer_norm_eps,
    )
    network = ViTDetVocabulary.from_weights(_state_dict(folder), vitdet).eval()
    fields, _ = _fields_of(folder)
    notes = [
        "SAM has no merging convolutions: they are new, and so are its tokens until it is trained",
        "pictures are squeezed to its size as in the paper, where SAM itself pads them",
    ]
    rule = ImageRule("resize", *vitdet.image_size, **fields)
    return Source(name, network, rule, read_origin(folder), notes)


def _state_dict(folder: Path) -> dict[str, Tensor]:
    stored_tensors(folder)
    files = weight_files(folder) or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise InputError(f"{folder} has no weights: no model.safetensors, no pytorch_model.bin")
    return {name: value for path in files for name, value in read_state_dict(path).items()}


def _rule_of(
    folder: Path, image_size: Pair | None, whole_image: bool
) -> tuple[ImageRule | None, dict[str, Any], list[str]]:
    """Return a vision model's image rule; None with its fields where it names no one size."""
    fields, raw = _fields_of(folder)
    rule = _sized_rule(fields, raw, whole_image)
    if image_size is not None:
        rule = _with_size(rule, image_size) if rule else ImageRule("resize", *image_size, **fields)
    cuts = rule is not None and rule.mode == "crop"
    return rule, fields, ["its rule cuts the ends of a page off (--whole-image keeps them)"] * cuts


def _sized_rule(fields: dict[str, Any], raw: dict[str, Any], whole_image: bool) -> ImageRule | None:
    size, crop = _sides(raw.get("size")), _sides(raw.get("crop_size"))
    if raw.get("do_center_crop") and crop:
        if whole_image or size == crop:
            return ImageRule("resize", *crop, **fields)
        shorter = raw["size"].get("shortest_edge") if isinstance(raw["size"], dict) else raw["size"]
        if not shorter:
            raise VaryError(
                f"its rule resizes to {size} and cuts {crop} out of it, which there is no mode "
                "for: give --whole-image"
            )
        return ImageRule("crop", *crop, resize_px=shorter, **fields)
    return ImageRule("resize", *size, **fields) if size else None


def _sides(value: Any) -> Pair | None:
    """Return height and width, None where only one edge is named."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, dict) and {"height", "width"} <= value.keys():
        return int(value["height"]), int(value["width"])
    return None


def _fields_of(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return mean, std and resampling of a vision model's image processor, and all it says.

    Raises:
        InputError: no such file, or one that does not tell them.
    """
    path, raw = _processor_file(folder)
    wanted = ["resample", *(["image_mean", "image_std"] if raw.get("do_normalize", True) else [])]
    missing = [key for key in wanted if raw.get(key) is None]
    if missing:
        raise InputError(
            f"{path} does not tell {', '.join(missing)}, which the network was made with; copy it "
            "from where the model comes from"
        )
    factor = raw.get("rescale_factor", 1 / 255)
    if abs(factor * 255 - 1) > 1e-3 or raw["resample"] not in _RESAMPLING:
        raise InputError(
            f"{path} wants rescale_factor {factor} and resample {raw['resample']}; there are 1/255 "
            "and 1 (lanczos), 2 (bilinear), 3 (bicubic)"
        )
    mean, std = raw.get("image_mean", [0.0] * 3), raw.get("image_std", [1.0] * 3)
    if not raw.get("do_normalize", True):
        mean, std = [0.0] * 3, [1.0] * 3
    return {"mean": mean, "std": std, "resample": _RESAMPLING[raw["resample"]]}, raw


def _processor_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    path = folder / "preprocessor_config.json"
    if path.is_file():
        return path, read_json(path)
    together = folder / "processor_config.json"
    inner = read_json(together).get("image_processor") if together.is_file() else None
    if isinstance(inner, dict):
        return together, inner
    raise InputError(
        f"{folder} has no preprocessor_config.json, so that nobody knows mean, std and size of its "
        "images; copy it from where the model comes from"
    )
