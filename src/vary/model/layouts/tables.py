"""The layouts of released weights: what each part is called, and how it is asked.

Source: the projects' public code, and transformers for the layouts of Hugging Face.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from vary.errors import VaryError
from vary.model.images import IMAGENET_MEAN, IMAGENET_STD
from vary.model.layouts.renaming import Rename, Renaming, begins_with, rename, under

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# Up to this width a model of CLIP, vocabulary and Qwen-1 is taken for Vary-toy (Qwen-1.8B).
TOY_WIDTH = 2048

# Fields of an `ImageRule` but its size. The training code resizes by OpenCV, later code by Pillow.
_TRAINING = {
    "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "resample": "bilinear", "antialias": False,
}  # fmt: skip
_LATER = {"mean": CLIP_MEAN, "std": CLIP_STD, "resample": "bicubic"}
_CLIP = {**_LATER, "mode": "crop"}
_SAM = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "resample": "bilinear"}

# Rows that begin with nothing: all names of a part are the same on both sides.
_SAME = (rename("", ""),)
_HUGGING_FACE_VITDET = (
    rename("pos_embed", "pos_embed"),
    rename("patch_embed.projection.", "patch_embed.proj."),
    rename("layers.{}.layer_norm1.", "blocks.{}.norm1."),
    rename("layers.{}.layer_norm2.", "blocks.{}.norm2."),
    rename("layers.{}.attn.", "blocks.{}.attn."),
    rename("layers.{}.mlp.", "blocks.{}.mlp."),
    rename("neck.conv1.", "neck.0."),
    rename("neck.layer_norm1.", "neck.1."),
    rename("neck.conv2.", "neck.2."),
    rename("neck.layer_norm2.", "neck.3."),
)
_QWEN_1 = (
    rename("wte.", "embed_tokens."),
    rename("h.{}.ln_1.", "layers.{}.input_layernorm."),
    rename("h.{}.ln_2.", "layers.{}.post_attention_layernorm."),
    rename(
        "h.{}.attn.c_attn.",
        "layers.{}.self_attn.q_proj.",
        "layers.{}.self_attn.k_proj.",
        "layers.{}.self_attn.v_proj.",
    ),
    rename("h.{}.attn.c_proj.", "layers.{}.self_attn.o_proj."),
    rename("h.{}.mlp.w1.", "layers.{}.mlp.up_proj."),
    rename("h.{}.mlp.w2.", "layers.{}.mlp.gate_proj."),
    rename("h.{}.mlp.c_proj.", "layers.{}.mlp.down_proj."),
    rename("ln_f.", "norm."),
)
# Buffers that older transformers wrote with the weights: they follow from the configuration.
_QWEN_1_BUFFERS = (
    "transformer.h.{}.attn.rotary_emb.inv_freq",
    "transformer.h.{}.attn.masked_bias",
    "transformer.h.{}.attn.bias",
)
_CLIP_BUFFERS = ("transformer.vision_tower.vision_model.embeddings.position_ids",)
_QWEN_2_BUFFERS = ("model.layers.{}.self_attn.rotary_emb.inv_freq",)
HEAD = "language_model.lm_head.weight"
EMBEDDINGS = {
    "opt": "language_model.model.decoder.embed_tokens.weight",
    "qwen": "language_model.model.embed_tokens.weight",
    "qwen2": "language_model.model.embed_tokens.weight",
}
_HEAD_ROW = rename("lm_head.", "language_model.lm_head.")


def _opt(vision: str, projector: str, prefix: str = "") -> tuple[Rename, ...]:
    """Return the table of a vocabulary before OPT."""
    return (
        *under(vision, "vocabularies.0.", _SAME),
        rename(projector, "projector.linears.0."),
        rename(f"{prefix}model.decoder.", "language_model.model.decoder."),
        rename(f"{prefix}lm_head.", "language_model.lm_head."),
    )


def _got_hugging_face(root: str, language_model: str, head: str) -> tuple[Rename, ...]:
    """Return the table of GOT in Hugging Face's layout, on disk or as its modules are named."""
    projector = f"{root}multi_modal_projector."
    return (
        *under(f"{root}vision_tower.", "vocabularies.0.", _HUGGING_FACE_VITDET),
        rename(f"{projector}conv_upsampler1.", "vocabularies.0.net_2."),
        rename(f"{projector}conv_upsampler2.", "vocabularies.0.net_3."),
        rename(f"{projector}multimodal_projector.", "projector.linears.0."),
        rename(language_model, "language_model.model."),
        rename(head, "language_model.lm_head."),
    )


