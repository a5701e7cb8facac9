"""What a recipe takes, held against counts made in another way."""

from pathlib import Path

import pytest
import torch

from vary.errors import VaryError
from vary.train.build import build, meta_model
from vary.train.plan import DEFAULT_ANSWER_TOKENS, measure, plan
from vary.train.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


def test_vary_tiny_is_of_the_papers_size():
    (stage,) = plan(load_recipe(RECIPES / "tiny.yaml"))
    assert (stage.trained, stage.frozen) == (223_170_816, 0)
    assert stage.image_tokens == 256
    assert stage.samples == 512 * 21_210  # three epochs of the paper's 3.62 million
    assert stage.answer_tokens == DEFAULT_ANSWER_TOKENS
    with torch.device("meta"):
        model = meta_model(load_recipe(RECIPES / "tiny.yaml").model)
    assert model.language_model.model.decoder.embed_positions.weight.shape == (4098, 768)
    assert model.get_input_embeddings().weight.shape == (50275, 768)
    # fp32 weights, gradients and two moments.
    assert stage.state_bytes == 223_170_816 * 16
    assert stage.memory_bytes == stage.state_bytes + 8 * stage.activation_bytes


def test_the_model_planned_is_the_model_trained(tiny, built):
    """But for the pieces, of which the tests' few texts give less than the recipe asks for."""
    with torch.device("meta"):
        planned = meta_model(tiny().model)
    shapes = [
        {name: p.shape for name, p in model.named_parameters() if "embed_tokens" not in name}
        for model in (planned, built[0])
    ]
    assert shapes[0] == shapes[1]


def test_flops_are_those_of_the_matrices(tiny):
    """Of a language model with long answers: 6 for each weight and token, and the attention."""
    model = ["model.text.hidden_size=256", "model.text.intermediate_size=1024"]
    recipe = tiny("stages.read.objective=text", "stages.read.frozen=['vocabularies.*']", *model)
    few, many = (plan(recipe, tokens)[1] for tokens in (100, 200))
    weights = 4 * 256 * 256 + 3 * 256 * 1024 + 256 * recipe.model.tokenizer.vocabulary_size
    lengths = [stage.image_tokens + 2 + stage.answer_tokens for stage in (few, many)]
    attention = [2 * 2 * length * length * 256 for length in lengths]  # scores and values
    expected = 6 * weights * 100 + 3 * (attention[1] - attention[0])
    assert many.flops - few.flops == pytest.approx(expected, rel=0.02)


def test_what_is_frozen_costs_no_backward_and_no_state(tiny):
    trained = plan(tiny("stages.read.objective=text", "stages.read.frozen=[]"))[1]
    frozen = plan(tiny("stages.read.objective=text", "stages.read.frozen=['vocabularies.*']"))[1]
    assert frozen.frozen > 0 and trained.frozen == 0
    assert trained.trained == frozen.trained + frozen.frozen
    assert frozen.flops < trained.flops
    assert frozen.activation_bytes < trained.activation_bytes
    assert trained.state_bytes - frozen.state_bytes == 12 * frozen.frozen
    averaged = plan(tiny("stages.read.average_decay=0.9"))[1]
    assert averaged.state_bytes == plan(tiny())[1].state_bytes + 4 * averaged.trained


def test_checkpointing_keeps_less_for_the_same_flops(tiny):
    plain, again = (
        plan(tiny(f"stages.read.gradient_checkpointing={on}"))[1] for on in (False, True)
    )
    assert again.activation_bytes < 0.8 * plain.activation_bytes
    assert again.flops == plain.flops


def test_samples_and_parts_follow_the_batch(tiny):
    stage = plan(
        tiny("stages.read.batch_size=10", "stages.read.batch_px=0", "stages.read.micro_batches=4")
    )[1]
    assert (stage.samples, stage.micro_batch) == (30, 3)
    assert stage.total_flops == 30 * stage.flops
    assert stage.hours(1.0, 2, 0.5) == pytest.approx(stage.total_flops / 1e12 / 3600)


def test_a_sample_is_timed_here(tiny):
    recipe = tiny()
    assert 0 < measure(recipe, recipe.stages[1], 8, repeats=1) < 60


def test_a_language_model_that_nobody_describes_is_told(tiny, tmp_path):
    recipe = load_recipe(
        RECIPES / "tiny.yaml", ["model.text={}", f"model.language_model={tmp_path}"]
    )
    with pytest.raises(VaryError, match=r"say in model\.text what it is"):
        plan(recipe)


def test_weights_that_are_not_there_are_told(tmp_path, materials):
    with pytest.raises(VaryError, match="no language model and tokenizer at"):
        build(load_recipe(RECIPES / "tiny.yaml", [f"model.language_model={tmp_path}"]), materials)


def test_lines_of_pages_are_counted_too(tiny):
    """Of a page the CTC head reads lines by their boxes; without any it is taken to be full."""
    page = ["model.vocabulary.ctc_rows=2", "model.vocabulary.image_size=[64, 256]"]
    with_head = plan(tiny("stages.read.objective=both", "stages.read.frozen=[]", *page))[1]
    without = plan(tiny("stages.read.objective=text", "stages.read.frozen=[]", *page))[1]
    assert with_head.flops > without.flops


def test_attention_keeps_what_fused_attention_keeps(tiny):
    """Activations grow with the length, not with its square."""
    recipe = tiny("stages.read.objective=text", "stages.read.frozen=['vocabularies.*']")
    kept = [plan(recipe, tokens)[1].activation_bytes for tokens in (256, 512, 1024)]
    assert kept[2] - kept[1] == pytest.approx(2 * (kept[1] - kept[0]), rel=0.05)


def test_blocks_are_planned_at_their_mean_size():
    stages = {stage.name: stage for stage in plan(load_recipe(RECIPES / "page.yaml"))}
    assert stages["words"].image == (64, 512)
    assert stages["words"].flops < stages["lines"].flops < stages["pages"].flops / 4


@pytest.mark.parametrize("name", ["base-pretrain", "base-sft"])
def test_the_recipes_of_vary_base_are_planned_on_any_merged_model(name, tmp_path, base):
    """CLIP's pictures and the ViTDet's are of two sizes; both are counted, neither is trained."""
    folder = base().init
    recipe = load_recipe(RECIPES / f"{name}.yaml", [f"model.base={folder}"])
    (stage,) = plan(recipe, 20)
    whole = meta_model(recipe.model)
    frozen = sum(part.numel() for part in whole.vocabularies.parameters())
    assert (stage.frozen, stage.trained) == (frozen, whole.num_parameters() - frozen)
    assert stage.image == (64, 128) and stage.image_tokens == 8
    epoch = sum(recipe.weights(recipe.stages[0]).values()) * 1e6
    assert stage.samples == pytest.approx(epoch, abs=recipe.stages[0].batch_size)


def test_adapters_are_counted_in_place_of_the_language_model(base):
    """Of each linear layer n x m four columns and four rows, and the linears of the projector."""
    frozen, lora = "stages.read.frozen=[vocabularies.*]", "stages.read.lora={rank: 4}"
    whole, adapted = (plan(base(frozen, *more))[0] for more in ((), (lora,)))
    shapes = [(48, 48), (24, 48), (24, 48), (48, 48), (64, 48), (64, 48), (48, 64)]
    adapters = 2 * sum(4 * (rows + columns) for rows, columns in shapes)
    linears = 2 * (32 * 24 + 24)
    assert adapted.trained == adapters + linears
    assert adapted.frozen == whole.frozen + whole.trained - linears
    assert adapted.state_bytes < whole.state_bytes
