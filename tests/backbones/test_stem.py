"""A network split at a layer gives the same output as the whole network."""

import pytest
import torch

from regard.backbones import Stem, attach, create_backbone, eval_mode
from regard.types import RegardError

NETWORKS = {
    "compact": ("stage1", 32),
    "resnet18": ("layer2", 32),
    "torchvision:resnet18": ("layer3.0", 32),
    "tf_efficientnet_lite0": ("blocks.2", 64),
    "convnext_atto": ("stages.1", 64),
    "densenet121": ("features.denseblock1", 64),
    "deit_tiny_patch16_224": ("blocks.3", 32),
    "swin_tiny_patch4_window7_224": ("layers.1", 64),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_stem_and_rest_equal_the_network(name):
    layer, size = NETWORKS[name]
    torch.manual_seed(0)
    model = create_backbone(name, 5, img_size=(size, size)).eval()
    images = torch.rand(3, 3, size, size)
    with eval_mode(model):
        whole = model(images)
    stem = Stem(model, layer, (3, size, size))
    features = stem(images)
    ran = []
    hooks = [
        module.register_forward_hook(lambda m, a, o: ran.append(m)) for m in stem.modules for module in m.children()
    ]
    with eval_mode(model), stem.resume(features):
        again = model(torch.zeros_like(images))
    for hook in hooks:
        hook.remove()
    assert torch.equal(again, whole) or torch.allclose(again, whole, atol=1e-5)
    assert not ran, "the stem ran again"
    with eval_mode(model):
        assert torch.equal(model(images), whole), "the network is not as it was"


def test_only_the_rest_gets_gradients_from_given_features():
    model = create_backbone("resnet18", 3)
    stem = Stem(model, "layer2", (3, 32, 32))
    features = stem(torch.rand(4, 3, 32, 32))
    assert not features.requires_grad
    with stem.resume(features):
        model(torch.zeros(4, 3, 32, 32)).sum().backward()
    learned = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learned == {"layer3", "layer4", "fc"}


def test_attention_on_the_layer_belongs_to_the_rest_and_before_it_is_refused():
    from regard.attention import create_attention

    model = create_backbone("resnet18", 3)
    attach(model, ["layer2"], lambda channels: create_attention("aib", channels), input_size=(32, 32))
    stem = Stem(model, "layer2", (3, 32, 32))
    images = torch.rand(2, 3, 32, 32)
    with eval_mode(model):
        whole = model(images)
        with stem.resume(stem(images)):
            assert torch.allclose(model(torch.zeros_like(images)), whole, atol=1e-5)
    with pytest.raises(RegardError, match="attention at layer2 lies before layer3"):
        Stem(model, "layer3", (3, 32, 32))


def test_a_path_around_the_layer_is_found():
    model = create_backbone("resnet18", 3)
    with pytest.raises(RegardError, match=r"a path goes around layer2\.1\.conv1"):
        Stem(model, "layer2.1.conv1", (3, 32, 32))


def test_the_network_is_restored_also_after_errors():
    model = create_backbone("compact", 3).eval()
    stem = Stem(model, "stage1", (3, 16, 16))
    images = torch.rand(2, 3, 16, 16)
    with eval_mode(model):
        before = model(images)
    with pytest.raises(ZeroDivisionError), stem.resume(stem(images)):
        _ = 1 / 0
    with eval_mode(model):
        assert torch.equal(model(images), before)
    assert not model.training