_TWO_VOCABULARIES = (
    *under("transformer.vision_tower.vision_model.", "vocabularies.0.network.", _SAME),
    *under("transformer.vision_tower_high.", "vocabularies.1.", _SAME),
    rename("transformer.mm_projector.", "projector.linears.0."),
    rename("transformer.mm_projector_vary.", "projector.linears.1."),
    *under("transformer.", "language_model.model.", _QWEN_1),
    _HEAD_ROW,
)

LanguageModel = Literal["opt", "qwen", "qwen2"]


@dataclass(frozen=True)
class Layout:
    """How the weights of a release are named, and how it wants to be asked.

    Args:
        name: as the command line takes it.
        title: for people.
        marker: a name that no other layout has; it tells the prefix too. None where `detect` does
            not look for it.
        renames: the table; `root` is in it where it is fixed.
        root: what stands before all names on export, where the table has none; on import any prefix
            is taken.
        language_model: its family in their layout; None for a vocabulary alone.
        vocabularies: the kind of each: `vitdet` or `clip`.
        rules: fields of each vocabulary's image rule, but its size.
        unused: beginnings of names of tensors that our model has no use for (`{}` a number); they
            are kept beside.
        may_miss: beginnings of our names that the layout does not have.
        has_head: whether the head is stored where it is the embeddings.
        prompt_form: see `VaryProcessor`.
        tasks: see `VaryConfig`.
        questions: task and words; see `VaryConfig`.
        tokens: in this order behind those of the language model's tokenizer.
        config: fields of their `config.json` that are the same in every release.
    """

    name: str
    title: str
    marker: str
    renames: tuple[Rename, ...]
    root: str = ""
    language_model: LanguageModel | None = None
    vocabularies: tuple[str, ...] = ("vitdet",)
    rules: tuple[dict[str, Any], ...] = (_TRAINING,)
    unused: tuple[str, ...] = ()
    may_miss: tuple[str, ...] = ()
    has_head: bool = True
    prompt_form: str = "code"
    tasks: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = ()
    tokens: tuple[str, ...] = ("<imgpad>", "<img>", "</img>")
    config: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def renaming(self) -> Renaming:
        """The table, ready to be read both ways."""
        return Renaming(self.renames)

    def is_unused(self, name: str) -> bool:
        """Return whether our model has no use for a tensor of theirs."""
        return any(begins_with(name, beginning) for beginning in self.unused)

    def is_ours_alone(self, name: str) -> bool:
        """Return whether the layout has no place for a tensor of ours."""
        return name.startswith(self.may_miss) if self.may_miss else False


# GOT-OCR-2.0 learned too to read a box, a colour's frame, tiles, and several pages as one.
_GOT_TASKS = ("ocr", "markdown", "box", "color", "tiles", "together")
# Transformers' processor begins them with a blank, which the authors' code does not.
_GOT_HF_QUESTIONS = (("ocr", " OCR: "), ("markdown", " OCR with format: "))

