"""Models in Hugging Face form: a folder with ``config.json`` and ``model.safetensors``, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from safetensors.torch import save_file
from torch import nn

from regard.backbones import load_weights, read_weights
from regard.files import atomic_path, write_atomically
from regard.models.card import CardFacts, model_card
from regard.models.config_schema import SCHEMA, bounded_building, elements_of, read_config
from regard.models.hub import CARD, CONFIG, WEIGHTS_FILE, check_repo, fetch_model, hub_name, upload
from regard.models.plain import PlainModel
from regard.models.prediction import Samples
from regard.reading import check_links, check_name
from regard.types import RegardError


def constructor_arguments(scope: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor, pretrained weights apart, out of its ``locals()`` on the first line."""
    return {key: value for key, value in scope.items() if key not in ("self", "__class__", "pretrained")}


class Shareable(nn.Module):
    """Base of models that save to and load from two files.

    Attributes:
        config: the constructor arguments, without pretrained weights.
        hub_task: the hub's name of what the model does.
        SHARED: names of the files that `push_to_hub` always writes.
    """

    config: dict[str, Any]
    hub_task: ClassVar[str] = "image-classification"
    SHARED: ClassVar[tuple[str, ...]] = (CONFIG, WEIGHTS_FILE, CARD)

    def plain(self, samples: int | Samples | None = None) -> PlainModel:
        """The same network as a module from images to one tensor of logits, which other libraries take.

        Args:
            samples: of every call, as in ``forward``; by default one random map in training and the declared
                ``prediction`` in evaluation. Logits of several are those of their mean probabilities.
        """
        return PlainModel(self, samples)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json``, the arguments that rebuild the model, and ``model.safetensors``, its weights.

        Raises:
            RegardError: the model was built from a network or attention object, which cannot be rebuilt by name.
        """
        for key in ("backbone", "attention", "look"):
            if self.config.get(key) is not None and not isinstance(self.config[key], str):
                raise RegardError(
                    f"save_pretrained: {key} is an object, which cannot be rebuilt by name; save the weights with "
                    "safetensors.torch.save_file(classifier.state_dict(), path) and load them into one built the same "
                    "way"
                )
        config = {"schema": SCHEMA, "class": type(self).__name__, "arguments": self.config}
        try:
            text = json.dumps(config, indent=2)
        except TypeError as error:
            raise RegardError(
                f"save_pretrained: an option is not plain data ({error}); give names and numbers"
            ) from error
        state = {key: tensor.detach().clone().contiguous() for key, tensor in self.state_dict().items()}
        with atomic_path(Path(folder) / WEIGHTS_FILE, parents=True) as part:
            save_file(state, part)
        write_atomically(Path(folder) / CONFIG, text + "\n")

    def push_to_hub(
        self,
        repo: str,
        *,
        facts: CardFacts | None = None,
        files: Mapping[str, bytes] | None = None,
        private: bool | None = None,
        token: str | None = None,
        branch: str | None = None,
    ) -> str:
        """Puts the model on the Hugging Face hub, by its ``PyTorchModelHubMixin``: two files, a card, what is given.

        `regard.runs.share_run` makes the facts and the picture of a run. ``HF_ENDPOINT`` names another hub.

        Args:
            repo: ``owner/name``; the repository is made where it is absent.
            facts: what the card says of training, scores and licences.
            files: further files of the same commit by their names, such as the card's picture.
            private: whether a new repository is private; by default as the owner's account has it.
            token: of the hub; by default that of ``hf auth login`` or ``HF_TOKEN``.
            branch: of the repository; by default ``main``.

        Returns:
            Address of the commit.

        Raises:
            RegardError: as `save_pretrained`, or the hub refused or cannot be reached: nothing is uploaded then.
        """

        def write(folder: Path) -> None:
            self.write_shared(folder, repo, facts=facts, files=files)

        return upload(write, repo, message="A model of regard", private=private, token=token, branch=branch)

    def write_shared(
        self, folder: Path, repo: str, *, facts: CardFacts | None = None, files: Mapping[str, bytes] | None = None
    ) -> None:
        """Writes what `push_to_hub` uploads into a folder; arguments and errors are its own."""
        name = check_repo(repo)
        self.save_pretrained(folder)
        write_atomically(folder / CARD, model_card(self, name, facts, task=self.hub_task))
        for file, content in (files or {}).items():
            write_atomically(folder / check_name(file, "file"), content)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None) -> Self:
        """Reads what ``save_pretrained`` wrote, from a folder or, where there is none, from the Hugging Face hub.

        On the hub it is ``owner/name``, or ``hf:owner/name@revision``, which is never taken for a folder.

        Nothing in it is executed or fetched; see ``docs/security.md``. A class gives a model of itself or of a class
        made from it, whichever wrote the folder.

        Raises:
            RegardError: nothing there, another schema, an argument that ``save_pretrained`` would not write, sizes out
                of bounds, a link that leads out of the folder, or weights that do not fit the configuration.
        """
        config_path, weights_path = _files(source, revision)
        kind, arguments = read_config(config_path, (cls, *cls.__subclasses__()))
        state = read_weights(weights_path)
        try:
            with bounded_building(elements_of(state)):
                model: Self = kind(**arguments)
        except RegardError as error:
            raise RegardError(f"from_pretrained: {config_path}: {error}") from error
        except Exception as error:  # of constructors of network libraries, which check little
            reason = " ".join(str(error).split())[:300]
            raise RegardError(
                f"from_pretrained: {config_path}: no model can be built from these arguments "
                f"({type(error).__name__}: {reason}); take a model that `save_pretrained` wrote"
            ) from error
        load_weights(model, state, source=str(weights_path))
        return model.eval()


def _files(source: str | Path, revision: str | None) -> tuple[Path, Path]:
    folder = Path(source)
    if hub_name(source) or not folder.is_dir():
        folder = fetch_model(str(source), revision=revision)
    check_links(folder)
    for name in (CONFIG, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise RegardError(f"from_pretrained: no {name} in {folder}")
    return folder / CONFIG, folder / WEIGHTS_FILE
