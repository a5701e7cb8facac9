"""The losses of a stage, what they are means over, and what they train."""

import math

import pytest
import torch

from vary.data.engines.base import sample_rng
from vary.train.build import build
from vary.train.freezing import parameter_counts
from vary.train.objective import ReadingObjective, ctc_loss
from vary.train.recipe import StageRecipe

TRAINED = {
    "ctc": lambda name: "vocabularies" in name and "net_" not in name,
    "text": lambda name: "vocabularies" not in name or "net_" in name,
    "both": lambda name: True,
}


def stage_of(kind, **changes):
    fields = {"name": "s", "steps": 1, "learning_rate": 1e-3, "widths_px": (128,), "batch_px": 512}
    return StageRecipe(objective=kind, **(fields | changes))


@pytest.fixture
def objective(built):
    """Return a function that puts an objective over the tiny model."""

    def make(kind, precision="fp32", seed=3, **changes):
        return ReadingObjective(*built, stage_of(kind, **changes), precision, seed)

    return make


@pytest.fixture
def batch(tiny, batches_of):
    return batches_of(tiny(), stage_of("both"))[0]


def encode(module, batch):
    return module.model.encode_images(module.images(batch), batch["sizes"])


@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_a_stage_trains_what_it_says(objective, batch, kind):
    module = objective(kind)
    names = {name for name, p in module.named_parameters() if p.requires_grad}
    assert names == {name for name, _ in module.named_parameters() if TRAINED[kind](name)}
    module.train()(batch)["loss"].backward()
    with_gradient = {name for name, p in module.named_parameters() if p.grad is not None}
    assert with_gradient == names
    assert all(bool(p.grad.abs().sum() > 0) for p in module.parameters() if p.grad is not None)
    counts = parameter_counts(module)
    assert counts["trained"] == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert sum(counts.values()) == sum(p.numel() for p in module.parameters())
    assert (counts["frozen"] == 0) == (kind == "both")


def test_a_later_stage_trains_again_what_an_earlier_froze(objective):
    objective("ctc")
    assert parameter_counts(objective("both"))["frozen"] == 0


def test_frozen_parts_stay_in_evaluation_mode(objective):
    module = objective("ctc").train()
    assert module.training and module.model.vocabularies.training
    assert not module.model.language_model.training
    assert not module.model.projector.training
    module.eval()
    assert not module.model.vocabularies.training


def test_the_fixed_encoder_of_writing_stays_in_evaluation_mode(objective):
    vocabulary = objective("text").train().model.vocabularies[0]
    assert vocabulary.net_2.training and vocabulary.net_3.training
    others = [part for name, part in vocabulary.named_children() if name not in ("net_2", "net_3")]
    assert others and not any(inner.training for part in others for inner in part.modules())
    assert all(part.training for part in objective("both").train().modules())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_losses_are_finite_and_repeatable(objective, batch, kind, precision):
    module = objective(kind, precision).train()
    losses = module(batch)
    names = {"ctc": {"ctc"}, "text": {"text"}, "both": {"ctc", "text"}}[kind]
    assert set(losses) == names | {"loss"}
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    assert {name: loss.item() for name, loss in module(batch).items()} == {
        name: loss.item() for name, loss in losses.items()
    }
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_bf16_is_near_fp32(objective, batch):
    exact, near = (objective("both", precision)(batch) for precision in ("fp32", "bf16"))
    for name, loss in exact.items():
        assert near[name].item() == pytest.approx(loss.item(), rel=0.03)
        assert near[name].item() != loss.item()


def test_losses_add_up_with_their_weight(objective, batch):
    losses = objective("both", ctc_weight=0.25)(batch)
    assert losses["loss"].item() == pytest.approx((0.25 * losses["ctc"] + losses["text"]).item())


def test_masks_and_drafts_follow_seed_stage_and_number(objective, batch):
    def loss(seed=3, first=0, **changes):
        module = objective("text", seed=seed, draft_share=0.5, mask_share=0.5, **changes)
        numbers = [first + number for number in range(len(batch["texts"]))]
        return module({**batch, "numbers": numbers})["text"].item()

    assert loss() == loss()
    assert len({loss(), loss(seed=4), loss(first=1), loss(name="other")}) == 4


def rngs(count, first=0):
    return [sample_rng(0, "test", first + number) for number in range(count)]


