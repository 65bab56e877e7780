"""How a model predicts: the declared path, and samples of gate and latent that are chosen apart."""

import json

import pytest
import torch
from tests.models.test_classifier import SMALL, images, small

from regard.explain import explain
from regard.models import PATHS, AttentiveClassifier, Samples, Segmenter, TwoStream, to_onnx
from regard.models.prediction import samples_of
from regard.types import RegardError


def noisy(prediction: str = "seeded", **arguments) -> AttentiveClassifier:
    """A noise gate before a latent, with statistics of some batches."""
    options = {"initial_std": 0.2}
    model = small(attention="noise", attention_options=options, latent=5, prediction=prediction, **arguments).train()
    for _ in range(3):
        model(images(8))
    return model.eval()


@pytest.mark.parametrize(
    ("given", "training", "prediction", "expected"),
    [
        (None, False, "mean", Samples(0, 0)),
        (None, False, "seeded", Samples(1, 0, by_image=True)),
        (None, True, "seeded", Samples(1, 1)),
        (None, True, "mean", Samples(1, 1)),
        (0, False, "seeded", Samples(0, 0)),
        (4, False, "seeded", Samples(4, 4)),
        (Samples(2, 0), False, "seeded", Samples(2, 0)),
    ],
)
def test_what_a_forward_draws(given, training: bool, prediction, expected: Samples) -> None:
    assert samples_of(given, prediction, training=training) == expected


def test_the_seeded_path_is_deterministic_per_image_and_independent_of_the_batch() -> None:
    model, x = noisy(), images(5)
    whole = model(x)
    assert whole.logits.shape == (1, 5, 4)
    torch.manual_seed(99)
    assert torch.equal(model(x).logits, whole.logits)
    parts = torch.cat([model(x[[i]]).logits for i in range(5)], 1)
    assert torch.allclose(parts, whole.logits, atol=1e-5)
    turned = model(x.flip(0)).logits.flip(1)
    assert torch.allclose(turned, whole.logits, atol=1e-5)


def test_the_seeded_path_samples_the_gate_and_takes_the_mean_of_the_latent() -> None:
    model = noisy()
    output, mean = model(images()), model(images(), samples=0)
    assert torch.equal(output.latent.z, output.latent.mean)
    assert not torch.allclose(output.latent.mean, mean.latent.mean, atol=1e-4)  # the gate is noisy
    assert not torch.allclose(output.attention[0].map, mean.attention[0].map, atol=1e-3)
    drawn = model(images(), samples=1)
    assert not torch.equal(drawn.latent.z, drawn.latent.mean)


def test_a_model_that_declares_the_mean_predicts_by_the_mean() -> None:
    model = noisy("mean")
    assert torch.equal(model(images()).logits, model(images(), samples=0).logits)
    assert not torch.equal(model(images(), samples=PATHS["seeded"]).logits, model(images()).logits)


def test_an_explicit_zero_is_the_mean_of_a_seeded_model_too() -> None:
    assert torch.equal(noisy()(images(), samples=0).logits, noisy("mean")(images()).logits)


def test_in_training_noise_is_new_in_every_call() -> None:
    model = noisy().train()
    assert not torch.equal(model(images()).logits, model(images()).logits)


@pytest.mark.parametrize(
    ("samples", "shape", "gate", "latent"),
    [
        (Samples(gate=3, latent=0), 3, True, False),
        (Samples(gate=0, latent=3), 3, False, True),
        (Samples(gate=1, latent=3), 3, True, True),
        (Samples(gate=3, latent=1), 3, True, True),
        (Samples(gate=2, latent=2, by_image=True), 2, True, True),
    ],
)
def test_samples_of_gate_and_latent_are_chosen_apart(samples: Samples, shape: int, gate: bool, latent: bool) -> None:
    output = noisy("mean")(images(), samples=samples)
    z, mean = output.latent.z.view(shape, 3, 5), output.latent.mean.view(shape, 3, 5)
    assert output.logits.shape == (shape, 3, 4)
    assert torch.equal(z, mean) is not latent
    assert len(output.attention[0].map) == max(samples.gate, 1)
    several = samples.gate > 1
    assert torch.allclose(mean[0], mean[1], atol=1e-5) is not several
    assert bool((output.attention[0].map[0] == output.attention[0].mean).all()) is not gate
    if latent:
        assert not torch.allclose((z - mean)[0], (z - mean)[1], atol=1e-4)


