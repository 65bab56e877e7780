"""Two streams: averaged at the end, attended in either, identical to the plain network with open gates."""

import json

import pytest
import torch

from regard.backbones import original_keys
from regard.models import AttentiveClassifier, TwoStream, TwoStreamOutput
from regard.models.two_stream import fused_logits
from regard.types import RegardError

SMALL = {"backbone_options": {"widths": (4, 4, 8, 8)}, "length": 2, "input_size": (24, 32)}


def clips(count=3, length=2, size=(24, 32)):
    g = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, *size, generator=g), 2 * torch.rand(count, 2 * length, *size, generator=g) - 1


def build(**options):
    torch.manual_seed(0)
    return TwoStream("compact", 5, **{"at": "stage1", "attention": "deterministic"} | SMALL | options)


def test_probabilities_are_the_mean_of_the_streams():
    images, flow = clips()
    model = build().eval()
    output = model(images, flow=flow)
    assert isinstance(output, TwoStreamOutput)
    of_streams = [model.flow(flow).probabilities(), model.rgb(images).probabilities()]
    assert torch.allclose(output.probabilities(), (of_streams[0] + of_streams[1]) / 2, atol=1e-6)
    assert torch.allclose(model.predict(images, flow=flow), output.probabilities())


def test_probabilities_of_several_labels_are_the_mean_even_at_certainty():
    images, flow = clips()
    model = build(multi_label=True).eval()
    of_streams = [model.flow(flow).probabilities(True), model.rgb(images).probabilities(True)]
    assert torch.allclose(model.predict(images, flow=flow), (of_streams[0] + of_streams[1]) / 2, atol=1e-6)
    sure = torch.tensor([[[90.0, -90.0]]])
    for multi in (True, False):
        logits = fused_logits([sure, torch.zeros(1, 1, 2)], multi)
        assert logits.isfinite().all()
        probabilities = logits.sigmoid() if multi else logits.softmax(-1)
        assert probabilities[0, 0].tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    ("attend", "at"),
    [("rgb", ("rgb.stage1",)), ("flow", ("flow.stage1",)), ("both", ("flow.stage1", "rgb.stage1"))],
)
def test_attention_is_in_the_chosen_streams_and_the_image_stream_comes_last(attend, at):
    images, flow = clips()
    model = build(attend=attend, attention="noise")
    assert model.at == at
    output = model(images, flow=flow, samples=2)
    assert len(output.attention) == len(at)
    assert output.logits.shape == (2, 3, 5)
    assert model.cut.is_cut == (attend == "both")
    if attend != "both":
        other = "flow" if attend == "rgb" else "rgb"
        assert f"nothing is attended in the {other} stream" in model.cut.bypasses
    map = model.explain(images, flow=flow)
    last = (model.flow if attend == "flow" else model.rgb).explain(flow if attend == "flow" else images)
    assert torch.equal(map.values, last.values)
    assert map.unit == last.unit == "bits"


def test_open_gates_leave_the_plain_network_bit_for_bit():
    images, flow = clips()
    plain = build(attention=None).eval()
    for options in ({"attention": "mask"}, {"attention": "noise"}):
        model = build(attend="both", **options).eval()
        originals = original_keys(model)
        state = {originals[key]: value for key, value in model.state_dict().items() if ".mean_path_" not in key}
        plain.load_state_dict({key: state[key] for key in plain.state_dict()})
        ones = torch.ones(1, 1, 12, 16)
        opened = model(images, flow=flow, map_override=ones)
        assert torch.equal(opened.logits, plain(images, flow=flow).logits)
        assert not torch.equal(model(images, flow=flow).logits, opened.logits)


