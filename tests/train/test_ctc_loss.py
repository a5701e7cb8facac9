"""The CTC loss is PyTorch's, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F

from vary.train.ctc_loss import ctc_loss_sum


def of_pytorch(logits, lengths, targets):
    return F.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        torch.cat(targets),
        lengths,
        torch.tensor([len(line) for line in targets]),
        reduction="sum",
        zero_infinity=True,
    )


def of_both(logits, lengths, targets):
    results = []
    for loss_of in (of_pytorch, ctc_loss_sum):
        leaf = logits.clone().requires_grad_()
        loss = loss_of(leaf, lengths, targets)
        (3 * loss).backward()
        results.append((loss.detach(), leaf.grad))
    return results


@pytest.fixture
def lines():
    torch.manual_seed(0)
    targets = [torch.tensor([3, 3, 7, 1]), torch.tensor([39]), torch.tensor([5, 2, 5, 2, 5])]
    return torch.randn(3, 12, 40) * 3, torch.tensor([12, 4, 9]), targets


def test_loss_and_gradient_are_pytorchs(lines):
    (loss, gradient), (ours, our_gradient) = of_both(*lines)
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(our_gradient, gradient, atol=1e-4, rtol=1e-4)
    assert gradient.abs().max() > 0.1
    assert (our_gradient[1, 4:] == 0).all()  # columns behind the line's end


def test_half_precision_is_as_near_as_it_can_be(lines):
    logits, *rest = lines
    (loss, gradient), (ours, our_gradient) = of_both(logits.bfloat16(), *rest)
    assert our_gradient.dtype == torch.bfloat16
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(our_gradient, gradient, atol=2e-2, rtol=1e-2)


def test_a_line_too_long_for_its_columns_gives_nothing(lines):
    logits, lengths, targets = lines
    targets[1] = torch.tensor([4, 4, 4])  # needs five columns, has four
    (loss, gradient), (ours, our_gradient) = of_both(logits, lengths, targets)
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(our_gradient, gradient, atol=1e-4, rtol=1e-4)
    assert (our_gradient[1] == 0).all()
    assert torch.isfinite(ours)


def test_a_line_without_text_is_all_blank(lines):
    logits, lengths, targets = lines
    targets[0] = torch.tensor([], dtype=torch.long)
    (loss, gradient), (ours, our_gradient) = of_both(logits, lengths, targets)
    torch.testing.assert_close(ours, loss)
    torch.testing.assert_close(our_gradient, gradient, atol=1e-4, rtol=1e-4)


def test_nothing_is_kept_where_no_gradient_is_wanted(lines):
    with torch.no_grad():
        loss = ctc_loss_sum(*lines)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, of_pytorch(*lines))
