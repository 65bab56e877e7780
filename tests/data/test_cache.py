import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from regard.data import cache


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    calls = []

    def make(key="k"):
        def build():
            calls.append(key)
            return {"x": torch.arange(6).reshape(2, 3), "m": torch.tensor([True, False])}

        return cache.cached("a name/with 'signs'", key, build)

    return make, calls, tmp_path / "cache"


def test_made_once_then_found(made):
    make, calls, folder = made
    first, second = make(), make()
    assert calls == ["k"]
    assert all(torch.equal(first[k], second[k]) for k in ("x", "m"))
    assert [p.suffix for p in folder.iterdir()] == [".safetensors"]


def test_another_key_is_another_file(made):
    make, calls, folder = made
    make("k")
    make("other")
    assert calls == ["k", "other"]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("harm", ["empty", "cut", "flipped", "text", "folder-like"])
def test_a_damaged_file_is_made_again(made, harm):
    make, calls, folder = made
    good = make()
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    if harm == "flipped":
        content[-3] ^= 0xFF
    path.write_bytes(
        {"empty": b"", "cut": content[:-4], "flipped": content, "text": b"hello there, reader"}.get(harm, b"\0" * 64)
    )
    again = make()
    assert len(calls) == 2
    assert torch.equal(again["x"], good["x"])
    make()
    assert len(calls) == 2


def test_a_file_of_another_key_is_not_taken(made):
    make, calls, folder = made
    make("k")
    (path,) = folder.iterdir()
    tensors = load_file(path)
    save_file(tensors, path, metadata={"key": "other", "digest": "0"})
    make("k")
    assert calls == ["k", "k"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "file"))
    out = cache.cached("n", "k", lambda: {"x": torch.ones(2)})
    assert torch.equal(out["x"], torch.ones(2))


def test_tensors_that_are_views_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    for _ in range(2):
        out = cache.cached("n", "k", lambda: {"x": torch.arange(6).reshape(2, 3).T})
        assert torch.equal(out["x"], torch.arange(6).reshape(2, 3).T)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/regard"),
        ("linux", {}, "HOME/.cache/regard"),
        ("darwin", {}, "HOME/Library/Caches/regard"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/regard/Cache"),
        ("linux", {"REGARD_CACHE": "/r"}, "/r"),
    ],
)
def test_the_platforms_place(platform, variables, expected, monkeypatch, tmp_path):
    for name in ("REGARD_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert str(cache.cache_folder()) == expected.replace("HOME", str(tmp_path))


def test_nothing_in_the_file_is_pickled(made):
    make, _, folder = made
    make()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(header) == {"__metadata__", "x", "m"}
