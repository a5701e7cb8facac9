import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from vary.train.build import build
from vary.train.lines import LineBatches
from vary.train.objective import ReadingObjective, ctc_loss, parameter_counts, spoil
from vary.train.recipe import StageRecipe
from vary.train.trainer import VaryTrainer

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
def batch(renderer):
    return LineBatches(renderer, stage_of("both"), seed=3)[0]


@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_a_stage_trains_what_it_says(objective, batch, kind):
    module = objective(kind)
    names = {name for name, p in module.named_parameters() if p.requires_grad}
    assert names == {name for name, _ in module.named_parameters() if TRAINED[kind](name)}
    module.train()(**batch)["loss"].backward()
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


@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_only_what_is_trained_is_in_the_optimizer(objective, tmp_path, kind):
    module = objective(kind, vocabulary_rate=0.1, weight_decay=0.5)
    arguments = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    optimizer = VaryTrainer(module, args=arguments).create_optimizer()
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(id(p) for p in module.parameters() if p.requires_grad)
    vocabulary = {id(p) for p in module.model.vocabularies.parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)
            rate = 1e-4 if id(parameter) in vocabulary else 1e-3
            assert group["lr"] == pytest.approx(rate)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_losses_are_finite_and_repeatable(objective, batch, kind, precision):
    module = objective(kind, precision).train()
    losses = module(**batch)
    names = {"ctc": {"ctc"}, "text": {"text"}, "both": {"ctc", "text"}}[kind]
    assert set(losses) == names | {"loss"}
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    assert {name: loss.item() for name, loss in module(**batch).items()} == {
        name: loss.item() for name, loss in losses.items()
    }
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_bf16_is_near_fp32(objective, batch):
    exact, near = (objective("both", precision)(**batch) for precision in ("fp32", "bf16"))
    for name, loss in exact.items():
        assert near[name].item() == pytest.approx(loss.item(), rel=0.03)
        assert near[name].item() != loss.item()


def test_losses_add_up_with_their_weight(objective, batch):
    losses = objective("both", ctc_weight=0.25)(**batch)
    assert losses["loss"].item() == pytest.approx((0.25 * losses["ctc"] + losses["text"]).item())


def test_masks_and_drafts_follow_seed_stage_and_index(objective, batch):
    def loss(seed=3, index=0, **changes):
        module = objective("text", seed=seed, draft_share=0.5, mask_share=0.5, **changes)
        return module(**(batch | {"index": index}))["text"].item()

    assert loss() == loss()
    assert len({loss(), loss(seed=4), loss(index=1), loss(name="other")}) == 4


def test_labels_are_the_answer_alone(objective):
    module = objective("text", mask_share=0.0)
    end, pad = (getattr(module.processor.tokenizer, f"{n}_token_id") for n in ("eos", "pad"))
    rows = module._training_rows(
        [[2, 3, 3, 4], [2, 3, 4]], [[40, 41, end], [50, end]], np.random.default_rng(0)
    )
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
    rows = module._training_rows([[2, 4]], [[40, 41, 0]], np.random.default_rng(0))
    assert rows["input_ids"].tolist() == [[2, 4, pad, pad, pad]]
    assert rows["labels"].tolist() == [[-100, -100, 40, 41, 0]]


@pytest.mark.parametrize("answer_position", [None, 64])
def test_the_text_loss_is_that_of_the_answer(tiny, renderer, batch, answer_position):
    """The loss again, from the model's own scores, line by line and without padding."""
    recipe = tiny(f"model.answer_position={answer_position or 'null'}")
    model, processor = build(recipe, renderer.texts.alphabet)
    stage = stage_of("text", mask_share=0.0, draft_share=0.0)
    module = ReadingObjective(model, processor, stage, "fp32", 3).eval()
    pixels = batch["pixels"][:, None].expand(-1, 3, -1, -1)
    total, count = 0.0, 0
    with torch.no_grad():
        for picture, text in zip(module.rule.normalise(pixels), batch["texts"], strict=True):
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
        loss = module(**batch)["text"].item()
    assert loss == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_drafts_are_shown_to_their_share(objective, batch, share, least, most):
    module = objective("text", draft_share=share)
    images = module.rule.normalise(batch["pixels"][:, None].expand(-1, 3, -1, -1))
    encoded = module.model.encode_images([images])
    rng, texts = np.random.default_rng(0), batch["texts"]
    drafts = [draft for _ in range(50) for draft in module._drafts(encoded, texts, rng)]
    assert least <= sum(draft is not None for draft in drafts) <= most


def test_good_drafts_are_nearly_the_truth(objective, batch):
    module = objective("text", draft_share=1.0, good_draft_share=1.0)
    images = module.rule.normalise(batch["pixels"][:, None].expand(-1, 3, -1, -1))
    encoded = module.model.encode_images([images])
    rng, texts = np.random.default_rng(0), batch["texts"]
    drafts = [module._drafts(encoded, texts, rng) for _ in range(50)]
    right = sum(draft == text for row in drafts for draft, text in zip(row, texts, strict=True))
    assert 0.7 < right / (50 * len(texts)) < 1


def test_the_ctc_loss_is_per_character(objective, batch):
    module = objective("ctc")
    images = module.rule.normalise(batch["pixels"][:, None].expand(-1, 3, -1, -1))
    encoded = module.model.encode_images([images])
    with pytest.raises(ValueError, match="not in the CTC alphabet"):
        ctc_loss(encoded, ["\u4e2d"] * len(images), module.alphabet)
    encoded.ctc_logits = None
    with pytest.raises(ValueError, match="has no CTC head"):
        ctc_loss(encoded, batch["texts"], module.alphabet)
    # All columns blank but for one sure character: nothing to be learned of that line.
    scores = torch.full((1, 6, len(module.alphabet) + 1), -30.0)
    scores[0, :, 0] = 30.0
    scores[0, 2, 1], scores[0, 2, 0] = 30.0, -30.0
    encoded.ctc_logits, encoded.ctc_lengths = scores, torch.tensor([6])
    assert ctc_loss(encoded, [module.alphabet[0]], module.alphabet).item() < 1e-6
    scores[0, 2, 1], scores[0, 2, 2] = -30.0, 30.0
    assert ctc_loss(encoded, [module.alphabet[0]], module.alphabet).item() > 30


def test_spoiled_drafts():
    text = "Seventeen lanterns hung above the market square. " * 4
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    drafts = [spoil(text, alphabet, rng) for _ in range(300)]
    assert drafts == [spoil(text, alphabet, same) for _ in range(300)]
    # Seven of ten lines are left as they are; of the others few are untouched by chance.
    assert 0.63 <= sum(draft == text for draft in drafts) / 300 <= 0.78
    lengths = [len(draft) for draft in drafts]
    assert min(lengths) < len(text) < max(lengths) + 1
    assert min(lengths) > 0.8 * len(text)
    assert spoil("", alphabet, np.random.default_rng(0)) == ""
