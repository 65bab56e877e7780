import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from regard.data import cache


@pytest.fixture
def cache_maker(tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    calls = []

    def make(key="k"):
        def build():
            calls.append(key)
            return {"x": torch.arange(6).reshape(2, 3), "m": torch.tensor([True, False])}

        return cache.cached("a name/with 'signs'", key, build)

    return make, calls, tmp_path / "cache"


def test_a_second_call_reads_the_file(cache_maker):
    make, calls, folder = cache_maker
    first, second = make(), make()
    assert calls == ["k"]
    assert all(torch.equal(first[k], second[k]) for k in ("x", "m"))
    assert [p.suffix for p in folder.iterdir()] == [".safetensors"]


def test_another_key_is_another_file(cache_maker):
    make, calls, folder = cache_maker
    make("k")
    make("other")
    assert calls == ["k", "other"]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "folder-like"])
def test_a_damaged_file_is_rebuilt(cache_maker, damage):
    make, calls, folder = cache_maker
    original = make()
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 0xFF
    path.write_bytes(
        {"empty": b"", "cut": content[:-4], "flipped": content, "text": b"hello there, reader"}.get(damage, b"\0" * 64)
    )
    rebuilt = make()
    assert len(calls) == 2
    assert torch.equal(rebuilt["x"], original["x"])
    make()
    assert len(calls) == 2


def test_a_file_of_another_key_is_not_read(cache_maker):
    make, calls, folder = cache_maker
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


def test_views_of_tensors_are_stored(tmp_path, monkeypatch):
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
def test_the_cache_folder_of_each_platform(platform, variables, expected, monkeypatch, tmp_path):
    for name in ("REGARD_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert str(cache.cache_folder()) == expected.replace("HOME", str(tmp_path))


def test_nothing_in_the_file_is_pickled(cache_maker):
    make, _, folder = cache_maker
    make()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(header) == {"__metadata__", "x", "m"}