# Of the last two, either fits into files of the others: they are looked for last, in this order.
LAYOUTS = (
    Layout(
        "vary-tiny",
        "Vary-tiny (OPT-125M)",
        "model.vision_tower_2.net_3.weight",
        _opt("model.vision_tower_2.", "model.mm_projector."),
        language_model="opt",
        rules=(_LATER,),
        tasks=("ocr", "chart"),
        config=(("architectures", ["varyOPTForCausalLM"]), ("model_type", "vary")),
    ),
    Layout(
        "vary-tiny-600k",
        "Vary-tiny-600k (OPT-125M)",
        "visual_encoder.net_3.weight",
        _opt("visual_encoder.", "opt_proj.", "opt_model."),
        language_model="opt",
        rules=(_LATER,),
        prompt_form="600k",
        tasks=("ocr",),
    ),
    Layout(
        "onechart",
        "OneChart (OPT-125M)",
        "model.vision_tower.net_3.weight",
        _opt("model.vision_tower.", "model.mm_projector."),
        language_model="opt",
        unused=("num_decoder.",),
        prompt_form="onechart",
        tasks=("chart",),
        questions=(("chart", "Convert the key information of the chart to a python dict:"),),
        tokens=("<imgpad>", "<img>", "</img>", "<Number>"),
        config=(("architectures", ["varyOPTForCausalLM"]), ("model_type", "vary")),
    ),
    Layout(
        "vary-toy",
        "Vary-toy (CLIP-L, Qwen-1.8B)",
        "transformer.vision_tower_high.net_3.weight",
        _TWO_VOCABULARIES,
        language_model="qwen",
        vocabularies=("clip", "vitdet"),
        rules=(_CLIP, _LATER),
        unused=(*_CLIP_BUFFERS, *_QWEN_1_BUFFERS),
        prompt_form="got",
        tasks=("ocr", "markdown", "chart", "ask"),
        questions=(("ocr", "Provide the ocr results of this image."),),
        config=(("architectures", ["varyQwenForCausalLM"]), ("model_type", "vary")),
    ),
    Layout(
        "vary-base",
        "Vary-base (CLIP-L, Qwen-7B)",
        "transformer.vision_tower_high.net_3.weight",
        _TWO_VOCABULARIES,
        language_model="qwen",
        vocabularies=("clip", "vitdet"),
        rules=(_CLIP, _TRAINING),
        unused=(*_CLIP_BUFFERS, *_QWEN_1_BUFFERS),
        prompt_form="qwen",
        tasks=("ocr", "markdown", "chart", "ask"),
        questions=(("ocr", "Provide the ocr results of this image."),),
        config=(("architectures", ["varyQwenForCausalLM"]), ("model_type", "vary")),
    ),
    Layout(
        "got",
        "GOT-OCR2.0, the authors' layout (Qwen-0.5B)",
        "model.vision_tower_high.net_3.weight",
        (
            *under("model.vision_tower_high.", "vocabularies.0.", _SAME),
            rename("model.mm_projector_vary.", "projector.linears.0."),
            rename("model.", "language_model.model."),
            _HEAD_ROW,
        ),
        language_model="qwen2",
        rules=(_LATER,),
        unused=_QWEN_2_BUFFERS,
        prompt_form="got",
        tasks=_GOT_TASKS,
        questions=(("ocr", "OCR: "), ("markdown", "OCR with format: ")),
        config=(("architectures", ["GOTQwenForCausalLM"]), ("model_type", "GOT")),
    ),
    Layout(
        "got-hf-modules",
        "GOT-OCR2.0, Hugging Face's layout, named as its modules",
        "model.multi_modal_projector.conv_upsampler2.weight",
        _got_hugging_face("model.", "model.language_model.", "lm_head."),
        language_model="qwen2",
        rules=(_LATER,),
        has_head=False,
        prompt_form="got",
        tasks=_GOT_TASKS,
        questions=_GOT_HF_QUESTIONS,
    ),
    Layout(
        "got-hf",
        "GOT-OCR2.0, Hugging Face's layout",
        "multi_modal_projector.conv_upsampler2.weight",
        _got_hugging_face("", "language_model.model.", "language_model.lm_head."),
        language_model="qwen2",
        rules=(_LATER,),
        has_head=False,
        prompt_form="got",
        tasks=_GOT_TASKS,
        questions=_GOT_HF_QUESTIONS,
    ),
    Layout(
        "sam-hf",
        "SAM's image encoder, Hugging Face's layout",
        "neck.conv1.weight",
        _HUGGING_FACE_VITDET,
        root="vision_encoder.",
        rules=(_SAM,),
        unused=("prompt_encoder.", "mask_decoder.", "shared_image_embedding."),
        may_miss=("net_2.", "net_3."),
    ),
    Layout(
        "encoder",
        "the paper's network alone, the authors' names",
        "net_3.weight",
        _SAME,
    ),
    Layout(
        "sam",
        "SAM's image encoder, the authors' .pth",
        "neck.0.weight",
        _SAME,
        root="image_encoder.",
        rules=(_SAM,),
        unused=("prompt_encoder.", "mask_decoder."),
        may_miss=("net_2.", "net_3."),
    ),
)


def find_layout(name: str) -> Layout:
    """Return the layout of a name.

    Raises:
        VaryError: there is none; all are listed.
    """
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise VaryError(f"unknown layout {name!r}; there are {known}")
