"""Models from their parts: longer position tables, new tokens, and weights that are kept."""

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
)

from vary.errors import VaryError
from vary.model import ImageRule, TowerVocabulary
from vary.model.building import (
    MAX_PAGE_TOKENS,
    add_image_tokens,
    build_vary,
    interpolate_positions,
    read_whole_pages,
)
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

# OPT-350M's ways: embeddings narrower than the layers, norms behind them.
OPT_350M = {"word_embed_proj_dim": 12, "do_layer_norm_before": False}


@pytest.fixture
def vitdet_config() -> ViTDetConfig:
    """A vocabulary of pages of 64 px, 4 tokens each."""
    return ViTDetConfig(
        image_size=64,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=3,
        global_blocks=[0],
        out_channels=8,
        merge_channels=[12, 20],
    )


@pytest.fixture
def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=500,
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=64,
            tie_word_embeddings=False,
        )
    ).eval()


def paper_size_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with as many ids as OPT's, 50,265."""
    names = ["<s>", "<pad>", "</s>", *map(str, range(50_262))]
    made = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="0"))
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="</s>", eos_token="</s>", pad_token="<pad>"
    )


def test_vary_tiny_has_the_papers_parameters():
    """223,170,816, from OPT-125M's 50,272 rows and 50,265 ids."""
    tokenizer = paper_size_tokenizer()
    with torch.device("meta"):
        language_model = OPTForCausalLM(OPTConfig())
        vocabulary = ViTDetVocabulary(ViTDetConfig())
        assert language_model.num_parameters() == 125_239_296
        interpolate_positions(language_model, 4096)
        add_image_tokens(language_model, tokenizer)
        model, processor = build_vary([vocabulary], language_model, tokenizer, tasks=["ocr"])
    assert model.num_parameters() == 223_170_816
    decoder = model.language_model.model.decoder
    assert decoder.embed_positions.weight.shape == (4098, 768)
    assert decoder.embed_tokens.weight.shape == (50_275, 768)
    assert model.get_output_embeddings().weight is decoder.embed_tokens.weight
    ids = tokenizer.convert_tokens_to_ids(["<img>", "<imgpad>", "</img>"])
    assert ids == [50_265, 50_266, 50_267]
    assert model.config.image_token_id == 50_266
    assert model.config.text_config.max_position_embeddings == 4096
    assert model.config.text_config.vocab_size == 50_275
    assert processor.num_image_tokens(1024, 1024) == 256
    assert model.generation_config.max_new_tokens == 4096 - 258


def test_positions_are_interpolated_linearly(make_opt):
    language_model = make_opt(max_position_embeddings=5)
    table = language_model.model.decoder.embed_positions
    with torch.no_grad():
        table.weight[:, 0] = torch.tensor([70.0, 80, 2, 4, 8, 9, 13])
    before = table.weight.detach().clone()
    interpolate_positions(language_model, 9)
    after = table.weight.detach()
    assert after.shape == (11, 24)
    assert torch.equal(after[:2], before[:2])
    # Every other row is an old one, and between two lies their mean.
    assert torch.allclose(after[2::2], before[2:], atol=1e-6)
    assert torch.allclose(after[3::2], (before[2:-1] + before[3:]) / 2, atol=1e-6)
    assert after[2:, 0].tolist() == pytest.approx([2, 3, 4, 6, 8, 8.5, 9, 11, 13])
    assert language_model.config.max_position_embeddings == 9
    assert table.num_embeddings == 11


def test_gpt2s_table_has_no_rows_before_the_first_position():
    language_model = GPT2LMHeadModel(
        GPT2Config(vocab_size=30, n_positions=4, n_embd=8, n_layer=1, n_head=1)
    )
    first, last = (language_model.transformer.wpe.weight[place].clone() for place in (0, 3))
    interpolate_positions(language_model, 7)
    table = language_model.transformer.wpe.weight
    assert table.shape == (7, 8)
    assert torch.allclose(table[0], first)
    assert torch.allclose(table[6], last)
    assert language_model.config.n_positions == 7


def test_the_same_number_of_positions_changes_nothing(make_opt):
    language_model = make_opt()
    before = language_model.model.decoder.embed_positions.weight.detach().clone()
    interpolate_positions(language_model, 64)
    assert torch.equal(language_model.model.decoder.embed_positions.weight, before)


def test_rotary_positions_need_no_table(llama):
    with pytest.raises(VaryError, match=r"llama has no table .* rotary positions need none"):
        interpolate_positions(llama, 128)


def test_too_few_positions(make_opt):
    with pytest.raises(VaryError, match="must be 2 or more, got 1"):
        interpolate_positions(make_opt(), 1)


