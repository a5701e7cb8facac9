"""Small releases in every layout, with weights of realistic scale, and what they answer.

The answers come from transformers' own classes, and for Qwen-1, which it does not have, from the
equations. The names of the authors' layouts are written down here anew.
"""

import base64
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    GotOcr2Config,
    GotOcr2ForConditionalGeneration,
    OPTConfig,
    OPTForCausalLM,
    SamConfig,
    SamModel,
)

from vary.model.layouts.importing import import_weights

TEXTS = ["the harbour lies open to the north", "in winter the ferries wait", "页面上的文字"]
VISION = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 64,
    "patch_size": 8, "output_channels": 16, "window_size": 3, "global_attn_indexes": [1],
    "mlp_dim": 192,
}  # fmt: skip
TOKENS = 4  # of an image
PAPERS = "vary-tiny, the paper's size"
IMAGE_TOKENS = ["<imgpad>", "<img>", "</img>"]
QWEN_SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{n}|>" for n in range(205)),
    "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>",
]  # fmt: skip


@torch.no_grad()
def randomise(module: nn.Module, seed: int = 0) -> None:
    """Give every parameter values of the scale that trained ones have."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "rel_pos" in name:
            values *= 0.5
        elif "norm" in name or "ln_" in name:
            values = values * 0.1 + (1 if name.endswith("weight") else 0)
        elif name.endswith("bias"):
            values *= 0.1
        elif "pos_embed" not in name and parameter.dim() > 1:
            values *= parameter[0].numel() ** -0.5
        parameter.copy_(values)


@dataclass
class Release:
    """Weights as a project gives them out.

    Args:
        folder: with tokenizer and config.json.
        file: of the weights.
        state: what is in it.
        logits: (ids, pixels of each vocabulary) -> logits of the project's own network.
        reference: that network.
    """

    folder: Path
    file: Path
    state: dict[str, Tensor]
    logits: Callable[[Tensor, list[Tensor]], Tensor] | None = None
    reference: Any = None
    extra: dict[str, Any] = field(default_factory=dict)


AUTHORS_NAMES = (
    ("multi_modal_projector.conv_upsampler1.", "net_2."),
    ("multi_modal_projector.conv_upsampler2.", "net_3."),
    ("vision_tower.", ""),
    ("patch_embed.projection.", "patch_embed.proj."),
    ("neck.conv1.", "neck.0."),
    ("neck.layer_norm1.", "neck.1."),
    ("neck.conv2.", "neck.2."),
    ("neck.layer_norm2.", "neck.3."),
    (".layer_norm1.", ".norm1."),
    (".layer_norm2.", ".norm2."),
    ("layers.", "blocks."),
)


def authors_names(state: dict[str, Tensor], encoder: str) -> dict[str, Tensor]:
    """Return the encoder of Hugging Face's GOT or SAM under the authors' names."""
    renamed = {}
    for name, value in state.items():
        new = name
        for theirs, authors in AUTHORS_NAMES:
            new = new.replace(theirs, authors)
        renamed[encoder + new] = value
    return renamed


def make_got(
    rows: int, hidden: int, image_token: int, vision: dict[str, Any] | None = None
) -> GotOcr2ForConditionalGeneration:
    text = {
        "model_type": "qwen2", "vocab_size": rows, "hidden_size": hidden, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64, "max_position_embeddings": 512,
        "tie_word_embeddings": True, "rope_theta": 1000000.0, "bos_token_id": None,
        "eos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    config = GotOcr2Config(
        vision_config=VISION if vision is None else vision,
        text_config=text,
        image_token_index=image_token,
        image_seq_length=TOKENS,
    )
    model = GotOcr2ForConditionalGeneration(config).eval()
    randomise(model)
    return model


def encode(got: GotOcr2ForConditionalGeneration, pixels: Tensor) -> Tensor:
    """Return (B, N, C) tokens of transformers' encoder and its two convolutions."""
    projector = got.model.multi_modal_projector
    features = got.model.vision_tower(pixels).last_hidden_state
    merged = projector.conv_upsampler2(projector.conv_upsampler1(features))
    return merged.flatten(2).transpose(1, 2)


def encoder_state(got: GotOcr2ForConditionalGeneration, prefix: str) -> dict[str, Tensor]:
    state = {
        name.removeprefix("model."): value
        for name, value in got.state_dict().items()
        if "vision_tower" in name or "conv_upsampler" in name
    }
    return authors_names(state, prefix)


