"""Attentive segmenters over every family: sizes, samples, identity, cut, saving."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regard.backbones import original_keys
from regard.models import Segmenter
from regard.models.fcn import BilinearUp, fit
from regard.types import RegardError

FAMILIES = [
    pytest.param("alexnet", "fcn8s", (127, 161), id="alexnet"),
    pytest.param("torchvision:vgg11_bn", "fcn8s", (97, 64), id="vgg", marks=pytest.mark.slow),
    pytest.param("torchvision:resnet18", "fcn8s", (97, 65), id="resnet"),
    pytest.param("tf_efficientnet_lite0", "fcn16s", (65, 97), id="lite0"),
    pytest.param("compact", "fcn8s", (33, 48), id="compact"),
    pytest.param("swin_tiny_patch4_window7_224", "fcn16s", (64, 96), id="swin", marks=pytest.mark.slow),
    pytest.param("vit_tiny_patch16_224", "fcn32s", (64, 96), id="vit"),
]


def build(backbone, decoder, size, **options):
    torch.manual_seed(0)
    own = {"backbone_options": {"depth": 2}} if backbone.startswith("vit") else {}
    return Segmenter(backbone, decoder=decoder, input_size=size, **{**own, **options})


def images(size, count=2):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("backbone", "decoder", "size"), FAMILIES)
def test_scores_at_every_pixel_for_odd_sizes_too(backbone, decoder, size):
    model = build(backbone, decoder, size, attention="noise")
    output = model(images(size), samples=3)
    assert output.logits.shape == (3, 2, 1, *size)
    assert len(output.attention) == 1
    assert output.attention[0].map.shape[:2] == (3, 2)
    assert model(images(size), samples=0).logits.shape == (1, 2, 1, *size)
    assert model.predict(images(size)).shape == (2, 1, *size)
    output.logits.mean().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None]
    # skip scores begin at zero but learn; nothing behind the last layer that is read is left over
    assert not idle, idle[:5]


@pytest.mark.parametrize(("backbone", "decoder", "size"), FAMILIES)
def test_a_multiplier_of_one_is_the_plain_network(backbone, decoder, size):
    plain = build(backbone, decoder, size, attention=None).eval()
    attended = build(backbone, decoder, size, attention="noise").eval()
    originals = original_keys(attended)
    own = {
        originals[key]: value
        for key, value in attended.state_dict().items()
        if ".attention." not in key and ".mean_path_" not in key
    }
    assert own.keys() == plain.state_dict().keys()
    plain.load_state_dict(own)
    with torch.no_grad():
        one = attended(images(size), map_override=torch.ones(1, 1, 1, 1))
        assert torch.equal(one.logits, plain(images(size)).logits)


def test_attention_at_the_coarsest_layer_is_no_cut_under_skip_connections():
    size = (64, 64)
    assert build("resnet18", "fcn32s", size, at="layer4").cut.is_cut
    around = build("resnet18", "fcn8s", size, at="layer4")
    assert not around.cut.is_cut
    assert "layer4" in around.cut.bypasses[0]
    assert build("resnet18", "fcn8s", size, at=["layer2", "layer3", "layer4"]).cut.is_cut


def test_samples_differ_and_skip_scores_are_repeated_for_each():
    model = build("resnet18", "fcn16s", (64, 64), at=["layer3", "layer4"])
    nn.init.normal_(model.decoder.finer[0].weight)
    a = model(images((64, 64)), samples=2).logits
    assert not torch.equal(a[0], a[1])
    # layer3 is plain here, so its scores have to be the same for every sample
    late = build("resnet18", "fcn16s", (64, 64), at="layer4").eval()
    single = late(images((64, 64)), samples=0, map_override=torch.ones(1, 1, 1, 1)).logits
    several = late(images((64, 64)), samples=3, map_override=torch.ones(1, 1, 1, 1)).logits
    assert torch.allclose(several, single.expand(3, -1, -1, -1, -1), atol=1e-5)


def test_maps_can_be_given_by_layer():
    model = build("resnet18", "fcn16s", (64, 64), at=["layer3", "layer4"]).eval()
    closed = model(
        images((64, 64)), map_override={"layer3": torch.zeros(1, 1, 1, 1), "layer4": torch.zeros(1, 1, 1, 1)}
    )
    assert all((a.map == 0).all() for a in closed.attention)
    assert model.at == ("layer3", "layer4")


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 6)])
def test_upsampling_begins_as_bilinear_interpolation(factor, size):
    x = torch.randn(2, 1, *size)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert torch.allclose(BilinearUp(factor)(x), expected, atol=1e-6)


def test_a_grid_that_reaches_over_the_border_is_cut_and_a_smaller_one_stretched():
    x = torch.arange(20.0).reshape(1, 1, 4, 5)
    assert torch.equal(fit(x, (3, 5)), x[:, :, :3])
    assert fit(x, (6, 5)).shape[-2:] == (6, 5)
    assert fit(x, (6, 5))[0, 0, 0].tolist() == x[0, 0, 0].tolist()


def test_objects_keep_their_place():
    """A decoder that scores one channel of fine features marks the pixels of that channel, without a shift."""
    model = build("compact", "fcn32s", (32, 48), attention=None).eval()
    mark = torch.zeros(1, 32, 4, 6)
    reading = model.read[-1]
    assert reading.reduction == 8
    model.decoder.neck, model.decoder.score = nn.Identity(), nn.Conv2d(reading.channels, 1, 1)
    nn.init.zeros_(model.decoder.score.weight)
    nn.init.zeros_(model.decoder.score.bias)
    with torch.no_grad():
        model.decoder.score.weight[0, 0] = 1
        mark = torch.zeros(1, reading.channels, 4, 6)
        mark[0, 0, 1, 4] = 1
        scores = model.decoder([mark], (32, 48))[0, 0]
    y, x = (scores * torch.arange(32)[:, None]).sum() / scores.sum(), (scores * torch.arange(48)).sum() / scores.sum()
    assert y.item() == pytest.approx(1 * 8 + 3.5, abs=1e-4)
    assert x.item() == pytest.approx(4 * 8 + 3.5, abs=1e-4)


def test_saved_and_read_again(tmp_path):
    model = build("resnet18", "fcn8s", (64, 64), anchors=4, attention="noise").eval()
    model.save_pretrained(tmp_path)
    again = Segmenter.from_pretrained(tmp_path)
    assert torch.equal(again.predict(images((64, 64))), model.predict(images((64, 64))))
    assert again.config == model.config


def test_freezing_and_groups():
    model = build("resnet18", "fcn16s", (64, 64), at="layer3")
    model.freeze("layer3")
    groups = {g["name"]: g for g in model.parameter_groups(1e-2, backbone_lr=1e-3, weight_decay=0.1)}
    learning = {p for p in model.parameters() if p.requires_grad}
    assert {p for g in groups.values() for p in g["params"]} == learning
    assert groups["backbone"]["lr"] == 1e-3
    assert {p for n, p in model.decoder.named_parameters()} <= {
        p for name, g in groups.items() if name.startswith("head") for p in g["params"]
    }
    assert not model.train().trunk.get_submodule("layer2").training


def test_invalid_arguments_raise_errors():
    with pytest.raises(RegardError, match=r"one of fcn32s, fcn16s, fcn8s"):
        Segmenter("resnet18", decoder="fcn4s")
    with pytest.raises(RegardError, match=r"features on 1 grid"):
        build("vit_tiny_patch16_224", "fcn16s", (64, 64))
    with pytest.raises(RegardError, match=r"no layer 'layer9'"):
        build("resnet18", "fcn32s", (64, 64), at="layer9")


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_layers_after_the_last_used_one_are_removed(name):
    model = build(name, "fcn32s", (64, 64), attention=None)
    assert not any(isinstance(m, nn.Linear) for m in model.modules())
