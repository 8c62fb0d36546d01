import pytest
import torch
from torch import nn

from surefoot.ground.errors import InputError
from surefoot.groups import FairDropout, attach, tied
from surefoot.groups.networks import mlp
from surefoot.groups.placement import suggest_placements

IMAGES = torch.ones(2, 3, 8, 8)


def table(places):
    return {place.name: place for place in places}


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        nn.Conv2d(16, 100, 3), nn.BatchNorm2d(100), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Sequential(nn.Linear(100, 50), nn.Linear(50, 2)),
    )  # fmt: skip


def test_hidden_activations_of_an_mlp_in_order():
    places = suggest_placements(mlp((5,), 2, (128, 100)), torch.ones(2, 5))
    assert [place.name for place in places] == ["linear1", "relu1", "linear2", "relu2"]
    relu1 = places[1]
    assert (relu1.num_features, relu1.generalizing, relu1.tokens) == (128, 25, False)
    assert (relu1.mask_bytes, relu1.advice) == (2 * 128 * 4, "good")


def test_places_behind_the_last_norm_come_first():
    places = suggest_placements(cnn(), IMAGES, p_gen=0.29)
    by_name = table(places)
    assert [place.name for place in places[:3]] == ["4", "5", "6"]
    assert by_name["3"].batchnorms_behind == ("4",)
    assert by_name["0"].batchnorms_behind == ("1", "4")
    assert by_name["0"].advice.startswith("a BatchNorm follows")
    assert by_name["5"].generalizing == 29  # as the layer counts, not int(28.999…)
    assert by_name["8.0"].advice == "only 14 generalising units: raise p_gen, or expand"
    assert "7" not in by_name  # Flatten: its units are single positions


def test_the_output_is_no_place():
    by_name = table(suggest_placements(cnn(), IMAGES))
    assert not {"8", "8.1"} & set(by_name)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.norm, self.act, self.head = nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 2)

    def forward(self, tokens, mask=None):
        x = self.embed(tokens)
        x = self.act(self.norm(x + self.attention(x, x, x, need_weights=False)[0]))
        return {"logits": self.head(x.mean(1)), "hidden": x}


@pytest.mark.parametrize(
    "sample", [torch.arange(10).view(2, 5), (torch.arange(10).view(2, 5), None)]
)
def test_tokens_have_their_units_last(sample):
    by_name = table(suggest_placements(Encoder(), sample))
    assert list(by_name) == ["embed", "attention", "norm"]  # act is part of the output
    assert all(place.tokens and place.num_features == 32 for place in by_name.values())


def test_dictionary_samples():
    sample = {"tokens": torch.arange(10).view(2, 5), "mask": None}
    assert table(suggest_placements(Encoder(), sample))["norm"].tokens


def test_activations_behind_a_1d_convolution_have_their_units_first():
    model = nn.Sequential(nn.Conv1d(3, 40, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(40, 1, 3))
    by_name = table(suggest_placements(model, torch.ones(2, 3, 20)))
    assert {(p.num_features, p.tokens) for p in by_name.values()} == {(40, False)}


class Odd(nn.Module):
    """A shared module, one with a row for each window, one with a single unit."""

    def __init__(self):
        super().__init__()
        self.shared, self.windows, self.gate = nn.Linear(8, 8), nn.Linear(4, 30), nn.Linear(8, 1)
        self.good, self.head = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        x = self.shared(self.shared(x))
        x = x * self.gate(x).sigmoid() + self.windows(x.view(-1, 4)).mean()
        return self.head(self.good(x)).log_softmax(1)


def test_places_without_a_row_for_each_example_are_left_out():
    assert list(table(suggest_placements(Odd(), torch.ones(2, 8)))) == ["good"]


def test_every_suggestion_can_be_attached():
    for make, sample in ((cnn, IMAGES), (Encoder, torch.arange(10).view(2, 5))):
        for place in suggest_placements(make(), sample):
            model = make().train()
            for module in model.modules():
                module.training = not isinstance(module, nn.BatchNorm2d)
            axis = -1 if place.tokens else 1
            options = {"num_features": place.num_features, "feature_dim": axis}
            attach(model, {place.name: options})
            with tied(model, [3, 4]):
                model(sample)


def test_modes_come_back_and_written_layers_are_no_places():
    model = nn.Sequential(nn.Linear(4, 40), FairDropout(40), nn.BatchNorm1d(40), nn.Linear(40, 2))
    model[2].eval()
    by_name = table(suggest_placements(model, torch.ones(2, 4)))
    assert list(by_name) == ["2", "0"]
    assert [module.training for module in model] == [True, True, False, True]
    assert not any(module._forward_hooks for module in model)


def test_a_model_without_modules():
    with pytest.raises(InputError, match="model: found 'Linear'; allowed: one with submodules"):
        suggest_placements(nn.Linear(4, 2), torch.ones(2, 4))


def test_p_gen_is_checked():
    with pytest.raises(InputError, match="p_gen: found 0"):
        suggest_placements(mlp((5,), 2), torch.ones(2, 5), p_gen=0)
