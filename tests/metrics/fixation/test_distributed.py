"""The torchmetrics classes give the same values over two processes as in one process with all images."""

import json
import subprocess
import sys
import textwrap

import pytest
import torch

from regard.metrics import fixation

WORKER = """
    import json, sys, torch
    import torch.distributed as dist
    from regard.metrics import streaming as classes
    rank = int(sys.argv[1])
    dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
    maps, xy, gold = torch.load(sys.argv[3])
    part = slice(0, 2) if rank == 0 else slice(2, 7)  # shares of unequal size, an image without fixations in one
    kinds = {"auc": (classes.AUC(), (maps, xy)), "nss": (classes.NSS(), (maps, xy)), "cc": (classes.CC(), (maps, gold))}
    for metric, given in kinds.values():
        metric.update(*(g[part] for g in given))
    print(json.dumps({name: metric.compute().item() for name, (metric, _) in kinds.items()}))
    dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_agree_with_one(tmp_path):
    generator = torch.Generator().manual_seed(0)
    maps, gold = torch.rand(2, 7, 1, 9, 11, generator=generator)
    xy = torch.rand(7, 5, 2, generator=generator, dtype=torch.float64) * 9
    xy[4] = torch.nan
    torch.save((maps, xy, gold), tmp_path / "data.pt")
    (tmp_path / "worker.py").write_text(textwrap.dedent(WORKER))
    command = [sys.executable, "-W", "ignore", str(tmp_path / "worker.py")]
    workers = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store"), str(tmp_path / "data.pt")], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    outputs = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    expected = {"auc": fixation.auc(maps, xy), "nss": fixation.nss(maps, xy), "cc": fixation.cc(maps, gold)}
    for got in map(json.loads, outputs):
        assert got == pytest.approx({name: values.nanmean().item() for name, values in expected.items()})