def put_in(embeds: Tensor, ids: Tensor, tokens: Tensor, image_token: int) -> Tensor:
    """Return embeddings with an image's tokens in the places that wait for them."""
    embeds = embeds.clone()
    embeds[ids == image_token] = tokens.reshape(-1, tokens.shape[-1])
    return embeds


def byte_pairs(special: list[str], size: int) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(TEXTS * 3, trainer)
    return made


def write_opt_tokenizer(folder: Path, added: list[str]) -> int:
    """Write OPT's kind of files, and return how many tokens there are."""
    made = byte_pairs(["<s>", "<pad>", "</s>", "<unk>"], 320)
    made.model.save(str(folder))
    size = made.get_vocab_size()
    roles = {"bos_token": "</s>", "eos_token": {"content": "</s>"}, "pad_token": "<pad>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(roles))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    numbers = {token: size + number for number, token in enumerate(added)}
    (folder / "added_tokens.json").write_text(json.dumps(numbers))
    return size + len(added)


def write_qwen_tokenizer(folder: Path) -> int:
    """Write a small qwen.tiktoken, and return how many tokens Qwen-1 has then."""
    letters = {**{chr(b): b for b in [*range(33, 127), *range(161, 173), *range(174, 256)]}}
    for number, byte in enumerate(b for b in range(256) if b not in letters.values()):
        letters[chr(256 + number)] = byte
    made = byte_pairs([], 290)
    pieces = {bytes(letters[c] for c in piece): n for piece, n in made.get_vocab().items()}
    lines = [
        f"{base64.b64encode(p).decode()} {n}" for p, n in sorted(pieces.items(), key=lambda i: i[1])
    ]
    (folder / "qwen.tiktoken").write_text("\n".join(lines) + "\n")
    remote = {
        "tokenizer_class": "QWenTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(remote))
    return len(pieces) + len(QWEN_SPECIAL)


def make_opt(rows: int, **fields: Any) -> OPTForCausalLM:
    sizes = {
        "hidden_size": 128, "ffn_dim": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 300, "word_embed_proj_dim": 128,
    }  # fmt: skip
    model = OPTForCausalLM(
        OPTConfig(
            vocab_size=rows,
            bos_token_id=2,
            eos_token_id=2,
            pad_token_id=1,
            **(fields or sizes),
        )
    ).eval()
    randomise(model, 1)
    return model


class OptReader(nn.Module):
    """Transformers' encoder and OPT with a linear between them, as the authors put them."""

    def __init__(
        self,
        image_token: int,
        got: GotOcr2ForConditionalGeneration,
        opt: OPTForCausalLM,
    ) -> None:
        super().__init__()
        self.image_token, self.got, self.opt = image_token, got, opt
        self.projector = nn.Linear(got.config.text_config.hidden_size, opt.config.hidden_size)
        randomise(self.projector, 2)

    def forward(self, ids: Tensor, pixels: list[Tensor]) -> Tensor:
        tokens = self.projector(encode(self.got, pixels[0]))
        embeds = put_in(self.opt.get_input_embeddings()(ids), ids, tokens, self.image_token)
        return self.opt(inputs_embeds=embeds).logits

    def state(self, vision: str, projector: str, prefix: str = "") -> dict[str, Tensor]:
        language_model = {prefix + name: value for name, value in self.opt.state_dict().items()}
        linear = {f"{projector}.{name}": v for name, v in self.projector.state_dict().items()}
        return {**language_model, **encoder_state(self.got, vision), **linear}


class Qwen1Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Qwen1Block(nn.Module):
    """A block of Qwen-1 by its equations.

    c_attn gives query, key and value one behind the other; query and key are turned by their
    position, half against half; the MLP is c_proj(w1(x) * silu(w2(x))).
    """

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = Qwen1Norm(width), Qwen1Norm(width)
        self.attn = nn.ModuleDict(
            {"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width, bias=False)}
        )
        self.mlp = nn.ModuleDict(
            {
                "w1": nn.Linear(width, inner, bias=False),
                "w2": nn.Linear(width, inner, bias=False),
                "c_proj": nn.Linear(inner, width, bias=False),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        size = width // self.heads
        mixed = self.attn["c_attn"](self.ln_1(x)).split(width, dim=-1)
        query, key, value = (
            part.view(batch, length, self.heads, size).transpose(1, 2) for part in mixed
        )
        turned = self.turn(query) @ self.turn(key).transpose(-1, -2) / math.sqrt(size)
        mask = torch.full((length, length), -torch.inf).triu(1)
        seen = (turned + mask).softmax(-1) @ value
        x = x + self.attn["c_proj"](seen.transpose(1, 2).reshape(batch, length, width))
        normed = self.ln_2(x)
        gated = self.mlp["w1"](normed) * nn.functional.silu(self.mlp["w2"](normed))
        return x + self.mlp["c_proj"](gated)

    @staticmethod
    def turn(x: Tensor) -> Tensor:
        length, size = x.shape[-2:]
        speeds = 10000.0 ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(length)[:, None] * speeds
        first, second = x[..., : size // 2], x[..., size // 2 :]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Qwen1(nn.Module):
    def __init__(self, rows: int, width: int, heads: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(rows, width)
        self.h = nn.ModuleList(Qwen1Block(width, heads, 80) for _ in range(2))
        self.ln_f = Qwen1Norm(width)

    def forward(self, embeds: Tensor) -> Tensor:
        for block in self.h:
            embeds = block(embeds)
        return self.ln_f(embeds)


class QwenReader(nn.Module):
    """CLIP, transformers' encoder and Qwen-1, as in Vary-base and Vary-toy."""

    def __init__(self, rows: int, image_token: int) -> None:
        super().__init__()
        self.image_token = image_token
        self.got = make_got(64, 64, 0)
        self.clip = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=1,
                image_size=28, patch_size=14,
            )
        ).eval()  # fmt: skip
        self.linears = nn.ModuleList([nn.Linear(64, 128), nn.Linear(64, 128)])
        self.qwen = Qwen1(rows, 256, 2)
        self.lm_head = nn.Linear(256, rows, bias=False)
        for number, part in enumerate((self.clip, self.linears, self.qwen, self.lm_head)):
            randomise(part, number)

    def forward(self, ids: Tensor, pixels: list[Tensor]) -> Tensor:
        seen = self.clip(pixels[0], output_hidden_states=True).hidden_states[-2][:, 1:]
        parts = [self.linears[0](seen), self.linears[1](encode(self.got, pixels[1]))]
        embeds = put_in(self.qwen.wte(ids), ids, torch.cat(parts, -1), self.image_token)
        return self.lm_head(self.qwen(embeds))

    def state(self) -> dict[str, Tensor]:
        clip = {
            f"transformer.vision_tower.vision_model.{name.removeprefix('vision_model.')}": value
            for name, value in self.clip.state_dict().items()
        }
        clip["transformer.vision_tower.vision_model.embeddings.position_ids"] = torch.arange(5)[
            None
        ]
        linears = {
            f"transformer.{name}.{kind}": getattr(linear, kind)
            for name, linear in zip(
                ("mm_projector", "mm_projector_vary"), self.linears, strict=True
            )
            for kind in ("weight", "bias")
        }
        qwen = {f"transformer.{name}": value for name, value in self.qwen.state_dict().items()}
        head = {"lm_head.weight": self.lm_head.weight}
        high = encoder_state(self.got, "transformer.vision_tower_high.")
        return {**qwen, **clip, **high, **linears, **head}


def write_state(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    held = {name: value.detach().clone().contiguous() for name, value in state.items()}
    if path.suffix == ".safetensors":
        save_file(held, path, metadata={"format": "pt"})
    else:
        torch.save(held, path)
    return held


def write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields))


def opt_release(folder: Path, layout: str) -> Release:
    added = [*IMAGE_TOKENS, *(["<Number>"] if layout == "onechart" else [])]
    size = write_opt_tokenizer(folder, added if layout != "vary-tiny-600k" else [])
    image_token = size if layout == "vary-tiny-600k" else size - len(added)
    reader = OptReader(image_token, make_got(64, 64, 0), make_opt(size + 7))
    if layout == PAPERS:
        reader = OptReader(
            image_token,
            make_got(64, 1024, 0, vision={}),
            make_opt(50_268, max_position_embeddings=4096),
        )
        layout = "vary-tiny"
    config = {**reader.opt.config.to_dict(), "model_type": "vary", "im_patch_token": image_token}
    if layout == "vary-tiny-600k":
        state = reader.state("visual_encoder.", "opt_proj", "opt_model.")
        held = {name: value.detach().clone() for name, value in state.items()}
        file = folder / "checkpoint_3.pth"
        torch.save({"model": held, "optimizer": {"state": {}}, "epoch": 3, "scaler": None}, file)
        return Release(folder, file, held, reader, reader)
    write_json(folder / "config.json", config)
    vision = "model.vision_tower_2." if layout == "vary-tiny" else "model.vision_tower."
    state = reader.state(vision, "model.mm_projector")
    if layout == "onechart":
        head = nn.Sequential(
            nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 256)
        )
        state |= {f"num_decoder.{name}": value for name, value in head.state_dict().items()}
    file = folder / "pytorch_model.bin"
    return Release(folder, file, write_state(state, file), reader, reader)


def qwen_release(folder: Path, layout: str) -> Release:
    rows = write_qwen_tokenizer(folder)
    reader = QwenReader(rows, rows - 1)
    write_json(
        folder / "config.json",
        {
            "model_type": "vary", "architectures": ["varyQwenForCausalLM"], "hidden_size": 256,
            "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 2,
            "kv_channels": 128, "layer_norm_epsilon": 1e-6, "rotary_emb_base": 10000,
            "rotary_pct": 1.0, "seq_length": 512, "max_position_embeddings": 512, "no_bias": True,
            "use_dynamic_ntk": True, "use_logn_attn": True, "vocab_size": rows,
            "tie_word_embeddings": False, "im_patch_token": rows - 1,
        },
    )  # fmt: skip
    file = folder / "model.safetensors"
    return Release(folder, file, write_state(reader.state(), file), reader, reader)


def got_release(folder: Path, layout: str) -> Release:
    rows = write_qwen_tokenizer(folder)
    got = make_got(rows, 128, rows - 1)
    logits = lambda ids, pixels: got(input_ids=ids, pixel_values=pixels[0]).logits  # noqa: E731
    if layout == "got":
        own = got.state_dict()
        state = {
            name.replace("model.language_model.", "model."): value
            for name, value in own.items()
            if "vision_tower" not in name and "multi_modal" not in name
        }
        state |= encoder_state(got, "model.vision_tower_high.")
        linear = got.model.multi_modal_projector.multimodal_projector
        state |= {f"model.mm_projector_vary.{name}": v for name, v in linear.state_dict().items()}
        text = got.config.text_config.to_dict()
        fields = {
            "model_type": "GOT",
            "architectures": ["GOTQwenForCausalLM"],
            "im_patch_token": rows - 1,
        }
        write_json(folder / "config.json", {**text, **fields, "tie_word_embeddings": True})
        file = folder / "model.safetensors"
        return Release(folder, file, write_state(state, file), logits, got)
    got.save_pretrained(folder)
    rule = {"image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27], "resample": 3}
    write_json(folder / "preprocessor_config.json", {**rule, "size": {"height": 64, "width": 64}})
    file = folder / "model.safetensors"
    if layout == "got-hf-modules":
        state = {
            name: value for name, value in got.state_dict().items() if name != "lm_head.weight"
        }
        return Release(folder, file, write_state(state, file), logits, got)
    from safetensors.torch import load_file

    return Release(folder, file, load_file(file), logits, got)


def sam_release(folder: Path, layout: str) -> Release:
    sam = SamModel(
        SamConfig(
            vision_config={**VISION, "num_pos_feats": 8},
            prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8},
            mask_decoder_config={"hidden_size": 16, "num_attention_heads": 2, "mlp_dim": 8},
        )
    ).eval()
    randomise(sam)
    if layout == "sam-hf":
        sam.save_pretrained(folder)
        from safetensors.torch import load_file

        file = folder / "model.safetensors"
        return Release(folder, file, load_file(file), reference=sam)
    inner = authors_names(sam.vision_encoder.state_dict(), "image_encoder.")
    inner |= {
        "prompt_encoder.no_mask_embed.weight": torch.ones(1, 4),
        "mask_decoder.a": torch.ones(2),
    }
    file = folder / "sam_vit_b.pth"
    return Release(folder, file, write_state(inner, file), reference=sam)


WRITERS = {
    PAPERS: opt_release, "vary-tiny": opt_release, "vary-tiny-600k": opt_release,
    "onechart": opt_release,
    "vary-toy": qwen_release, "got": got_release, "got-hf": got_release,
    "got-hf-modules": got_release, "sam": sam_release, "sam-hf": sam_release,
}  # fmt: skip


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> Callable[[str], Release]:
    """Return a function that gives the release of a layout; it must not be changed."""
    made: dict[str, Release] = {}

    def get(layout: str) -> Release:
        if layout not in made:
            made[layout] = WRITERS[layout](tmp_path_factory.mktemp(layout), layout)
        return made[layout]

    return get


@pytest.fixture(scope="session")
def ours(releases, tmp_path_factory) -> Callable[[str], Path]:
    """Return a function that gives a release's import; it must not be changed."""
    made: dict[str, Path] = {}

    def get(layout: str) -> Path:
        if layout not in made:
            made[layout] = tmp_path_factory.mktemp("ours") / layout
            release = releases(layout)
            import_weights(release.file if layout == "sam" else release.folder, made[layout])
        return made[layout]

    return get
