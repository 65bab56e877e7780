"""IBA against the one-image formulation on the whole network, and its price against torch's own KL."""

import pytest
import torch
from tests.explain.toys import Corner, Deep, Pooled, deep
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from regard.attention import noise_price
from regard.backbones import create_backbone
from regard.explain import ChannelStatistics, channel_statistics, explain
from regard.explain.context import ExplainContext
from regard.explain.iba import rerunning
from regard.metrics.smoothing import gaussian_blur
from regard.types import RegardError


def one_image(
    model: nn.Module, layer: str, image: Tensor, target: int, statistics: ChannelStatistics, **how: float
) -> Tensor:
    """Schulz et al. 2020 as published: one image, a batch of its noise samples, the whole network in every step."""
    mean, std = statistics.mean[:, None, None], statistics.std[:, None, None]
    beta, steps, samples = how.get("beta", 10.0), int(how["steps"]), int(how["samples"])
    generator = torch.Generator().manual_seed(0)
    alpha: Tensor | None = None
    kept: dict[str, Tensor] = {}

    def bottleneck(_m: nn.Module, _a: object, out: Tensor) -> Tensor:
        nonlocal alpha
        alpha = torch.full_like(out[:1], 5.0).requires_grad_() if alpha is None else alpha
        passed = gaussian_blur((1 - 1e-4) * alpha.sigmoid(), 1.0)
        eps = torch.stack([torch.randn(out.shape[1:], generator=generator) for _ in range(len(out))])
        r = (out[:1] - mean) / std
        kept["nats"] = 0.5 * ((1 - passed) ** 2 + passed**2 * r**2 - 1 - torch.log((1 - passed) ** 2))
        return passed * out + (1 - passed) * (mean + std * eps)

    hook = model.get_submodule(layer).register_forward_hook(bottleneck)
    images, classes = image[None].repeat(samples, 1, 1, 1), torch.full((samples,), target)
    optimizer = None
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), classes) + beta * kept["nats"].mean()
        optimizer = torch.optim.Adam([alpha], lr=1.0) if optimizer is None else optimizer
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model(images)
    hook.remove()
    return kept["nats"].sum(1)[0].detach() / torch.tensor(2.0).log()


@pytest.mark.parametrize("layer", ["norm", "body", "body.0"])
def test_a_batch_equals_single_images(layer: str) -> None:
    model = deep().eval()
    images, target = torch.rand(3, 3, 12, 10), torch.tensor([0, 4, 2])
    statistics = channel_statistics(model, torch.rand(8, 3, 12, 10), layer=layer)
    how = {"beta": 3.0, "steps": 4, "samples": 3}
    map = explain(model, images, "iba", target=target, layer=layer, reference=statistics, **how)
    assert map.unit == "bits"
    for b in range(3):
        bits = one_image(model, layer, images[b], int(target[b]), statistics, **how)
        torch.testing.assert_close(map.values[b, 0], bits, rtol=2e-3, atol=1e-4)


def test_its_price_is_the_kl() -> None:
    r, passed = torch.randn(2, 3, 4, 4), 0.999 * torch.rand(2, 3, 4, 4)
    expected = kl_divergence(Normal(passed * r, 1 - passed), Normal(torch.zeros(()), torch.ones(())))
    torch.testing.assert_close(noise_price(passed, r.square()), expected, rtol=1e-4, atol=1e-6)
    assert noise_price(torch.zeros(1, 1, 1, 1), r[:1, :1, :1, :1].square()).item() == 0, (
        "nothing passes, nothing is paid"
    )
    tiny = torch.full((1, 1, 1, 1), 1e-4, dtype=torch.float64)
    exact = 0.5 * ((1 - tiny) ** 2 - 1 - torch.log((1 - tiny) ** 2)).item()
    assert noise_price(tiny.float(), torch.zeros(1, 1, 1, 1)).item() == pytest.approx(exact, rel=1e-2, abs=0)


