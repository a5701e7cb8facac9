"""Adapters of the language model: what they change, what is written, going on, what is refused."""

import copy

import pytest
import torch
from peft import PeftModel

from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration
from vary.train.batches import StageBatches
from vary.train.build import load
from vary.train.lora import ADAPTER_FOLDER, Adapters, check_targets
from vary.train.objective import ReadingObjective
from vary.train.recipe import LoraRecipe
from vary.train.run import stage_mixture, train
from vary.train.sharding import whole_state
from vary.train.sources import Materials

pytestmark = pytest.mark.usefixtures("log_every_step")
LORA = "stages.read.lora={rank: 4, alpha: 8, dropout: 0.1}"
RUN = (LORA, "stages.read.average_decay=0.5", "stages.read.steps=4")
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture
def untrained(base):
    """Return the model that runs of these tests start from."""
    return load(base().run_folder.parent / base().init)[0].eval()


def shaken(model, **fields):
    """Return the adapters of a model, with values as after training."""
    adapters = Adapters(model, LoraRecipe(**{"rank": 4, "alpha": 8.0, **fields}), 0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.data.normal_(std=0.2)
    return adapters


def logits(model):
    tokens = torch.arange(3, 40).reshape(1, -1)
    with torch.no_grad():
        return model.eval().language_model(input_ids=tokens).logits


def plain(untrained, state):
    """Return a model without adapters that has these weights."""
    model = VaryForConditionalGeneration(untrained.config).eval()
    model.load_state_dict(state)
    return model


def test_merged_weights_answer_as_the_adapted_model(untrained):
    before = logits(untrained)
    model = copy.deepcopy(untrained)
    adapters = shaken(model)
    adapted = logits(model)
    assert (adapted - before).abs().max() > 0.1
    merged = plain(untrained, adapters.merged(whole_state(model)))
    assert (logits(merged) - adapted).abs().max() < 1e-5
    assert torch.equal(logits(plain(untrained, adapters.base(whole_state(model)))), before)


def test_merged_weights_are_those_of_peft(untrained):
    adapters = shaken(untrained)
    ours = adapters.merged(whole_state(untrained))
    theirs = adapters.peft_model.merge_and_unload(safe_merge=True).state_dict()
    for name, value in theirs.items():
        assert (ours[f"language_model.{name}"] - value).abs().max() < 1e-6


def test_a_table_that_is_stored_turned_is_merged_too():
    """GPT-2's layers hold their matrices the other way round."""
    from transformers import AutoModelForCausalLM, GPT2Config

    model = torch.nn.Module()
    config = GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=50, n_positions=64)
    model.language_model = AutoModelForCausalLM.from_config(config).eval()
    adapters = shaken(model)
    adapted = logits(model)
    merged = adapters.merged(whole_state(model))
    peft = adapters.peft_model.merge_and_unload()
    peft.load_state_dict({n.removeprefix("language_model."): v for n, v in merged.items()})
    assert (peft(input_ids=torch.arange(3, 40).reshape(1, -1)).logits - adapted).abs().max() < 1e-5


def test_bf16_rounds_what_is_merged(untrained):
    """A 256th of a weight's size is the least that it can be changed by."""
    model = copy.deepcopy(untrained).to(torch.bfloat16)
    adapters = shaken(model)
    state = whole_state(model)
    merged, base = adapters.merged(state), adapters.base(state)
    name = "language_model.model.layers.0.self_attn.q_proj"
    layer = adapters.layers[name]
    exact = base[f"{name}.weight"].float() + layer.get_delta_weight("default").float()
    assert merged[f"{name}.weight"].dtype == torch.bfloat16
    lost = (merged[f"{name}.weight"].float() - exact).abs()
    assert 0 < lost.max() <= exact.abs().max() / 256


def test_all_linear_layers_of_the_language_model_and_no_others(untrained):
    adapters = Adapters(untrained, LoraRecipe(), 0)
    found = {name.rsplit(".", 1)[-1] for name in adapters.layers}
    assert found == set(LINEAR)
    with_adapters = {n for n, _ in untrained.named_parameters() if ".lora_" in n}
    assert with_adapters and all(
        n.startswith("language_model.model.layers.") for n in with_adapters
    )


@pytest.mark.parametrize("target", ["q_prj", "embed_tokens", "lm_head", "neck", "proj"])
def test_a_wrong_target_is_told_with_those_that_there_are(untrained, target):
    with pytest.raises(VaryError, match=f"target '{target}' is no linear layer") as error:
        check_targets(untrained.language_model, ("q_proj", target))
    assert ", ".join(sorted(LINEAR)) in str(error.value)


def test_a_wrong_target_is_told_before_anything_is_written(base, runs, tmp_path):
    recipe = base("stages.read.lora={targets: [qproj]}", f"out={tmp_path / 'run'}")
    with pytest.raises(VaryError, match="lora: target 'qproj' is no linear layer"):
        train(recipe, console=runs.quiet())
    assert not (tmp_path / "run").exists()


