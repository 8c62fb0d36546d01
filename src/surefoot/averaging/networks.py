"""The study's networks: a perceptron, a convolutional network with BatchNorm, a transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def perceptron(inputs: int, classes: int, hidden: int = 128) -> nn.Sequential:
    """Return a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def convolutional(classes: int, stride: int, width: int = 16) -> nn.Sequential:
    """Return three convolutions with BatchNorm for one grey channel.

    Parameters
    ----------
    stride : int
        Of the first convolution.
    """

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(1, width, stride),
        *block(width, 2 * width, 2),
        *block(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, classes),
    )


class CharacterModel(nn.Module):
    """A transformer of one layer that predicts the next character.

    Parameters
    ----------
    alphabet : int
        Number of characters.
    length : int
        Longest context.
    """

    def __init__(self, alphabet: int, length: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(alphabet, width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        self.block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, alphabet)
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, length, alphabet) for characters (B, length)."""
        length = x.shape[1]
        h = self.embedding(x) + self.position[:length]
        mask = self.get_buffer("mask")[:length, :length]
        return self.head(self.norm(self.block(h, src_mask=mask, is_causal=True)))
