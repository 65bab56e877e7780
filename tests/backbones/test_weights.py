"""Weights from files: valid files load, others raise errors that name the cause."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from regard.backbones import create_backbone, read_weights
from regard.types import RegardError


class Payload:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("opened"),))


@pytest.fixture
def source() -> torch.nn.Module:
    return create_backbone("compact", 4, widths=(4, 4, 4, 4))


def reload(path: Path, classes: int = 4, **options: object) -> torch.nn.Module:
    return create_backbone("compact", classes, pretrained=path, **{"widths": (4, 4, 4, 4), **options})


def equal(a: torch.nn.Module, b: torch.nn.Module, skip: str = "none") -> bool:
    other = b.state_dict()
    return all(torch.equal(v, other[k]) for k, v in a.state_dict().items() if not k.startswith(skip))


def test_safetensors(tmp_path: Path, source: torch.nn.Module) -> None:
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    assert equal(source, reload(tmp_path / "w.safetensors"))


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}, "epoch": 3}]
)
def test_pth_with_tensors_only(tmp_path: Path, source: torch.nn.Module, wrap) -> None:
    torch.save(wrap(source.state_dict()), tmp_path / "w.pth")
    assert equal(source, reload(tmp_path / "w.pth"))


def test_another_number_of_classes_leaves_the_classifier_fresh(tmp_path: Path, source: torch.nn.Module) -> None:
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    model = reload(tmp_path / "w.safetensors", classes=7)
    assert model.head.out_features == 7
    assert equal(source, model, skip="head")


def test_a_pickle_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(RegardError, match="pickle"):
        reload(tmp_path / "w.pth")
    torch.save({"state_dict": Payload()}, tmp_path / "v.pth")
    with pytest.raises(RegardError, match="pickle"):
        reload(tmp_path / "v.pth")
    assert not (tmp_path / "opened").exists()


def test_a_truncated_file_is_an_error(tmp_path: Path, source: torch.nn.Module) -> None:
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    for path in (tmp_path / "w.safetensors", tmp_path / "w.pth"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(RegardError, match=path.name):
            read_weights(path)


def test_a_missing_file_and_a_file_without_weights_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="no file"):
        read_weights(tmp_path / "absent.pth")
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(RegardError, match="no state_dict"):
        read_weights(tmp_path / "w.pth")


def test_another_architecture_is_named(tmp_path: Path) -> None:
    save_file(create_backbone("wrn10_1", 4).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(RegardError, match=r"does not fit Compact: .*missing \(stem\.0\.weight.*unknown"):
        reload(tmp_path / "w.safetensors")


def test_another_width_is_named_and_nothing_is_loaded(tmp_path: Path, source: torch.nn.Module) -> None:
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(RegardError, match=r"of another size \(stage3\.0\.0\.weight \(4, 4, 3, 3\) for \(8, 4, 3, 3\)"):
        reload(tmp_path / "w.safetensors", widths=(4, 4, 4, 8))
