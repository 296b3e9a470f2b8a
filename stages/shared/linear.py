"""Linear layers that score in float32 on a CPU by oneDNN, which PyTorch itself uses for lower precisions alone.

PyTorch gives such products to MKL. On an AMD EPYC with AVX-512 oneDNN does a batch of passages two to three times as
fast, and on processors of Intel as fast; the sums differ in their last digits.
"""

from typing import Any

import torch


class Linear(torch.nn.Linear):
    """A linear layer; where a gradient is asked for, or in another precision, it is PyTorch's own."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Rows of `input`, shape (..., in), times the weight: shape (..., out)."""
        if torch.is_grad_enabled() or not is_plain(input) or not is_plain(self.weight):
            return super().forward(input)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")
        return product


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor lies on the CPU in float32 and is used so."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def hasten(model: Any) -> Any:
    """Let the linear layers of a model score by oneDNN, where PyTorch was built with it; returns the model.

    Weights stay where they are and what they are: adapters, copies and state dicts see the layers they know.
    """
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # type: ignore[no-untyped-call]
        for module in model.modules():
            if type(module) is torch.nn.Linear:
                module.__class__ = Linear
    return model