def test_maps_are_given_by_name_by_place_or_to_all():
    images, flow = clips()
    model = build(attend="both").eval()
    one, other = torch.rand(3, 1, 6, 8), torch.rand(3, 1, 6, 8)
    grid = model(images, flow=flow).attention[0].map.shape[-2:]
    one, other = (torch.nn.functional.interpolate(m, size=grid) for m in (one, other))
    by_place = model(images, flow=flow, map_override=[one, other])
    by_name = model(images, flow=flow, map_override={"rgb.stage1": other, "flow.stage1": one})
    assert torch.equal(by_place.logits, by_name.logits)
    assert torch.equal(by_place.attention[1].map[0], other)
    half = model(images, flow=flow, map_override={"rgb.stage1": other})
    assert torch.equal(half.attention[0].map, model(images, flow=flow).attention[0].map)
    assert torch.equal(model(images, flow=flow, map_override=one).attention[1].map[0], one)
    with pytest.raises(RegardError, match=r"1 maps for 2 attended layers"):
        model(images, flow=flow, map_override=[one])
    with pytest.raises(RegardError, match=r"no attended layer 'stage1'; attended are flow.stage1, rgb.stage1"):
        model(images, flow=flow, map_override={"stage1": one})


def test_two_latents_are_one_and_their_rates_add_up():
    images, flow = clips()
    model = build(latent=4).eval()
    output = model(images, flow=flow, samples=2)
    assert output.latent.z.shape == (6, 8)
    alone = [model.flow(flow, samples=0).latent.rate, model.rgb(images, samples=0).latent.rate]
    assert torch.allclose(model(images, flow=flow, samples=0).rate[0], alone[0] + alone[1])


def test_it_is_saved_and_read_without_running_anything(tmp_path):
    images, flow = clips()
    model = build(attend="both", anchors=4, latent=3, normalize=((0.5,) * 3, (0.2,) * 3), flow_std=0.3).eval()
    model.save_pretrained(tmp_path)
    read = TwoStream.from_pretrained(tmp_path)
    assert torch.equal(read(images, flow=flow).logits, model(images, flow=flow).logits)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    assert json.loads((tmp_path / "config.json").read_text())["class"] == "TwoStream"
    with pytest.raises(RegardError, match="schema 2 of TwoStream"):
        AttentiveClassifier.from_pretrained(tmp_path)


def test_own_networks_are_copied_and_cannot_be_saved(tmp_path):
    from regard.backbones import create_backbone

    images, flow = clips()
    own = create_backbone("compact", 5, widths=(4, 4, 8, 8))
    model = TwoStream(own, 5, length=2, at="stage1", input_size=(24, 32))
    assert model.rgb.trunk is own
    assert model(images, flow=flow).logits.shape == (1, 3, 5)
    with pytest.raises(RegardError, match="is an object"):
        model.save_pretrained(tmp_path)


def test_every_parameter_learns_in_one_group():
    model = build(attend="both", anchors=4)
    groups = model.parameter_groups(0.1, backbone_lr=0.01, weight_decay=0.02)
    names = [group["name"] for group in groups]
    assert len(names) == len(set(names))
    listed = [id(p) for group in groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())
    rates = {group["name"]: group["lr"] for group in groups}
    assert (rates["backbone"], rates["head"]) == (0.01, 0.1)


def test_freezing_applies_to_both_streams():
    model = build().train()
    model.freeze("stem")
    assert not any(p.requires_grad for key, p in model.named_parameters() if ".stem." in key)
    assert not model.flow.trunk.stem.training
    assert model.train().rgb.trunk.stage2.training


def test_invalid_arguments_raise_errors():
    images, flow = clips()
    with pytest.raises(RegardError, match=r"pass flow=batch\.flow"):
        build()(images)
    with pytest.raises(RegardError, match="the flow stream is attended"):
        build(attend="both").explain(images)
    with pytest.raises(RegardError, match="nothing is attended"):
        build(attention=None).explain(images, flow=flow)
    with pytest.raises(RegardError, match="attend='audio'"):
        build(attend="audio")
    with pytest.raises(RegardError, match=r"\(B,4,H,W\) was expected"):
        build()(images, flow=flow[:, :2])
