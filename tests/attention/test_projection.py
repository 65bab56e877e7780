"""A budget by projection: what is paid, its gradient, its schedule, and what a threshold does in evaluation."""

import json
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from regard.attention import (
    Projection,
    SpatialAttention,
    create_attention,
    projections,
    set_progress,
    share_budget,
)
from regard.attention.projection import solve_threshold
from regard.types import NATS_PER_BIT, AttentionOutput, RegardError

BATCH, CHANNELS = 6, 12


def some_features(seed: int = 0) -> Tensor:
    """(6,12,7,9), images of different strength."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.linspace(0.5, 2, BATCH).view(BATCH, 1, 1, 1)
    return strength * torch.randn(BATCH, CHANNELS, 7, 9, generator=generator)


def bits(output: AttentionOutput) -> Tensor:
    """What each image pays (B,), mean over samples."""
    assert output.price is not None
    return output.price.flatten(2).sum(2).mean(0) / NATS_PER_BIT


def attention_with(budget: float, name: str = "noise", **options) -> SpatialAttention:
    """In training, its head's map differs between positions and images."""
    attention = create_attention(name, CHANNELS, budget=budget, head="conv", **options).train()
    nn.init.normal_(attention.proposal.head.weight, std=0.1)
    return attention


@pytest.mark.parametrize("budget", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize(
    ("name", "samples"),
    [("noise", 1), ("noise", 3), ("noise", 0), ("deterministic+noise", 0), ("deterministic+noise", 2)],
)
def test_a_batch_pays_its_budget_by_its_own_draws(name: str, samples: int, budget: float) -> None:
    attention = attention_with(budget, name)
    for seed in range(3):
        paid = bits(attention(some_features(seed), samples=samples))
        assert paid.mean().item() == pytest.approx(budget, rel=1e-3)
        assert paid.max() > 1.2 * paid.min(), "images pay what they need"


@pytest.mark.parametrize(
    "options", [{"initial_std": 0.2, "learned_std": False}, {"initial_std": 0.1}, {"logit_std": 0.5}]
)
def test_however_the_spread_is_held_a_batch_pays_its_budget(options: dict) -> None:
    assert bits(attention_with(400.0, **options)(some_features(), samples=1)).mean().item() == pytest.approx(
        400, rel=1e-3
    )


@pytest.mark.parametrize("budget", [200.0, 600.0])
def test_rounded_to_anchors_a_batch_pays_its_budget_as_nearly_as_values_allow(budget: float) -> None:
    attention = attention_with(budget, anchors=5)
    output = attention(some_features(), samples=4)
    assert set(output.map.unique().tolist()) <= set(attention.quantizer.anchors.tolist())
    assert bits(output).mean().item() == pytest.approx(budget, rel=0.02)


@pytest.mark.parametrize("budget", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("training", [True, False])
def test_per_image_every_image_pays_the_budget_in_training_and_evaluation(budget: float, training: bool) -> None:
    attention = attention_with(budget, per_image=True).train(training)
    for samples in (0, 1):
        paid = bits(attention(some_features(), samples=samples))
        torch.testing.assert_close(paid, torch.full((BATCH,), budget), rtol=1e-3, atol=0)


@pytest.mark.parametrize("budget", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("per_image", [True, False])
def test_random_maps_keep_the_share_that_was_asked_for(budget: float, per_image: bool) -> None:
    options = {"anchors": 4, "initial_std": 0.05, "learned_std": False, "budget_of": "kept", "per_image": per_image}
    attention = attention_with(budget, "mask", **options)
    output = attention(some_features(), samples=1)
    assert output.kept.mean().item() == pytest.approx(budget, rel=1e-3)
    assert (output.kept.std() < 1e-3) == per_image


@pytest.mark.parametrize("budget", [20.0, 40.0, 80.0])
@pytest.mark.parametrize("initial", [0.05, 0.5, 0.98])
def test_maps_have_the_code_length_that_was_asked_for_wherever_they_start(budget: float, initial: float) -> None:
    """Under the prior of their own: the entropy of the anchors taken. A map that is open everywhere has a short code
    too; the threshold is taken on the other side.
    """
    attention = attention_with(budget, anchors=4, budget_of="code", initial=initial, initial_std=0.1, learned_std=False)
    mean = attention(some_features(), samples=1).mean
    boundaries = (attention.quantizer.anchors[1:] + attention.quantizer.anchors[:-1]) / 2
    below = torch.stack([torch.special.ndtr((t - mean) / 0.1) for t in boundaries.detach()])
    ends = torch.cat([torch.zeros_like(below[:1]), below, torch.ones_like(below[:1])])
    share = (ends[1:] - ends[:-1]).mean((1, 2, 3, 4))
    entropy = -(share * share.clamp(min=1e-12).log2()).sum().item()
    assert 63 * entropy == pytest.approx(budget, rel=1e-3)
    assert share.argmax() == 0, "the closed side"


def allocation(shifted: Tensor) -> Tensor:
    """A loss that wants some positions more than others."""
    weights = torch.linspace(-1, 2, shifted[0].numel(), dtype=shifted.dtype).view(shifted[0].shape)
    return (weights * shifted.sigmoid().square()).sum((1, 2, 3))


def price_of(power: Tensor):
    """What each image pays for its map logits (B,1,h,w): rises with each."""
    return lambda logits: (power * nn.functional.softplus(logits) * logits.sigmoid()).sum((1, 2, 3))


@pytest.mark.parametrize("per_image", [True, False])
def test_the_gradient_through_the_solution_is_that_of_finite_differences(per_image: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 1, 2, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    power = 1 + torch.rand(3, 1, 2, 4, dtype=torch.float64, generator=generator)
    projection = Projection(2.0, per_image=per_image).double()
    projection.tolerance = 1e-13

    def loss(logits: Tensor) -> Tensor:
        return allocation(logits - projection(logits, price_of(power)))

    assert torch.autograd.gradcheck(loss, (logits,), eps=1e-5, atol=1e-7, rtol=1e-5)


def test_the_gradient_of_a_code_is_that_of_finite_differences() -> None:
    """Where some positions make the code longer and others shorter as they open."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 1, 3, 3, dtype=torch.float64, generator=generator)
    logits[:, :, 0, 0] += 4
    logits.requires_grad_(True)
    projection = Projection(4.0, of="code").double()
    projection.tolerance = 1e-13

    def code(shifted: Tensor) -> Tensor:
        p = shifted.sigmoid()
        return -(torch.special.xlogy(p, p) + torch.special.xlogy(1 - p, 1 - p)).sum((1, 2, 3))

    def loss(logits: Tensor) -> Tensor:
        return allocation(logits - projection(logits, code))

    with torch.no_grad():
        slope = torch.autograd.functional.jacobian(lambda x: code(x - projection(x, code).detach()).sum(), logits)
    assert (slope > 0).any()
    assert (slope < 0).any()
    assert torch.autograd.gradcheck(loss, (logits,), eps=1e-5, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("per_image", [True, False])
def test_a_shift_of_all_logits_gets_no_gradient_and_an_allocation_does(per_image: bool) -> None:
    attention = attention_with(50.0, per_image=per_image)
    free = create_attention("noise", CHANNELS, head="conv").train()
    free.load_state_dict(attention.state_dict(), strict=False)
    for each in (attention, free):
        output = each(some_features(), samples=1)
        (output.features.square() * torch.rand(7, 9, generator=torch.Generator().manual_seed(5))).sum().backward()
    bias, weight = attention.proposal.head.bias.grad, attention.proposal.head.weight.grad
    assert weight.abs().max() > 1
    assert bias.abs().item() < 1e-4 * weight.abs().max()
    assert free.proposal.head.bias.grad.abs().item() > 1


@pytest.mark.parametrize("start", [-20.0, -1.0, 0.0, 7.0, 50.0])
def test_a_falling_price_is_solved_from_any_start(start: float) -> None:
    scale = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    calls = 0

    def paid(b: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return scale * torch.nn.functional.softplus(3 - b)

    goal = torch.tensor(0.02, dtype=torch.float64)
    b = solve_threshold(paid, goal, torch.full((3,), start, dtype=torch.float64), tolerance=1e-6)
    torch.testing.assert_close(paid(b), goal.expand(3), rtol=1e-6, atol=0)
    assert calls < 50


def test_a_start_at_the_solution_costs_few_evaluations() -> None:
    calls = 0

    def paid(b: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.nn.functional.softplus(3 - b)

    goal = torch.tensor(0.5)
    near = solve_threshold(paid, goal, torch.zeros(1), tolerance=1e-6) + 0.02
    calls = 0
    solve_threshold(paid, goal, near, tolerance=5e-4)
    assert calls <= 6


@pytest.mark.parametrize(("goal", "end"), [(9.0, -25.0), (1e-30, 60.0), (0.3, 60.0)])
def test_a_target_out_of_reach_gives_the_nearest_end(goal: float, end: float) -> None:
    """Between .3 and 8.3; the smallest targets count as 1e-9."""

    def paid(b: Tensor) -> Tensor:
        return 8 * torch.sigmoid(-b) + (0.3 if goal == 0.3 else 0.0) * 1.01

    b = solve_threshold(paid, torch.tensor(goal), torch.zeros(1), tolerance=5e-4)
    if goal == 1e-30:
        assert paid(b).item() < 2e-9
    else:
        assert b.item() == end


def test_an_open_map_that_pays_less_than_the_budget_is_open() -> None:
    output = attention_with(1e6)(some_features(), samples=0)
    assert output.map.min() > 0.98


def test_the_budget_falls_geometrically_from_what_the_fresh_map_pays() -> None:
    attention = attention_with(20.0, schedule=(0.2, 0.7))
    free = create_attention("noise", CHANNELS, head="conv").train()
    free.load_state_dict(attention.state_dict(), strict=False)
    torch.manual_seed(1)
    free_bits = bits(free(some_features(), samples=1)).mean().item()
    torch.manual_seed(1)
    set_progress(attention, 0.0)
    opening = bits(attention(some_features(), samples=1)).mean().item()
    assert opening == pytest.approx(free_bits, rel=0.05)  # a map under a budget ends at the gate's largest value
    between = {0.2: opening, 0.45: math.sqrt(20 * opening), 0.575: 20**0.75 * opening**0.25, 0.7: 20, 1.0: 20}
    for progress, paid in between.items():
        set_progress(attention, progress)
        assert bits(attention(some_features(), samples=1)).mean().item() == pytest.approx(paid, rel=2e-3)


def test_a_budget_above_the_opening_holds_from_the_start() -> None:
    attention = attention_with(2000.0, initial=0.05)
    for progress in (0.0, 0.5, 1.0):
        set_progress(attention, progress)
        assert bits(attention(some_features(), samples=1)).mean().item() == pytest.approx(2000, rel=1e-3)


def test_in_evaluation_the_running_threshold_holds_and_nothing_moves() -> None:
    attention = attention_with(100.0)
    for seed in range(40):
        attention(some_features(seed), samples=1)
    attention.eval()
    before = {key: value.clone() for key, value in attention.state_dict().items()}
    together = attention(some_features(99), samples=0)
    alone = attention(some_features(99)[:1], samples=0)
    torch.testing.assert_close(together.map[:, :1], alone.map, rtol=1e-5, atol=1e-6)
    many = torch.cat([bits(attention(some_features(seed), samples=1)) for seed in range(40, 60)])
    assert many.mean().item() == pytest.approx(100, rel=0.05)
    assert all(torch.equal(value, before[key]) for key, value in attention.state_dict().items())


def test_noise_seeded_by_rows_is_the_same_alone_and_in_a_batch() -> None:
    """The noise that the price was solved for is drawn with the batch in front, as `ImageNoise` needs it."""
    from regard.backbones import attach, record

    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    attach(network, "0", "noise", input_size=(8, 8), budget=20.0).eval()
    images = torch.rand(3, 3, 8, 8)
    outputs = []
    for part in (images, images[1:2]):
        torch.manual_seed(0)
        with record(network, samples=2) as recorder:
            network(part)
        outputs.append(recorder.outputs[0].map)
    assert outputs[0].shape == (2, 3, 1, 8, 8)
    assert outputs[1].shape == (2, 1, 1, 8, 8)


def two_layers(budget: float) -> tuple[SpatialAttention, SpatialAttention]:
    first, second = attention_with(budget), attention_with(budget)
    share_budget([first.projection, second.projection], [3, 1])
    return first, second


def test_layers_with_one_budget_pay_it_together_in_proportion_to_their_sizes_at_first() -> None:
    first, second = two_layers(400.0)
    paid = [bits(layer(some_features(), samples=1)).mean().item() for layer in (first, second)]
    assert paid == pytest.approx([300.0, 100.0], rel=1e-3)
    assert {"projection.share"} == {name for name, _ in first.named_parameters() if "projection" in name}


@pytest.mark.parametrize("wanted", [0, 1])
def test_the_split_moves_to_the_layer_that_the_task_needs(wanted: int) -> None:
    layers = two_layers(400.0)
    optimizer = torch.optim.SGD([layer.projection.share for layer in layers], lr=0.3)
    for seed in range(12):
        outputs = [layer(some_features(seed), samples=1) for layer in layers]
        paid = [bits(output).mean() for output in outputs]
        assert (paid[0] + paid[1]).item() == pytest.approx(400, rel=1e-3)
        optimizer.zero_grad()
        (-outputs[wanted].map.mean()).backward()
        optimizer.step()
    start = [300.0, 100.0][wanted]
    assert paid[wanted].item() > start + 10


def test_the_gradient_of_a_shared_budget_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(2, 3, 1, 2, 2, dtype=torch.float64, generator=generator)
    layers = [Projection(4.0).double(), Projection(4.0).double()]
    share_budget(layers, [2, 1])
    for layer in layers:
        layer.share.data = layer.share.data.double()
        layer.tolerance = 1e-13
    price = price_of(torch.ones((), dtype=torch.float64))

    def loss(*shares: Tensor) -> Tensor:
        for layer, share in zip(layers, shares, strict=True):
            del layer.share
            layer.share = share
        parts = [allocation(logits[i] - layer(logits[i], price)) for i, layer in enumerate(layers)]
        return parts[0] + 3 * parts[1]

    shares = tuple(layer.share.detach().clone().requires_grad_(True) for layer in layers)
    assert torch.autograd.gradcheck(loss, shares, eps=1e-5, atol=1e-7, rtol=1e-5)


def test_under_autocast_a_batch_pays_its_budget() -> None:
    attention = attention_with(80.0)
    with torch.autocast("cpu", torch.bfloat16):
        output = attention(some_features(), samples=1)
        (output.features.float().square().mean()).backward()
    assert bits(output).mean().item() == pytest.approx(80, rel=1e-3)
    assert output.map.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in attention.parameters())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_compiled_attention_agrees_with_eager_in_training_and_evaluation() -> None:
    eager = attention_with(80.0, "deterministic+noise")
    other = attention_with(80.0, "deterministic+noise")
    other.load_state_dict(eager.state_dict())
    compiled = torch.compile(other, backend="aot_eager")
    for seed in range(2):
        outputs = [each(some_features(seed), samples=0) for each in (eager, compiled)]
        for output in outputs:
            output.features.square().sum().backward()
        torch.testing.assert_close(outputs[0].map, outputs[1].map, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(eager.proposal.head.weight.grad, other.proposal.head.weight.grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(eager.projection.threshold, other.projection.threshold)
    eager.eval()
    compiled.eval()
    torch.testing.assert_close(eager(some_features(9)).map, compiled(some_features(9)).map)


def test_the_state_goes_on_after_it_was_stored() -> None:
    unbroken, stopped = attention_with(80.0), attention_with(80.0)
    stopped.load_state_dict(unbroken.state_dict())
    resumed = create_attention("noise", CHANNELS, budget=80.0, head="conv").train()

    def step(attention: SpatialAttention, seed: int) -> Tensor:
        torch.manual_seed(seed)
        set_progress(attention, 0.1 * seed)
        return attention(some_features(seed), samples=1).map

    for seed in range(4):
        assert torch.equal(step(unbroken, seed), step(stopped, seed))
    resumed.load_state_dict(stopped.state_dict())
    assert {name for name in stopped.state_dict() if "projection" in name} == {
        f"projection.{name}" for name in ("threshold", "opening", "progress", "batches")
    }
    for seed in range(4, 8):
        assert torch.equal(step(unbroken, seed), step(resumed, seed))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("noise", {"budget": 0.0}, r"budget=0\.0: it must be above 0 bits"),
        ("noise", {"budget": -3.0}, r"budget=-3\.0: it must be above 0 bits"),
        ("noise", {"budget": math.inf}, r"budget=inf"),
        ("mask", {"budget": 1.0, "budget_of": "kept", "anchors": 4}, r"a share above 0 and below 1"),
        ("mask", {"budget": 9.0}, r"a gate with a price; take attention='noise'"),
        ("aib", {"budget": 9.0}, r"a gate with a price; take attention='noise'"),
        ("uniform+noise", {"budget": 9.0}, r"a learned map"),
        ("noise", {"budget": 9.0, "keep": 0.5}, r"without keep"),
        ("mask", {"budget": 0.5, "budget_of": "kept"}, r"anchors and a random map"),
        ("noise", {"budget": 9.0, "budget_of": "code"}, r"anchors and a random map"),
        ("deterministic+mask", {"budget": 0.5, "budget_of": "kept", "anchors": 4}, r"anchors and a random map"),
        ("deterministic+noise", {"budget": 9.0, "budget_of": "code", "anchors": 4}, r"anchors and a random map"),
        (
            "aib",
            {"budget": 0.5, "budget_of": "kept", "anchors": 4},
            r"a gate that closes; take attention='mask' or 'noise'",
        ),
        ("noise", {"budget": 9.0, "schedule": (0.8, 0.2)}, r"begin=0\.8, end=0\.2: 0 <= begin <= end <= 1"),
    ],
)
def test_a_budget_on_what_is_not_there_is_refused(name: str, options: dict, words: str) -> None:
    with pytest.raises(RegardError, match=words):
        create_attention(name, CHANNELS, **options)


def test_budgets_are_found_in_order() -> None:
    model = nn.ModuleList([attention_with(1.0), nn.Identity(), attention_with(2.0)])
    assert [projection.budget for projection in projections(model)] == [1.0, 2.0]
    set_progress(model, 0.25)
    assert [projection.progress.item() for projection in projections(model)] == [0.25, 0.25]


WORKER = """
    import json, sys, torch
    import torch.distributed as dist
    from regard.attention import create_attention
    rank, world = int(sys.argv[1]), int(sys.argv[3])
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=world)
    torch.manual_seed(0)
    attention = create_attention("deterministic+noise", 4, budget=30.0, head="conv").double().train()
    torch.nn.init.normal_(attention.proposal.head.weight, std=0.3)
    attention.gate.observe = lambda features: None  # running statistics are each process's own
    attention.projection.tolerance = 1e-12
    features = torch.randn(8, 4, 5, 5, dtype=torch.float64)[rank::world]
    output = attention(features, samples=0)
    loss = (output.features.square() * torch.arange(25.0).view(5, 5)).sum((1, 2, 3)).mean()
    loss.backward()
    gradients = [p.grad for p in attention.parameters()]
    if world > 1:
        for gradient in gradients:  # what DistributedDataParallel does
            dist.all_reduce(gradient)
            gradient /= world
    print(json.dumps({"b": attention.projection.threshold.item(), "paid": output.price.sum().item(),
                      "gradients": [gradient.flatten().tolist() for gradient in gradients]}))
    if world > 1:
        dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_have_the_threshold_and_gradient_of_one(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))

    def run(world: int) -> list[dict]:
        command = [sys.executable, "-W", "ignore", str(script)]
        workers = [
            subprocess.Popen(
                [*command, str(rank), str(tmp_path / "store"), str(world)], stdout=subprocess.PIPE, text=True
            )
            for rank in range(world)
        ]
        outputs = [worker.communicate(timeout=600)[0] for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * world
        return [json.loads(output) for output in outputs]

    (one,), two = run(1), run(2)
    assert two[0]["b"] == two[1]["b"]
    assert two[0]["b"] == pytest.approx(one["b"], rel=1e-5)
    assert two[0]["paid"] != pytest.approx(two[1]["paid"], rel=1e-3), "each process pays its own"
    assert two[0]["paid"] + two[1]["paid"] == pytest.approx(one["paid"], rel=1e-5)
    for got in two:
        for mine, whole in zip(got["gradients"], one["gradients"], strict=True):
            assert mine == pytest.approx(whole, rel=1e-3, abs=1e-4 * max(map(abs, whole)))