def test_a_higher_price_passes_less_information() -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 1, 8, 8)
    totals = [
        explain(Corner(), images, "iba", layer="same", beta=beta, steps=20).values.sum().item()
        for beta in (0.0, 0.1, 1.0, 10.0, 100.0)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.1 * totals[0]


def test_bits_are_where_the_class_is_decided() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 1, 8, 8)
    images[:, :, :2, :2] = torch.tensor([1.0, 0.0, 0.9, 0.1])[:, None, None, None]
    map = explain(Corner(), images, "iba", layer="same", steps=30).values
    inside, outside = map[:, :, :2, :2].mean((1, 2, 3)), map[:, :, 4:, 4:].mean((1, 2, 3))
    assert (inside > 20 * outside).all()


def test_statistics_are_those_of_the_features() -> None:
    torch.manual_seed(0)
    model, images = Pooled().eval(), torch.rand(10, 3, 6, 5)
    features = model.conv(images).detach()
    statistics = channel_statistics(model, images, layer="conv", batch=3)
    torch.testing.assert_close(statistics.mean, features.mean((0, 2, 3)))
    torch.testing.assert_close(statistics.var, features.var((0, 2, 3), correction=0))
    one = explain(model, images[:2], "iba", layer="conv", reference=images)
    two = explain(model, images[:2], "iba", layer="conv", reference=statistics)
    torch.testing.assert_close(one.values, two.values)
    with pytest.raises(RegardError, match="statistics of 4 channels for a layer with 8"):
        explain(deep(), images, "iba", layer="body", reference=statistics)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", ("layer2", "layer3.0.conv1", "layer3.1.bn1")),
        ("torchvision:resnet18", ("layer2", "layer3.0.conv1", "layer3.1.bn1")),
        ("vit_tiny_patch16_224", ("blocks.2", "blocks.5.norm1")),
        ("torchvision:densenet121", ("features.denseblock2",)),
        ("convnext_atto", ("stages.2",)),
    ],
)
def test_only_layers_after_the_explained_one_run_again(name: str, layers: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    model = create_backbone(name, 5, img_size=(64, 64)).eval()
    for weight in model.parameters():
        if weight.ndim == 1:  # scales that begin at zero would hide what passes
            nn.init.uniform_(weight, 0.5, 1.5)
    images = torch.rand(2, 3, 64, 64)
    ran: list[nn.Module] = []
    for leaf in model.modules():
        if not list(leaf.children()):
            leaf.forward = counted(leaf.forward, leaf, ran)
    plain = model(images).detach()
    whole, forwards = len(ran), {m: m.forward for m in model.modules()}
    for layer in layers:
        module, layout = ExplainContext(model, images, None, layer).place()
        with rerunning(model, lambda: model(images), module, layout, (64, 64)) as after:
            ran.clear()
            torch.testing.assert_close(after.run(after.features), plain, rtol=1e-4, atol=1e-5)
            assert 0 < len(ran) < whole
            assert not set(ran) & set(module.modules())
            other = after.features + torch.randn_like(after.features)
            changed = after.run(other)
        assert {m: m.forward for m in model.modules()} == forwards
        hook = module.register_forward_hook(lambda _m, _a, out, how=layout, f=other: how.output(f.clone(), out))
        torch.testing.assert_close(changed, model(images), rtol=1e-4, atol=1e-5)
        hook.remove()
        assert not torch.allclose(changed, plain, rtol=1e-2)


def counted(forward, module, ran):  # type: ignore[no-untyped-def]
    def call(*args, **kwargs):  # type: ignore[no-untyped-def]
        ran.append(module)
        return forward(*args, **kwargs)

    return call


class InPlace(nn.Module):
    """Adds in place to what a module before the layer returned: it cannot be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        x += 1
        return self.fc((self.second(x) + x).mean((2, 3)))


def test_a_network_whose_rest_cannot_be_repeated_is_named() -> None:
    torch.manual_seed(0)
    with pytest.raises(RegardError, match="iba: the part after the layer does not reproduce"):
        explain(InPlace(), torch.rand(1, 3, 4, 4), "iba", layer="second")


@pytest.mark.parametrize(("options", "message"), [({"steps": 0}, "steps=0"), ({"beta": -1.0}, "beta=-1.0")])
def test_invalid_options_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        explain(Deep(), torch.rand(1, 3, 8, 8), "iba", layer="body", **options)
