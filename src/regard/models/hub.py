"""The Hugging Face hub: the two files of a model from there, and a folder to there, through the hub's own client.

A name of the hub is written ``hf:owner/name``, or ``hf:owner/name@revision`` for a branch, tag or commit. Nothing but
``config.json`` and ``model.safetensors`` is fetched; both come from one commit, and both are read strictly
(`regard.models.config_schema`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from regard.errors import RegardError, printable

HUB = "hf:"
"""What a name of the hub begins with."""
CONFIG, WEIGHTS_FILE, CARD = "config.json", "model.safetensors", "README.md"


def hub_name(name: str | Path) -> bool:
    """Whether a name says that it is one of the hub.

    >>> hub_name("hf:someone/birds"), hub_name("runs/birds")
    (True, False)
    """
    return str(name).startswith(HUB)


def check_repo(name: str) -> str:
    """The name of a repository to write to, ``owner/name``, without ``hf:``.

    Raises:
        RegardError: no name that the hub takes.

    >>> check_repo("hf:someone/birds")
    'someone/birds'
    """
    repo = name.removeprefix(HUB)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise RegardError(f"{printable(name)[:100]}: no name of the hub, as owner/name: {printable(error)}") from error
    return repo


def fetch_model(name: str, *, revision: str | None = None) -> Path:
    """The folder, in the hub's cache, of a model's two files; what is there already is not fetched again.

    Args:
        name: ``owner/name``, with or without ``hf:`` and ``@revision``.
        revision: branch, tag or commit, in place of one in the name; by default the newest.

    Raises:
        RegardError: no such model on the hub, none that regard wrote, or no way to the hub.
    """
    repo, _, named = name.removeprefix(HUB).partition("@")
    try:
        config = Path(hf_hub_download(repo, CONFIG, revision=revision or named or None))
        hf_hub_download(repo, WEIGHTS_FILE, revision=config.parent.name)  # its folder is called after the commit
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RegardError(
            f"from_pretrained: {name} is neither a folder nor available from the hub ({_reason(error)})"
        ) from error
    return config.parent


class _Upload(PyTorchModelHubMixin):
    """The mixin's upload of what a function writes into a folder; of the mixin's readers none is used."""

    def __init__(self, write: Callable[[Path], None]) -> None:
        self.write = write

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Called by the mixin with the folder that it uploads."""
        self.write(Path(save_directory))


def upload(
    write: Callable[[Path], None],
    repo: str,
    *,
    message: str,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
) -> str:
    """Puts what ``write`` writes into a folder into a model repository, in one commit; makes that where it is absent.

    Returns:
        Address of the commit.

    Raises:
        RegardError: the hub refused, or there is no way to it.
    """
    try:
        return str(
            _Upload(write).push_to_hub(
                check_repo(repo), commit_message=message, private=private, token=token, branch=branch
            )
        )
    except RegardError:
        raise
    except Exception as error:  # the client's transport, and so its errors, differ between its versions
        raise RegardError(f"push_to_hub: {repo}: nothing was uploaded ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """The client's error in a line, with the remedy where there is one."""
    text = " ".join(f"{error} {error.__cause__ or ''}".split())[:300]
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{text}; log in with `hf auth login`, or set HF_TOKEN to a token that may read or write it"
    if isinstance(error, RepositoryNotFoundError):
        return f"no such repository, or a private one: `hf auth login`, or HF_TOKEN; {text}"
    return f"{type(error).__name__}: {text}"