def test_labels_are_the_answer_alone(objective):
    module = objective("text", mask_share=0.0)
    end, pad = (getattr(module.processor.tokenizer, f"{n}_token_id") for n in ("eos", "pad"))
    rows = module._training_rows([[2, 3, 3, 4], [2, 3, 4]], [[40, 41, end], [50, end]], rngs(2))
    assert rows["input_ids"].tolist() == [
        [2, 3, 3, 4, 40, 41, end],
        [2, 3, 4, 50, end, pad, pad],
    ]
    assert rows["labels"].tolist() == [
        [-100, -100, -100, -100, 40, 41, end],
        [-100, -100, -100, 50, end, -100, -100],
    ]
    assert rows["attention_mask"].tolist() == [[1] * 7, [1] * 5 + [0] * 2]


def test_masked_tokens_are_hidden_but_learned(objective):
    module = objective("text", mask_share=1.0)
    pad = module.processor.tokenizer.pad_token_id
    rows = module._training_rows([[2, 4]], [[40, 41, 0]], rngs(1))
    assert rows["input_ids"].tolist() == [[2, 4, pad, pad, pad]]
    assert rows["labels"].tolist() == [[-100, -100, 40, 41, 0]]


@pytest.mark.parametrize("answer_position", [None, 64])
def test_the_text_loss_is_that_of_the_answer(tiny, materials, batch, answer_position):
    """The loss again, from the model's own scores, line by line and without padding."""
    recipe = tiny(f"model.answer_position={answer_position or 'null'}")
    model, processor = build(recipe, materials)
    stage = stage_of("text", mask_share=0.0, draft_share=0.0)
    module = ReadingObjective(model, processor, stage, "fp32", 3).eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for picture, text in zip(module.images(batch)[0], batch["texts"], strict=True):
            prompt = processor.encode([processor.prompt(processor.num_image_tokens(48, 128))])[0]
            answer = [*processor.encode([text])[0], processor.tokenizer.eos_token_id]
            tokens = model.encode_images([picture[None]]).tokens
            places = processor.prompt_positions(processor.num_image_tokens(48, 128), len(prompt))
            assert answer_position in (None, places[-1] + 1)
            places += range(places[-1] + 1, places[-1] + 1 + len(answer))
            inputs = {"input_ids": prompt + answer, "position_ids": places}
            rows = {name: torch.tensor([values]) for name, values in inputs.items()}
            scores = model(**rows, vision_tokens=tokens).logits[0].log_softmax(-1)
            for place, token in enumerate(answer, start=len(prompt)):
                total -= scores[place - 1, token].item()
                count += 1
        loss = module(batch)["text"].item()
    assert loss == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_drafts_are_shown_to_their_share(objective, batch, share, least, most):
    module = objective("text", draft_share=share)
    encoded, texts = encode(module, batch), batch["texts"]
    assert len(texts) == 4
    drafts = [d for turn in range(50) for d in module._drafts(encoded, texts, rngs(4, 4 * turn))]
    assert least <= sum(draft is not None for draft in drafts) <= most


def test_good_drafts_are_nearly_the_truth(objective, batch):
    module = objective("text", draft_share=1.0, good_draft_share=1.0)
    encoded, texts = encode(module, batch), batch["texts"]
    drafts = [module._drafts(encoded, texts, rngs(4, 4 * turn)) for turn in range(50)]
    right = sum(draft == text for row in drafts for draft, text in zip(row, texts, strict=True))
    assert 0.3 < right / (50 * len(texts)) < 1


def test_the_ctc_loss_is_per_character(objective, batch):
    module = objective("ctc")
    encoded = encode(module, batch)
    with pytest.raises(ValueError, match="not in the CTC alphabet"):
        lengths = encoded.ctc_lengths
        ctc_loss(encoded.ctc_logits, lengths, ["\u4e2d"] * len(lengths), module.alphabet)
    # All columns blank but for one sure character: nothing to be learned of that line.
    scores = torch.full((1, 6, len(module.alphabet) + 1), -30.0)
    scores[0, :, 0] = 30.0
    scores[0, 2, 1], scores[0, 2, 0] = 30.0, -30.0
    known = torch.tensor([6]), [module.alphabet[0]], module.alphabet
    assert ctc_loss(scores, *known).item() < 1e-6
    scores[0, 2, 1], scores[0, 2, 2] = -30.0, 30.0
    assert ctc_loss(scores, *known).item() > 30
    # A mean over characters, not over lines.
    means = [ctc_loss(scores, *known).item()]
    two = torch.cat([scores, scores]), torch.tensor([6, 6]), [module.alphabet[0]] * 2
    assert ctc_loss(*two, module.alphabet).item() == pytest.approx(means[0])


