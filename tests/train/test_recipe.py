from pathlib import Path

import pytest
import yaml

from vary.errors import InputError, VaryError
from vary.train.recipe import load_recipe, recipe_to_dict

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"


def test_the_recipe_of_nano_loads():
    recipe = load_recipe(NANO, ["data.text=corpus"])
    assert recipe.name == "nano"
    assert recipe.data.text == "corpus"
    assert recipe.run_folder == Path("runs/nano")
    assert recipe.data.text_exclude and recipe.data.font_held_out
    assert {stage.objective for stage in recipe.stages} == {"ctc", "text", "both"}


def test_overrides_reach_stages_by_name_and_by_nothing_else(tiny):
    recipe = tiny(
        "seed=7",
        "stages.read.steps=500",
        "stages.read.widths_px=[128]",
        "model.text.hidden_size=64",
        "data.line.em_px=[10, 20]",
        "out=elsewhere",
    )
    assert recipe.seed == 7
    assert [stage.steps for stage in recipe.stages] == [4, 500]
    assert recipe.stages[1].widths_px == (128,)
    assert recipe.model.text["hidden_size"] == 64
    assert recipe.data.line.em_px == (10.0, 20.0)
    assert recipe.run_folder == Path("elsewhere")


@pytest.mark.parametrize("value", ["1.0e-3", "1e-3", "0.001"])
def test_numbers_may_be_written_in_any_way(tiny, value):
    assert tiny(f"stages.read.learning_rate={value}").stages[1].learning_rate == 1e-3


def test_a_whole_number_is_a_number(tiny):
    rate = tiny("stages.read.ctc_weight=2").stages[1].ctc_weight
    assert (rate, type(rate)) == (2.0, float)


