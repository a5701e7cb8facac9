"""Steps that must not be taken."""

import math

import pytest

from vary.train.guard import Guard


def settled(loss, max_jump=3.0):
    """Return a guard that has seen fifty steps of a loss."""
    guard = Guard(max_jump)
    assert not any(guard.fault(loss, 1.0) for _ in range(50))
    return guard


@pytest.mark.parametrize(
    ("loss", "grad_norm", "told"),
    [
        (math.nan, 1.0, "the loss is nan"),
        (math.inf, 1.0, "the loss is inf"),
        (1.0, math.nan, "the gradient's norm is nan"),
        (1.0, math.inf, "the gradient's norm is inf"),
    ],
)
def test_what_is_no_number_is_a_fault_from_the_first_step(loss, grad_norm, told):
    assert Guard(3.0).fault(loss, grad_norm) == told
    assert Guard(0.0).fault(loss, grad_norm) == told


def test_a_jump_is_a_fault():
    told = settled(2.0).fault(6.1, 1.0)
    assert "jumped to 6.100 from 2.000" in told and "max_jump 3" in told
    assert not settled(2.0).fault(5.9, 1.0)


@pytest.mark.parametrize(("loss", "fault"), [(0.45, False), (0.55, True)])
def test_a_loss_near_zero_may_double_and_more(loss, fault):
    assert bool(settled(0.01).fault(loss, 1.0)) == fault


def test_any_jump_is_let_pass_where_it_is_so_wanted():
    assert not settled(2.0, max_jump=0.0).fault(1e6, 1.0)


def test_the_first_steps_may_do_what_they_like():
    guard = Guard(3.0)
    assert not any(guard.fault(loss, 1.0) for loss in [1.0, 50.0] * 24)


def test_what_is_usual_goes_with_the_losses():
    """A loss that rises slowly is no jump, and a fault is not taken for usual."""
    guard = settled(1.0)
    assert not any(guard.fault(1.0 + step / 50, 1.0) for step in range(200))
    guard = settled(1.0)
    assert all(guard.fault(9.0, 1.0) for _ in range(60))


def test_steps_of_long_samples_among_short_ones_are_no_jumps():
    """Samples of like lengths share a step, so that steps differ more than samples do."""
    guard = Guard(2.0)
    losses = [0.1, 0.1, 0.1, 1.2] * 20
    assert not any(guard.fault(loss, 1.0) for loss in losses)
    assert not guard.fault(1.9, 1.0)
    assert "jumped to 4.000 from 1.900" in guard.fault(4.0, 1.0)