LONG = ("widths_px", (128, 256)), ("batch_px", 0), ("batch_size", 6), ("ctc_weight", 0.3)


def gradients(module, parts):
    """Return the gradients and losses of a step in parts, as the trainer sums them."""
    totals = {name: sum(part["counts"][name] for part in parts) for name in ("ctc", "text")}
    module.zero_grad()
    sums = {}
    for part in parts:
        losses = module(part, totals)
        losses["loss"].backward()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item()
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.requires_grad}, sums


@pytest.mark.parametrize("micro_batches", [2, 4, 8])
def test_a_step_in_parts_has_the_gradient_of_the_whole(tiny, objective, batches_of, micro_batches):
    """Both losses, of unequal lengths and one hidden at random; two of eight parts are empty."""
    changes = dict(LONG)
    module = objective("both", **changes).train()
    whole, losses = gradients(module, [batches_of(tiny(), stage_of("both", **changes))[0]])
    batches = batches_of(tiny(), stage_of("both", **changes, micro_batches=micro_batches))
    parts = [batches[number] for number in range(micro_batches)]
    assert min(len(part["texts"]) for part in parts) == 6 // micro_batches
    assert len({part["counts"]["text"] for part in parts}) > 1
    split, split_losses = gradients(module, parts)
    assert split_losses == pytest.approx(losses, rel=1e-5)
    scale = max(grad.abs().max() for grad in whole.values())
    for name, grad in whole.items():
        assert torch.allclose(split[name], grad, rtol=1e-4, atol=2e-6 * scale), name


def test_means_of_means_would_be_seen(tiny, objective, batches_of):
    """What the test above rules out: parts of unequal lengths, each with its own mean."""
    changes = dict(LONG)
    module = objective("both", **changes).train()
    batches = batches_of(tiny(), stage_of("both", **changes, micro_batches=2))
    parts = [batches[number] for number in range(2)]
    _, losses = gradients(module, parts)
    means = sum(module(part)["loss"].item() for part in parts) / 2
    assert means != pytest.approx(losses["loss"], rel=1e-4)


def test_a_part_without_samples_has_a_gradient_of_zeros(tiny, objective, batches_of):
    module = objective("both").train()
    empty = batches_of(tiny(), stage_of("both", batch_px=128, micro_batches=2))[1]
    losses = module(empty, {"ctc": 10, "text": 10})
    assert {name: loss.item() for name, loss in losses.items()} == dict.fromkeys(losses, 0.0)
    losses["loss"].backward()
    assert all(p.grad is not None and not p.grad.any() for p in module.parameters())


def test_recomputed_activations_change_nothing(tiny, objective, batches_of):
    batch = batches_of(tiny(), stage_of("both"))[0]
    kept, losses = gradients(objective("both").train(), [batch])
    module = objective("both", gradient_checkpointing=True).train()
    parts = [part for part in module.modules() if getattr(part, "gradient_checkpointing", False)]
    assert parts
    again, other_losses = gradients(module, [batch])
    assert other_losses == pytest.approx(losses, rel=1e-6)
    for name, grad in kept.items():
        assert torch.allclose(again[name], grad, rtol=1e-5, atol=1e-7), name
    objective("both")
    assert not any(getattr(part, "gradient_checkpointing", False) for part in module.modules())


def test_what_is_frozen_is_the_recipes(objective):
    module = objective("both", frozen=("vocabularies.*", "!*.neck.*"))
    names = {name for name, p in module.model.named_parameters() if not p.requires_grad}
    expected = {name for name, _ in module.model.named_parameters() if "vocabularies" in name}
    assert names == {name for name in expected if ".neck." not in name} != expected
    assert parameter_counts(objective("ctc", frozen=()))["frozen"] == 0


def test_losses_of_nothing_certain_are_that_of_chance(objective, batch):
    """A model of random weights knows as much as one that guesses."""
    losses = objective("both", mask_share=0.0)(batch)
    pieces = len(objective("both").processor.tokenizer)
    assert losses["text"].item() == pytest.approx(math.log(pieces), rel=0.2)
