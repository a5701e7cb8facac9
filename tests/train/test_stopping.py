"""Runs that are killed, interrupted and shared by devices, in processes as a person starts them."""

import json
import signal

import pytest

from vary.train.run import train
from vary.train.stopping import Stop

pytestmark = pytest.mark.usefixtures("log_every_step")
# Dropout too has to be the same after a stop.
STEPS = (
    "stages.draft.save_steps=2",
    "stages.read.steps=5",
    "stages.read.save_steps=2",
    "stages.read.average_decay=0.9",
    "model.text.attention_dropout=0.1",
)


@pytest.fixture(scope="module")
def undisturbed(runs, tiny, tmp_path_factory, log_every_step):
    """Return the folder of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    train(tiny(f"out={folder}", *STEPS), console=runs.quiet())
    return folder


def test_dropout_is_at_work(runs, undisturbed, tiny, tmp_path):
    """Else the tests below would show less than they say."""
    train(tiny(f"out={tmp_path}", *STEPS[:-1]), console=runs.quiet())
    with_dropout, without = runs.losses(undisturbed), runs.losses(tmp_path)
    assert with_dropout[:4] == without[:4] and with_dropout[4] != without[4]


def test_a_killed_run_goes_on_to_the_same_losses(
    runs, undisturbed, tiny, recipe_file, command_file, tmp_path
):
    """Killed behind step 3 of the second stage, whose last checkpoint is that of step 2."""
    done = runs.command(
        command_file, recipe_file, f"out={tmp_path}", *STEPS, STEP="read/3", SIGNAL="SIGKILL"
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert runs.losses(tmp_path)[-1][:2] == ("read", 3)
    assert not (tmp_path / "read" / "checkpoint-3").exists()
    train(tiny(f"out={tmp_path}", *STEPS), console=runs.quiet())
    steps = [(e["stage"], e["step"]) for e in runs.entries(tmp_path, "loss")]
    assert steps.count(("read", 3)) == 2
    assert runs.losses(tmp_path) == runs.losses(undisturbed)
    assert runs.same_weights(tmp_path / "read" / "final", undisturbed / "read" / "final")


@pytest.mark.parametrize("wish", ["SIGINT", "SIGTERM"])
def test_a_wish_to_stop_leaves_a_checkpoint_and_the_run_goes_on(
    runs, undisturbed, tiny, recipe_file, command_file, tmp_path, wish
):
    """It reaches the whole group of processes, the workers that draw samples too."""
    recipe = (recipe_file, f"out={tmp_path}", *STEPS, "num_workers=2")
    done = runs.command(command_file, *recipe, STEP="draft/2", SIGNAL=wish)
    assert done.returncode == 130, done.stderr
    assert "stopping after this step, with a checkpoint" in done.stderr
    assert "draft: stopped; the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    last = runs.losses(tmp_path)[-1]
    assert last[0] == "draft" and last[1] in (2, 3)
    kept = tmp_path / "draft" / f"checkpoint-{last[1]}"
    state = json.loads((kept / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] == last[1]
    train(tiny(*map(str, recipe[1:])), console=runs.quiet())
    assert runs.losses(tmp_path) == runs.losses(undisturbed)
    assert runs.same_weights(tmp_path / "read" / "final", undisturbed / "read" / "final")


def test_a_wish_to_stop_is_heard_once(runs):
    """The second signal ends the run at once: what was there before hears it."""
    heard = []
    kept = signal.signal(signal.SIGINT, lambda *_: heard.append("second"))
    try:
        console = runs.quiet()
        stop = Stop(None, console)
        with stop.listening():
            signal.raise_signal(signal.SIGINT)
            assert stop.signalled and not heard
            signal.raise_signal(signal.SIGINT)
            assert heard == ["second"]
        signal.raise_signal(signal.SIGINT)
        assert heard == ["second"] * 2
        assert console.file.getvalue().count("once more stops at once") == 1
    finally:
        signal.signal(signal.SIGINT, kept)