def test_a_name_may_be_longer(untrained):
    check_targets(untrained.language_model, ("1.self_attn.q_proj", "mlp.up_proj"))
    adapters = Adapters(untrained, LoraRecipe(targets=("1.self_attn.q_proj",)), 0)
    assert list(adapters.layers) == ["language_model.model.layers.1.self_attn.q_proj"]


@pytest.fixture(scope="module")
def whole_run(base, runs, tmp_path_factory):
    """Return the recipe of a finished run with adapters, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "lora"
    recipe = base(f"out={folder}", *RUN)
    console = runs.quiet()
    train(recipe, console=console)
    return recipe, console.file.getvalue()


def test_only_adapters_and_linears_are_trained(whole_run, runs):
    recipe, printed = whole_run
    before = runs.weights(recipe.run_folder.parent / recipe.init)
    held = runs.weights(recipe.run_folder / "read" / "checkpoint-4")
    after = runs.weights(recipe.run_folder / "read" / "final")
    assert before.keys() == held.keys() == after.keys()
    linears = {name for name in before if name.startswith("projector.")}
    assert {n for n in before if not torch.equal(before[n], held[n])} == linears
    adapted = {n for n in before if n.rsplit(".", 2)[-2] in LINEAR and n.startswith("language")}
    assert {n for n in before if not torch.equal(before[n], after[n])} == linears | adapted
    assert "frozen, in evaluation mode" in printed.split("language_model: ")[1]


def test_the_final_checkpoint_is_a_plain_one_with_the_adapters_beside_it(whole_run, untrained):
    recipe, _ = whole_run
    final = recipe.run_folder / "read" / "final"
    model, _ = load(final)
    assert not any("lora" in name or "base_layer" in name for name, _ in model.named_parameters())
    adapted = PeftModel.from_pretrained(untrained.language_model, final / ADAPTER_FOLDER)
    tokens = torch.arange(3, 40).reshape(1, -1)
    with torch.no_grad():
        theirs = adapted.eval()(input_ids=tokens).logits
    assert (theirs - logits(model)).abs().max() < 1e-5


def test_stopped_after_each_step_the_run_is_the_same(whole_run, base, runs, tmp_path):
    """Adapters, their moments and averages go on, and so does dropout."""
    recipe, _ = whole_run
    again = base(f"out={tmp_path}", *RUN)
    calls = 1
    while train(again, max_minutes=0, console=runs.quiet()).name != "final":
        calls += 1
    assert calls == 5
    assert runs.losses(tmp_path) == runs.losses(recipe.run_folder)
    assert runs.same_weights(*(r.run_folder / "read" / "final" for r in (again, recipe)))


def test_another_rank_in_the_middle_of_a_stage_is_refused(base, runs, tmp_path):
    train(base(f"out={tmp_path}", LORA), max_minutes=0, console=runs.quiet())
    for other in ("stages.read.lora.rank=8", "stages.read.lora=null"):
        with pytest.raises(VaryError, match=r"was begun otherwise .*lora"):
            train(base(f"out={tmp_path}", LORA, other), console=runs.quiet())


def test_a_checkpoint_without_its_adapters_is_told(base, runs, tmp_path):
    recipe = base(f"out={tmp_path}", LORA)
    train(recipe, max_minutes=0, console=runs.quiet())
    path = tmp_path / "read" / "checkpoint-1" / ADAPTER_FOLDER / "adapter_model.safetensors"
    path.unlink()
    with pytest.raises(VaryError, match=r"no adapters at .*checkpoint-1"):
        train(recipe, console=runs.quiet())


def test_gradient_checkpointing_changes_nothing(base):
    """Frozen embeddings before blocks that are computed again still let gradients through."""
    gradients = []
    for name in ("false", "true"):
        recipe = base(LORA, f"stages.read.gradient_checkpointing={name}")
        model, processor = load(base().run_folder.parent / base().init)
        shaken(model)
        stage = recipe.stages[0]
        objective = ReadingObjective(model, processor, stage, "fp32", 0).train()
        batch = StageBatches(
            stage_mixture(recipe, stage, Materials(recipe)), stage, processor
        ).batch(0)
        torch.manual_seed(0)
        objective(batch)["loss"].backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def test_own_patterns_of_what_is_frozen_leave_adapters_trained(base):
    recipe = base(LORA, 'stages.read.frozen=["*"]')
    model, processor = load(base().run_folder.parent / base().init)
    Adapters(model, recipe.stages[0].lora, 0)
    objective = ReadingObjective(model, processor, recipe.stages[0], "fp32", 0)
    trained = {name for name, p in objective.named_parameters() if p.requires_grad}
    assert trained and all(".lora_" in name for name in trained)
