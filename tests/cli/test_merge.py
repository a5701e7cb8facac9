"""`vary merge`: from folders of others and of ours to a model, and the same bits on day 0."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    PreTrainedTokenizerFast,
    SamConfig,
    SamModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from typer.testing import CliRunner

import vary.model.merging
from vary.cli.main import app
from vary.model import (
    TowerConfig,
    VaryConfig,
    VaryForConditionalGeneration,
    VaryProcessor,
    save_vocabulary,
)
from vary.model.building import add_image_tokens, build_vary
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

DOCUMENT = Path(__file__).parents[2] / "docs" / "merging.md"
VISION = {
    "hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
}  # fmt: skip
CLIP_RULE = {
    "do_center_crop": True, "crop_size": {"height": 28, "width": 28}, "size": {"shortest_edge": 28},
    "do_normalize": True, "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27],
    "resample": 3,
}  # fmt: skip
PLAIN_RULE = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
PAGE = {"mode": "resize", "height": 64, "width": 64}
KINDS = {
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 24},
    "llama": {"intermediate_size": 48, "num_key_value_heads": 1},
    "qwen2": {"intermediate_size": 48, "num_key_value_heads": 2},
}


def make_tokenizer(**tokens) -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["the harbour lies open"] * 3, trainer)
    given = {"bos_token": "<s>", "eos_token": "</s>", **tokens}
    return PreTrainedTokenizerFast(tokenizer_object=made, **given)


def make_llm(kind: str, dtype=torch.float32, **changes):
    torch.manual_seed(1)
    fields = {
        "vocab_size": 300, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 64, "bos_token_id": 0, "pad_token_id": None, "eos_token_id": 2,
        "tie_word_embeddings": False, **KINDS[kind], **changes,
    }  # fmt: skip
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.to(dtype)


def write_llm(folder: Path, kind: str = "qwen2", **tokens) -> None:
    make_llm(kind).save_pretrained(folder)
    make_tokenizer(**tokens).save_pretrained(folder)


def write_vision(folder: Path, network, rule: dict | None) -> None:
    network.save_pretrained(folder)
    if rule is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(rule))


def vitdet() -> ViTDetVocabulary:
    torch.manual_seed(2)
    return ViTDetVocabulary(
        ViTDetConfig(
            image_size=64, patch_size=8, hidden_size=16, num_hidden_layers=1,
            num_attention_heads=2, window_size=3, global_blocks=[0], out_channels=8,
            merge_channels=[12, 20],
        )
    )  # fmt: skip


def clip() -> CLIPModel:
    text = {**VISION, "vocab_size": 20, "max_position_embeddings": 8, "eos_token_id": 2}
    return CLIPModel(
        CLIPConfig(text_config=text, vision_config={**VISION, "image_size": 28, "patch_size": 14})
    )


def sam() -> SamModel:
    vision = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64,
        "patch_size": 8, "output_channels": 8, "window_size": 3, "global_attn_indexes": [1],
        "mlp_dim": 32, "num_pos_feats": 4,
    }  # fmt: skip
    made = SamModel(
        SamConfig(
            vision_config=vision,
            prompt_encoder_config={"hidden_size": 8, "image_size": 64, "patch_size": 8},
            mask_decoder_config={"hidden_size": 8, "num_attention_heads": 2, "mlp_dim": 8},
        )
    )
    for parameter in made.vision_encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # transformers starts at 1e-10: tokens of zeros
    return made


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> Path:
    """A language model, and vocabularies of all kinds; 4 tokens each."""
    made = tmp_path_factory.mktemp("folders")
    torch.manual_seed(0)
    write_llm(made / "qwen")
    write_vision(made / "clip", clip(), CLIP_RULE)
    siglip = SiglipVisionModel(SiglipVisionConfig(**VISION, image_size=32, patch_size=16))
    write_vision(made / "siglip", siglip, {**PLAIN_RULE, "size": {"height": 32, "width": 32}})
    dinov2 = Dinov2Model(Dinov2Config(**VISION, image_size=42, patch_size=14))
    rule = {**CLIP_RULE, "size": {"shortest_edge": 32}, "resample": 1}
    write_vision(made / "dinov2", dinov2, rule)
    write_vision(made / "sam", sam(), {**PLAIN_RULE, "size": {"longest_edge": 64}})
    save_vocabulary(vitdet(), PAGE, made / "vocabulary")
    return made


@pytest.fixture
def here(folders, tmp_path, monkeypatch) -> Path:
    """A working folder with all of them."""
    shutil.copytree(folders, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_reader(folder: Path, kind: str = "llama", dtype=torch.float32, **fields) -> None:
    """Write a finished model of pages, whose answers hang on the picture."""
    language_model, tokenizer = make_llm(kind, dtype), make_tokenizer()
    add_image_tokens(language_model, tokenizer)
    model, processor = build_vary(
        [vitdet()], language_model, tokenizer, image_rules=[PAGE], tasks=["ocr"], **fields
    )
    torch.nn.init.normal_(model.projector.linears[0].weight, std=0.3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def merge(*arguments):
    return CliRunner().invoke(app, ["merge", *map(str, arguments)])


def load(folder):
    model = VaryForConditionalGeneration.from_pretrained(folder).eval()
    return model, VaryProcessor.from_pretrained(folder)


@torch.no_grad()
def answers(folder) -> tuple[torch.Tensor, list[int]]:
    model, processor = load(folder)
    picture = np.random.Generator(np.random.PCG64(3)).integers(0, 256, (90, 60, 3), np.uint8)
    inputs = processor(picture)
    rows = model.generate(**inputs, max_new_tokens=8, min_new_tokens=8)
    return model(**inputs).logits, rows[0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_two_vocabularies_into_a_bare_language_model(here, kind):
    write_llm(here / "llm", kind)
    result = merge(
        "--llm", "llm", "--vocabulary", "clip", "--vocabulary", "vocabulary", "--out", "base"
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "base\n"
    model, processor = load("base")
    assert model.config.fusion == "channel"
    assert model.config.channel_widths == [12, 12]
    towers = model.config.vocabularies
    assert (towers[0].network.model_type, towers[0].layer) == ("clip_vision_model", -2)
    first, second = processor.image_processor.rules
    assert (first.mode, first.resample, first.mean) == ("crop", "bicubic", [0.48, 0.45, 0.4])
    assert second.to_dict()["mode"] == "resize"
    assert processor.tokenizer.pad_token_id is not None
    written = CLIPModel.from_pretrained("clip").vision_model
    kept = model.vocabularies[0].network.state_dict()
    assert len(kept) == len(written.state_dict())
    for name, value in kept.items():
        assert torch.equal(written.state_dict()[name.removeprefix("vision_model.")], value)
    for name, value in make_llm(kind).named_parameters():
        if "embed_tokens" not in name and "lm_head" not in name:
            assert torch.equal(model.language_model.get_parameter(name), value)
    assert len(answers("base")[1]) == 4 + 2 + 8
    again = merge(
        "--llm", "llm", "--vocabulary", "clip", "--vocabulary", "vocabulary", "--out", "again"
    )
    assert again.exit_code == 0
    assert torch.equal(answers("again")[0], answers("base")[0])  # the seed makes the new linears


@pytest.mark.parametrize(
    ("kind", "source", "dtype"),
    [
        ("opt", "clip", torch.float32), ("qwen2", "clip", torch.bfloat16),
        ("llama", "siglip", torch.float32), ("llama", "dinov2", torch.bfloat16),
        ("llama", "sam", torch.float32), ("llama", "vocabulary", torch.bfloat16),
    ],
)  # fmt: skip
def test_into_a_finished_model_without_changing_a_bit(here, kind, dtype, source):
    write_reader(here / "reader", kind, dtype)
    before = answers("reader")
    result = merge("--model", "reader", "--vocabulary", source, "--out", "merged")
    assert result.exit_code == 0, result.stderr
    assert "logits and the texts are bit for bit those of reader" in result.stderr
    after = answers("merged")
    assert before[0].dtype == after[0].dtype == dtype
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    model, processor = load("merged")
    assert model.config.added == processor.added == ["sum"]
    assert model.config.tasks == ["ocr"]
    # A linear that is not zero would be seen.
    torch.nn.init.normal_(model.projector.linears[1].weight)
    model.save_pretrained("merged")
    assert not torch.equal(answers("merged")[0], before[0])


def test_the_check_sees_a_difference_and_leaves_nothing(here, monkeypatch):
    write_reader(here / "reader")
    inner = vary.model.merging.add_vocabulary

    def wrong(model, *rest):
        inner(model, *rest)
        torch.nn.init.normal_(model.projector.linears[-1].weight, std=0.1)

    monkeypatch.setattr(vary.model.merging, "add_vocabulary", wrong)
    result = merge("--model", "reader", "--vocabulary", "siglip", "--out", "merged")
    assert result.exit_code == 2
    assert "answers are not those of the old one: they differ by" in result.stderr
    assert not Path("merged").exists()
    assert not [path for path in here.iterdir() if path.name.startswith(".")]
    loose = merge("--model", "reader", "--vocabulary", "siglip", "--out", "merged", "--no-check")
    assert loose.exit_code == 0
    assert "not compared" in loose.stderr


def test_several_one_after_another_and_out_again(here):
    write_reader(here / "reader")
    options = ["--vocabulary", "clip", "--vocabulary", "reader", "--whole-image", "--layer", "-1"]
    result = merge("--model", "reader", *options, "--out", "three")
    assert result.exit_code == 0, result.stderr
    config = VaryConfig.from_pretrained("three")
    assert config.added == ["sum", "sum"]
    assert config.vocabularies[1].layer == -1
    assert load("three")[1].image_processor.rules[1].mode == "resize"
    # `FOLDER:1` is the second; it goes on as it was.
    second = merge("--model", "reader", "--vocabulary", "three:1", "--out", "two")
    assert second.exit_code == 0, second.stderr
    assert isinstance(load("two")[0].config.vocabularies[1], TowerConfig)


def test_explicit_ways_for_other_numbers_of_tokens(here):
    write_reader(here / "reader")
    wide = SiglipVisionModel(SiglipVisionConfig(**VISION, image_size=48, patch_size=16))
    write_vision(here / "wide", wide, {**PLAIN_RULE, "size": {"height": 48, "width": 48}})
    refused = merge("--model", "reader", "--vocabulary", "wide", "--out", "merged")
    assert refused.exit_code == 2
    assert "give 4 and 9 tokens" in refused.stderr
    assert "Images of 32 x 32 px" in refused.stderr
    options = ["--model", "reader", "--vocabulary", "wide"]
    resized = merge(*options, "--image-size", "32", "--out", "resized")
    assert resized.exit_code == 0, resized.stderr
    assert "positions are interpolated" in resized.stderr
    assert torch.equal(answers("resized")[0], answers("reader")[0])
    longer = merge(*options, "--fusion", "sequence", "--out", "longer")
    assert longer.exit_code == 0
    assert "answers are not those before" in longer.stderr
    assert load("longer")[1].num_image_tokens(64, 64) == 13


def test_fusions_widths_and_positions_of_a_new_model(here):
    write_llm(here / "opt", "opt")
    pair = ["--llm", "opt", "--vocabulary", "siglip", "--vocabulary", "vocabulary"]
    shares = merge(*pair, "--widths", "20,4", "--positions", "96", "--out", "shares")
    assert shares.exit_code == 0, shares.stderr
    model, _ = load("shares")
    assert model.config.channel_widths == [20, 4]
    assert model.config.text_config.max_position_embeddings == 96
    for fusion, tokens in (("sum", 4), ("sequence", 8)):
        done = merge(*pair, "--fusion", fusion, "--prompt-form", "code", "--out", fusion)
        assert done.exit_code == 0, done.stderr
        assert load(fusion)[1].num_image_tokens(32, 32) == tokens
        assert load(fusion)[1].prompt_form == "code"


def test_sam_keeps_its_encoder(here):
    result = merge("--llm", "qwen", "--vocabulary", "sam", "--out", "merged")
    assert result.exit_code == 0, result.stderr
    assert "SAM has no merging convolutions: they are new" in result.stderr
    model, _ = load("merged")
    neck = SamModel.from_pretrained("sam").vision_encoder.neck
    assert torch.equal(model.vocabularies[0].neck[0].weight, neck.conv1.weight)
    assert model.config.vocabularies[0].global_blocks == [1]


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_shape(path: Path) -> None:
    raw = json.loads(path.read_text())
    raw["vision_config"]["intermediate_size"] = 20
    path.write_text(json.dumps(raw))


def without(path: Path, *names: str) -> None:
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in raw.items() if key not in names}))


CLIP_IN = ["--llm", "qwen", "--vocabulary", "clip"]


@pytest.mark.parametrize(
    ("prepare", "arguments", "said"),
    [
        (None, ["--vocabulary", "clip"], "give either --llm, a bare language model, or --model"),
        (None, ["--llm", "none", "--vocabulary", "clip"], "unknown model 'none'"),
        (None, ["--llm", "qwen", "--vocabulary", "nowhere"], "unknown model 'nowhere'"),
        (None, ["--llm", "qwen", "--vocabulary", "clip:1"], "holds one vision model; leave :1"),
        (None, ["--llm", "qwen", "--vocabulary", "qwen"], "qwen2 has no image_size"),
        (
            lambda: make_tokenizer().save_pretrained("clip"),
            ["--llm", "clip", "--vocabulary", "clip"],
            "clip cannot be loaded as a causal",
        ),
        (None, ["--llm", "nano", "--vocabulary", "clip"], "one of ours: give it as --model"),
        (None, ["--model", "qwen", "--vocabulary", "clip"], "qwen is no model of ours"),
        (None, [*CLIP_IN, "--widths", "9"], r"widths \[9\] must be 1 numbers .* width 24"),
        (None, [*CLIP_IN, "--widths", "a"], "--widths a is no list of numbers"),
        (None, [*CLIP_IN, "--layer", "-9"], "layer must be one of -1 .* got -9"),
        (None, [*CLIP_IN, "--image-size", "30"], "30, 30.* no whole number of the 14x14 px"),
        (None, [*CLIP_IN, "--image-size", "0"], "--image-size 0 is no size"),
        (None, [*CLIP_IN, "--image-size", "28", "--image-size", "own"], "given 2 times for 1"),
        (None, [*CLIP_IN, "--positions", "99"], "rotary positions need none"),
        (
            None,
            [*CLIP_IN, "--vocabulary", "siglip", "--image-size", "56", "--image-size", "own"],
            r"give 16 and 4 tokens of one image.*clip: .* = 16 tokens.*siglip: .* = 4 tokens",
        ),
        (
            lambda: half(Path("clip/model.safetensors")),
            CLIP_IN,
            r"clip/model\.safetensors is no safetensors file",
        ),
        (
            lambda: half(Path("qwen/model.safetensors")),
            CLIP_IN,
            r"qwen/model\.safetensors is no safetensors file",
        ),
        (lambda: other_shape(Path("clip/config.json")), CLIP_IN, "clip cannot be loaded as CLIP"),
        (
            lambda: Path("clip/preprocessor_config.json").unlink(),
            CLIP_IN,
            r"clip has no preprocessor_config\.json",
        ),
        (
            lambda: without(Path("clip/preprocessor_config.json"), "image_mean", "resample"),
            CLIP_IN,
            "does not tell resample, image_mean, which the network was made with",
        ),
        (
            lambda: write_llm(Path("qwen"), eos_token=None),
            CLIP_IN,
            "the tokenizer has no end token",
        ),
        (lambda: Path("qwen/tokenizer.json").unlink(), CLIP_IN, "qwen has no tokenizer"),
        (lambda: (Path("out").mkdir(), Path("out/a").touch()), CLIP_IN, "out is not empty"),
    ],
)
def test_errors_are_told_in_one_line(here, prepare, arguments, said):
    if prepare:
        prepare()
    was_there = Path("out").exists()
    result = merge(*arguments, "--out", "out")
    told = [line for line in result.stderr.splitlines() if line.startswith("vary: ")]
    assert result.exit_code == 2, result.stderr
    assert len(told) == 1, result.stderr
    assert re.search(said, told[0]), told[0]
    assert Path("out").exists() == was_there
    assert not [path for path in here.iterdir() if path.name.startswith(".")]


def test_what_belongs_to_a_language_model_alone(here):
    write_reader(here / "reader")
    options = ["--model", "reader", "--vocabulary", "clip", "--out", "out"]
    for more, said in (
        (["--widths", "12,12"], "--widths belong to --llm"),
        (["--prompt-form", "qwen"], "--prompt-form belong to --llm"),
        (["--fusion", "channel"], "deals the width out"),
    ):
        result = merge(*options, *more)
        assert result.exit_code == 2
        assert said in result.stderr


TEMPLATE = (
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "option", "form", "end"),
    [
        (None, None, "paper", "</s>"),
        (TEMPLATE, None, "template", "</s>"),
        (TEMPLATE, "qwen", "qwen", "<|im_end|>"),
        (None, "vicuna", "vicuna", "</s>"),
    ],
)
def test_a_language_model_is_asked_in_its_own_form(here, template, option, form, end):
    make_llm("llama", max_position_embeddings=512).save_pretrained(here / "llm")
    make_tokenizer().save_pretrained(here / "llm")
    if template:
        (here / "llm" / "chat_template.jinja").write_text(template)
    given = ["--prompt-form", option] if option else []
    result = merge("--llm", "llm", "--vocabulary", "vocabulary", "--out", "base", *given)
    assert result.exit_code == 0, result.stderr
    assert f"prompt form {form}; " in result.stderr
    model, processor = load("base")
    assert processor.prompt_form == form
    number = processor.tokenizer.convert_tokens_to_ids(end)
    assert model.generation_config.eos_token_id == processor.end_id == number
    assert model.get_input_embeddings().weight.shape[0] >= len(processor.tokenizer)
    if form != "paper":
        talk = [{"role": "user", "content": "<image>\nWhat?"}]
        picture = np.zeros((64, 64, 3), np.uint8)
        rows = model.generate(**processor(picture, messages=[talk]), max_new_tokens=4)
        assert isinstance(processor.post_process_image_text_to_text(rows)[0], str)


@pytest.mark.parametrize(
    ("form", "said"),
    [("template", "has no chat template"), ("mistral", "known are paper, code, qwen, vicuna")],
)
def test_a_form_that_cannot_be_written_leaves_nothing(here, form, said):
    result = merge(
        "--llm", "qwen", "--vocabulary", "vocabulary", "--out", "base", "--prompt-form", form
    )
    assert result.exit_code == 2 and said in result.stderr
    assert not Path("base").exists()


def test_the_commands_of_the_document_run(here):
    """In order, on tiny folders of the names that the document has."""
    for name in ("clip-l", "siglip-so400m"):
        write_vision(here / name, clip(), CLIP_RULE)
    shutil.rmtree(here / "vocabulary")  # one is taken out of nano
    write_reader(here / "tiny")
    write_llm(here / "qwen-7b")
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    done = []
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "vary"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, (line, result.stderr)
        done.append(words[1])
    assert done.count("merge") >= 3