def test_the_resolved_recipe_is_the_recipe(tiny, tmp_path):
    for recipe in (tiny(), *map(load_recipe, NANO.parent.glob("*.yaml"))):
        kept = tmp_path / "recipe.yaml"
        kept.write_text(yaml.safe_dump(recipe_to_dict(recipe)), encoding="utf-8")
        assert load_recipe(kept) == recipe


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sede=1", "recipe has no key 'sede'; did you mean seed?"),
        ("stages.read.learning_rat=1", "recipe.stages[1] has no key 'learning_rat'; did you mean"),
        ("data.qqq=1", "recipe.data has no key 'qqq'; allowed: text, text_exclude"),
        ("seed=one", "recipe.seed must be int, got 'one'"),
        ("seed=true", "recipe.seed must be int, got True"),
        ("model.answer_position=far", "answer_position must be int, got 'far'"),
        ("seed=1.5", "recipe.seed must be int, got 1.5"),
        ("stages.read.steps=1e3", "recipe.stages[1].steps must be int, got '1e3'"),
        ("stages.read.learning_rate=fast", "learning_rate must be a number, got 'fast'"),
        ("stages.read.learning_rate=true", "learning_rate must be float, got True"),
        ("stages.read.objective=reed", "must be one of ctc, text, both, got 'reed'"),
        ("stages.read.widths_px=128", "widths_px must be a list, got 128"),
        ("stages.read.widths_px=[wide]", "widths_px[0] must be int, got 'wide'"),
        ("data.line.em_px=[1, 2, 3]", "em_px must be a list of 2, got [1, 2, 3]"),
        ("data.line.em_px=[1]", "em_px must be a list of 2, got [1]"),
        ("data=5", "recipe.data must hold keys and values, got 5"),
        ("model.text=llama", "recipe.model.text must be dict, got 'llama'"),
        ("precision=fp16", "recipe.precision must be one of bf16, fp32, got 'fp16'"),
        ("stages.write.steps=5", "no 'write' here; there are draft, read"),
        ("seed.x=1", "'x' cannot be set in 3, which holds no keys"),
        ("seed", "'seed' is no override; write key=value"),
        ("seed=[1", "the value of 'seed=[1' is not YAML"),
        ("stages.read.steps=0", "stage read: steps must be at least 1, got 0"),
        ("stages.read.widths_px=[]", "stage read: widths_px must be at least 1"),
        ("stages.read.mask_share=30", "stage read: mask_share must be 0 to 1, got 30.0"),
        ("stages.read.name=a/b", "'a/b' cannot be one"),
        ("stages.read.name=draft", "stages need one name each, at least one"),
        ("stages=[]", "stages need one name each, at least one"),
        ("data.sources=[]", "data.sources need one name each, at least one"),
        ("data.sources=[{name: a, kind: lin}]", "kind must be one of line, page, tile, block,"),
        ("data.sources=[{name: a, knid: line}]", "[0] has no key 'knid'; did you mean kind"),
        ("data.sources=[{name: a}]", "recipe.data.sources[0] lacks kind"),
        ("data.sources=[{name: a, kind: line, options: [1]}]", "[0].options must be dict, got [1]"),
        (
            "data.sources=[{name: a, kind: line, weight: -1}]",
            "weight must be at least 0, got -1.0",
        ),
        (
            "data.sources=[{name: a, kind: line}, {name: a, kind: page}]",
            "data.sources need one name each, at least one; got ['a', 'a']",
        ),
        ("data.sources=[{name: a, kind: line, weight: 0}]", "no source has a weight above 0"),
        ("stages.read.sources={pages: 1}", "stage read: no source 'pages'; there are lines"),
        ("stages.read.sources={lines: -1}", "stage read: weight of lines must be 0 or more"),
        ("stages.read.sources={lines: 0}", "stage read: no source has a weight above 0"),
        ("stages.read.sources={lines: much}", "sources.lines must be a number, got 'much'"),
        ("stages.read.sources=[lines]", "stages[1].sources must be dict, got ['lines']"),
        ("model.vocabulary=[1]", "recipe.model.vocabulary must be dict, got [1]"),
        ("model.ctc_head=false", "objective ctc needs model.ctc_head=true"),
        ("model.text={}", "it has none of them"),
        ("stages.read.batch_px=0", "give one of batch_size (samples of a step) and batch_px"),
        ("stages.read.batch_size=4", "strips), got 4 and 512"),
        ("stages.read.schedule=linear", "one of warmup_stable_decay, cosine, got 'linear'"),
        ("stages.read.frozen=vocabularies.*", "frozen must be a list, got 'vocabularies.*'"),
        ("stages.read.average_decay=1.5", "average_decay must be 0 to 0.999999, got 1.5"),
        ("stages.read.micro_batches=0", "micro_batches must be at least 1, got 0"),
        ("stages.read.learning_rate=0", "learning_rate must be at least 1e-09, got 0.0"),
        ("validation_samples=0", "validation_samples must be at least 1, got 0"),
        ("seed=-1", "seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_is_told(tiny, override, told):
    with pytest.raises(VaryError) as error:
        tiny(override)
    assert told in str(error.value)


def test_a_stage_has_its_own_weights_or_those_of_the_recipe(tiny):
    recipe = tiny(
        "data.sources=[{name: a, kind: line}, {name: b, kind: page, weight: 3},"
        " {name: c, kind: shards, weight: 0}]",
        "stages.read.sources={c: 2, a: 1, b: 0}",
    )
    draft, read = recipe.stages
    assert recipe.weights(draft) == {"a": 1.0, "b": 3.0}
    assert recipe.weights(read) == {"a": 1.0, "c": 2.0}


def test_a_source_is_changed_by_its_name(tiny):
    recipe = tiny("data.sources=[{name: a, kind: line}]", "data.sources.a.weight=0.5")
    assert recipe.data.sources[0].weight == 0.5


def test_a_missing_key_is_named(tmp_path):
    (tmp_path / "short.yaml").write_text("name: short\nstages: []\n", encoding="utf-8")
    with pytest.raises(VaryError, match="recipe lacks model, data"):
        load_recipe(tmp_path / "short.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [1", "is not YAML"), ("- 1\n- 2\n", "holds no recipe"), ("", "holds no recipe")],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path, text, told):
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no recipe .*none\.yaml"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="no recipe"):
        load_recipe(tmp_path)
