"""Linear layers that score by oneDNN: the numbers of PyTorch's own, and nothing changed for whoever trains."""

import copy

import torch
from torch.nn import functional

from stages.shared.linear import Linear, hasten


def layers() -> torch.nn.Sequential:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(48, 80, bias=False), torch.nn.SiLU(), torch.nn.Linear(80, 32))


def test_scores_are_those_of_pytorch_for_any_shape() -> None:
    plain, fast = layers(), hasten(layers())
    assert [type(layer) for layer in fast] == [Linear, torch.nn.SiLU, Linear]
    for shape in ((48,), (1, 48), (5, 48), (2, 7, 48), (0, 48)):
        read = torch.randn(shape)
        with torch.no_grad():
            torch.testing.assert_close(fast(read), plain(read), rtol=1e-5, atol=1e-6)


def test_a_float32_product_goes_to_onednn_and_a_gradient_to_pytorch() -> None:
    fast, read = hasten(layers()), torch.randn(5, 48)
    with torch.profiler.profile() as seen, torch.no_grad():
        fast(read)
    assert "mkldnn::_linear_pointwise" in {event.key for event in seen.key_averages()}
    fast(read).sum().backward()
    assert fast[0].weight.grad is not None


def test_lower_precision_is_pytorchs_own() -> None:
    fast, plain, read = hasten(layers()), layers(), torch.randn(5, 48)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(read), plain(read))
    with torch.no_grad():
        assert torch.equal(fast.bfloat16()(read.bfloat16()), plain.bfloat16()(read.bfloat16()))


def test_copies_and_changed_weights_are_seen() -> None:
    one = hasten(layers())
    other = copy.deepcopy(one)
    with torch.no_grad():
        other[0].weight += 1
        read = torch.ones(1, 48)
        assert torch.allclose(other[0](read), functional.linear(read, other[0].weight), atol=1e-4)
        assert not torch.allclose(one[0](read), other[0](read))
    assert one.state_dict().keys() == layers().state_dict().keys()