@pytest.mark.parametrize(
    "changes", [{}, {"word_embed_proj_dim": 12, "do_layer_norm_before": False}]
)
@pytest.mark.parametrize("is_tied", [True, False])
def test_new_tokens_start_at_the_mean(make_opt, opt_tokenizer, is_tied, changes):
    num_known = len(opt_tokenizer)
    language_model = make_opt(num_known + 7, tie_word_embeddings=is_tied, **changes)
    old = [
        table.weight.detach().clone()
        for table in (language_model.get_input_embeddings(), language_model.get_output_embeddings())
    ]
    add_image_tokens(language_model, opt_tokenizer)
    inputs, head = language_model.get_input_embeddings(), language_model.get_output_embeddings()
    assert (head.weight is inputs.weight) == is_tied
    ids = opt_tokenizer.convert_tokens_to_ids(["<img>", "<imgpad>", "</img>"])
    assert ids == [num_known, num_known + 1, num_known + 2]
    for table, before in zip((inputs, head), old, strict=True):
        now = table.weight.detach()
        assert now.shape[0] == num_known + 10
        mean = before[:num_known].mean(0)
        for row in (*ids, num_known + 7, num_known + 8, num_known + 9):
            assert torch.allclose(now[row], mean, atol=1e-7)
        assert torch.equal(now[:num_known], before[:num_known])
        assert torch.equal(now[ids[-1] + 1 : num_known + 7], before[ids[-1] + 1 :])
    assert language_model.config.vocab_size == num_known + 10


def test_adding_twice_adds_once(make_opt, opt_tokenizer):
    language_model = make_opt()
    add_image_tokens(language_model, opt_tokenizer)
    size, rows = len(opt_tokenizer), language_model.get_input_embeddings().weight.detach().clone()
    add_image_tokens(language_model, opt_tokenizer)
    assert len(opt_tokenizer) == size
    assert torch.equal(language_model.get_input_embeddings().weight, rows)
    add_image_tokens(language_model, opt_tokenizer, drafts=True)
    assert len(opt_tokenizer) == size + 2
    assert "<draft>" in opt_tokenizer.get_vocab()


def test_never_fewer_rows_than_ids(make_opt, opt_tokenizer):
    language_model = make_opt(len(opt_tokenizer) - 20)
    add_image_tokens(language_model, opt_tokenizer)
    assert language_model.get_input_embeddings().weight.shape[0] == len(opt_tokenizer)
    assert language_model.get_input_embeddings().weight.isfinite().all()


def test_a_tokenizer_without_padding_pads_with_its_end(make_opt, opt_tokenizer):
    opt_tokenizer.pad_token = None
    language_model = make_opt()
    add_image_tokens(language_model, opt_tokenizer)
    assert opt_tokenizer.pad_token == "</s>"
    assert language_model.config.pad_token_id == opt_tokenizer.eos_token_id


def test_a_tokenizer_without_an_end(make_opt, opt_tokenizer):
    opt_tokenizer.eos_token = None
    with pytest.raises(VaryError, match="no end token"):
        add_image_tokens(make_opt(), opt_tokenizer)


def test_new_tokens_are_no_text(make_opt, opt_tokenizer):
    add_image_tokens(make_opt(), opt_tokenizer)
    (plain,) = opt_tokenizer(["<img>"], add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    assert opt_tokenizer.convert_tokens_to_ids("<img>") not in plain
    assert opt_tokenizer.decode(plain, skip_special_tokens=True) == "<img>"


@pytest.fixture
def make_vary(make_opt, opt_tokenizer, vitdet_config):
    """Return a function that builds a model of pages over a tiny OPT."""

    def make(*vocabularies, positions=64, language_model=None, **fields):
        language_model = language_model or make_opt(max_position_embeddings=positions)
        add_image_tokens(language_model, opt_tokenizer)
        return build_vary(vocabularies or [vitdet_config], language_model, opt_tokenizer, **fields)

    return make


def test_weights_of_the_parts_are_kept(make_vary, make_opt, vitdet_config):
    vocabulary, language_model = ViTDetVocabulary(vitdet_config), make_opt()
    kept = {name: value.clone() for name, value in vocabulary.state_dict().items()}
    layer = language_model.model.decoder.layers[0].fc1.weight.detach().clone()
    model, _ = make_vary(vocabulary, language_model=language_model)
    assert model.vocabularies[0] is vocabulary
    assert model.language_model is language_model
    assert model.config.text_config is language_model.config
    assert model.config.vocabularies[0] is vocabulary.config
    for name, value in model.vocabularies[0].state_dict().items():
        assert torch.equal(value, kept[name]), name
    assert torch.equal(model.language_model.model.decoder.layers[0].fc1.weight, layer)
    assert model.projector.linears[0].weight.std() > 0.01
    assert (model.projector.linears[0].bias == 0).all()


def test_everything_takes_the_language_models_precision(make_vary, make_opt):
    model, _ = make_vary(language_model=make_opt().to(torch.bfloat16))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("is_tied", [True, False])
def test_built_saved_and_loaded(make_vary, make_opt, tmp_path, is_tied):
    model, processor = make_vary(
        language_model=make_opt(tie_word_embeddings=is_tied), prompt_form="code", tasks=["ocr"]
    )
    model.eval().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    back = AutoModelForImageTextToText.from_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path)
    inputs = processor(torch.randint(255, (40, 50, 3), dtype=torch.uint8).numpy())
    with torch.no_grad():
        assert torch.allclose(model(**inputs).logits, back(**inputs).logits, atol=1e-5)
    assert back.num_parameters() == model.num_parameters()
    assert back.generation_config.max_new_tokens == 64 - 8
    assert back.config.tasks == ["ocr"]
    assert again.prompt_tokens(4) == processor.prompt_tokens(4)