@pytest.mark.parametrize(("gate", "latent"), [(2, 3), (4, 2), (-1, 0), (0, -2)])
def test_numbers_that_do_not_pair_are_refused(gate: int, latent: int) -> None:
    with pytest.raises(RegardError, match=f"{gate} maps and {latent} latents"):
        Samples(gate, latent)


def test_noise_behind_a_stem_is_that_of_the_images() -> None:
    model = noisy(at="stage3")
    model.freeze("stage1")
    x = images()
    stem = model.stem(x)
    assert torch.allclose(model(x, stem=stem).logits, model(x).logits, atol=1e-5)
    without = model(x[:0], stem=stem).logits  # the noise of the stem's output, since there are no images
    assert torch.equal(model(x[:0], stem=stem).logits, without)
    assert without.shape == (1, 3, 4)


def test_two_layers_have_noise_of_their_own() -> None:
    model = noisy(at=("stage2", "stage3"))
    output = model(images())
    assert torch.equal(model(images()).logits, output.logits)
    first, second = (layer.map[0] - layer.mean for layer in output.attention)
    assert not torch.allclose(first[..., :2, :2], second[..., :2, :2], atol=1e-4)


def test_explanations_and_predictions_take_the_declared_path() -> None:
    model = noisy()
    output = model(images())
    assert torch.equal(model.predict(images()), output.probabilities())
    assert torch.equal(model.explain(images()).values, model.shown(output.attention[0]).values)
    gradients = [explain(m, images(), "input_gradient").values for m in (model, model, noisy("mean"))]
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.allclose(gradients[0], gradients[2])


def test_a_saved_model_keeps_its_path_and_old_folders_mean_the_mean(tmp_path) -> None:
    model = noisy()
    model.save_pretrained(tmp_path)
    opened = AttentiveClassifier.from_pretrained(tmp_path)
    assert opened.prediction == "seeded"
    assert torch.equal(opened(images()).logits, model(images()).logits)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["arguments"]["prediction"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    old = AttentiveClassifier.from_pretrained(tmp_path)
    assert old.prediction == "mean"
    assert torch.equal(old(images()).logits, model(images(), samples=0).logits)


def test_a_path_that_is_set_afterwards_is_saved(tmp_path) -> None:
    model = noisy("mean")
    model.prediction = "seeded"
    model.save_pretrained(tmp_path)
    assert AttentiveClassifier.from_pretrained(tmp_path).prediction == "seeded"
    with pytest.raises(RegardError, match="prediction='best': one of mean, seeded"):
        model.prediction = "best"


def test_segmenter_and_two_streams_declare_it_too() -> None:
    x = torch.rand(2, 3, 64, 64)
    segmenter = Segmenter("resnet10t", at="layer2", prediction="seeded", input_size=(64, 64)).train()
    segmenter(x)
    segmenter.eval()
    assert torch.equal(segmenter(x).logits, segmenter(x).logits)
    assert not torch.equal(segmenter(x).logits, segmenter(x, samples=0).logits)
    flow = torch.rand(2, 6, 16, 16) - 0.5
    clips = TwoStream(
        "compact",
        3,
        length=3,
        attend="both",
        latent=4,
        prediction="seeded",
        input_size=(16, 16),
        backbone_options=SMALL,
    )
    small_images = images(2)
    clips.train()(small_images, flow=flow)
    clips.eval()
    output = clips(small_images, flow=flow)
    assert torch.equal(clips(small_images, flow=flow).logits, output.logits)
    assert torch.equal(output.latent.z, output.latent.mean)
    mean = clips(small_images, flow=flow, samples=0).logits
    assert not torch.allclose(output.logits, mean, atol=1e-5)
    clips.prediction = "mean"
    assert torch.equal(clips(small_images, flow=flow).logits, mean)


def test_a_graph_cannot_seed_noise_by_the_image(tmp_path) -> None:
    with pytest.raises(RegardError, match=r"model\.prediction = 'mean' to export the mean"):
        to_onnx(noisy(), tmp_path / "model.onnx")