def test_a_vision_model_becomes_a_tower(make_vary, vitdet_config):
    clip = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=12,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
        )
    )
    rules = [
        ImageRule("resize", 28, 28, mean=[0.5] * 3, std=[0.5] * 3),
        {"height": 64, "width": 64},
    ]
    tower = TowerVocabulary.from_network(clip, layer=-2)
    model, processor = make_vary(tower, vitdet_config, image_rules=rules, widths=[10, 14])
    assert model.vocabularies[0].network is clip
    assert [linear.weight.shape for linear in model.projector.linears] == [(10, 12), (14, 20)]
    page = torch.randint(255, (40, 50, 3), dtype=torch.uint8).numpy()
    assert model.generate(**processor([page, page]), max_new_tokens=2).shape == (2, 8)
    plain, _ = make_vary(clip, image_rules=rules[:1])
    assert plain.config.vocabularies[0].layer == -1


def test_tokens_of_all_vocabularies_are_counted_in_sequence(make_vary, vitdet_config):
    larger = ViTDetConfig(**{**vitdet_config.to_dict(), "image_size": 128})
    model, processor = make_vary(vitdet_config, larger, fusion="sequence")
    page = torch.randint(255, (40, 50, 3), dtype=torch.uint8).numpy()
    inputs = processor(page)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == 4 + 16
    assert processor.num_image_tokens(64, 64) == 20
    assert model.generate(**inputs, max_new_tokens=2).shape == (1, 24)
    with pytest.raises(ValueError, match="give 4 and 16 tokens of one image"):
        make_vary(vitdet_config, larger)


def test_inputs_beyond_the_old_positions(make_vary, make_opt):
    language_model = make_opt(max_position_embeddings=2048)
    ids = torch.randint(4, 90, (1, 2100))
    with pytest.raises(IndexError):
        language_model(input_ids=ids)
    interpolate_positions(language_model, 4096)
    model, processor = make_vary(language_model=language_model)
    prompt = processor(torch.zeros(64, 64, 3, dtype=torch.uint8).numpy())
    with torch.no_grad():
        logits = model(
            input_ids=torch.cat([prompt["input_ids"], ids], dim=1),
            pixel_values=prompt["pixel_values"],
        ).logits
    assert logits.shape[:2] == (1, 2106)
    assert logits.isfinite().all()
    assert model.generation_config.max_new_tokens == 4096 - 6


def test_a_page_is_written_to_the_last_position(make_vary):
    """`generate` alone goes neither beyond the positions nor stops at 20 tokens."""
    model, processor = make_vary(positions=48)
    with torch.no_grad():  # so that the end never wins
        model.get_output_embeddings().weight[processor.tokenizer.eos_token_id] = 0
    page = torch.randint(255, (64, 64, 3), dtype=torch.uint8).numpy()
    assert model.eval().generate(**processor(page)).shape == (1, 48)


def test_a_limit_where_there_are_positions_without_end(make_vary, llama):
    llama.config.max_position_embeddings = 1_000_000
    model, _ = make_vary(language_model=llama)
    assert model.generation_config.max_new_tokens == MAX_PAGE_TOKENS
    assert model.generation_config.do_sample is False


def test_a_prompt_without_room_for_an_answer(make_vary):
    model, processor = make_vary()
    model.config.text_config.max_position_embeddings = 6
    with pytest.raises(VaryError, match="takes 6 tokens, the language model has 6 positions"):
        read_whole_pages(model, processor)


def test_a_tokenizer_without_image_tokens(make_opt, opt_tokenizer, vitdet_config):
    with pytest.raises(VaryError, match=r"has no </img>, <img>, <imgpad>; call add_image_tokens"):
        build_vary([vitdet_config], make_opt(), opt_tokenizer)


def test_a_tokenizer_of_another_model(make_opt, opt_tokenizer, vitdet_config):
    add_image_tokens(make_opt(), opt_tokenizer)
    with pytest.raises(VaryError, match=r"ids, the language model 50 rows"):
        build_vary([vitdet_config], make_opt(50), opt_tokenizer)


def test_rules_for_others_images_are_wanted(make_vary):
    clip = CLIPVisionConfig(image_size=28, patch_size=14, hidden_size=12, num_hidden_layers=1)
    with pytest.raises(VaryError, match="image_rules are wanted, one per vocabulary: vary_tower"):
        make_vary(clip)


def test_as_many_rules_as_vocabularies(make_vary, vitdet_config):
    with pytest.raises(VaryError, match="2 image_rules for 1 vocabularies"):
        make_vary(vitdet_config, image_rules=[ImageRule(), ImageRule()])


def test_a_rule_that_does_not_fit_the_vocabulary(make_vary, vitdet_config):
    with pytest.raises(ValueError, match="not a whole number of 8x8 px patches"):
        make_vary(vitdet_config, image_rules=[ImageRule("resize", 60, 60)])
