"""A hub on this machine: what making a repository, committing and reading use of the Hugging Face hub's protocol.

It keeps commits in memory, refuses who has not its token, and stores weights as LFS objects, as the hub does.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

TOKEN = "hf_tokenofthistest"


@dataclass
class Repository:
    """Commits by their hash, oldest first; branches lead to hashes."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def files(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.branches.get(revision, revision)
        return (commit, self.commits[commit]) if commit in self.commits else None

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        content = b"".join(name.encode() + value for name, value in sorted(files.items()))
        name = hashlib.sha1(content + str(len(self.commits)).encode()).hexdigest()
        self.commits[name], self.branches[branch] = files, name
        return name


class Hub:
    """The state, and every request in order, as ``METHOD /path``."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.address = ""

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content."""
        self.requests.append(f"{method} {path}")
        for pattern, method_of, function in (
            (r"/api/repos/create", "POST", self._create),
            (r"/api/validate-yaml", "POST", self._validate),
            (r"/api/models/(?P<repo>[^/]+/[^/]+)/preupload/(?P<revision>[^/]+)", "POST", self._preupload),
            (r"/api/models/(?P<repo>[^/]+/[^/]+)/commit/(?P<revision>[^/]+)", "POST", self._commit),
            (r"/api/models/(?P<repo>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?", "GET", self._info),
            (r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "POST", self._batch),
            (r"/objects/(?P<oid>[0-9a-f]{64})", "PUT", self._store),
            (r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", "GET", self._resolve),
        ):
            if (match := re.fullmatch(pattern, path)) and (
                method == method_of or (method, method_of) == ("HEAD", "GET")
            ):
                names = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
                known = self.repositories.get(names.get("repo", ""))
                if method in ("POST", "PUT") and function != self._store and token != TOKEN:
                    return self._error(401, "", "Invalid username or password.")
                if "repo" in names and (known is None or (known.private and token != TOKEN)):
                    return self._error(401 if token != TOKEN else 404, "RepoNotFound", "Repository not found")
                return function(body, **names)
        return self._error(404, "", f"this hub has no {method} {path}")

    @staticmethod
    def _error(status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-Error-Code": code, "X-Error-Message": message} if code else {"X-Error-Message": message}
        return status, headers, json.dumps({"error": message}).encode()

    @staticmethod
    def _json(content: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()

    def _create(self, body: bytes) -> Any:
        asked = json.loads(body)
        name = f"{asked['organization'] or 'someone'}/{asked['name']}"
        if name in self.repositories:
            return 409, {}, json.dumps({"error": "exists", "url": f"{self.address}/{name}"}).encode()
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.repositories[name] = Repository(private)
        self.repositories[name].commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"})
        return self._json({"url": f"{self.address}/{name}", "name": name})

    def _validate(self, body: bytes) -> Any:
        import yaml

        head = json.loads(body)["content"].split("---\n")[1]
        errors = [] if isinstance(yaml.safe_load(head), dict) else [{"message": "metadata is no mapping"}]
        return self._json({"errors": errors, "warnings": []})

    def _preupload(self, body: bytes, repo: str, revision: str) -> Any:
        if self.repositories[repo].files(revision) is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = json.loads(body)["files"]
        mode = lambda path: "lfs" if path.endswith((".safetensors", ".png")) else "regular"  # noqa: E731
        return self._json(
            {"files": [{"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False} for f in files]}
        )

    def _batch(self, body: bytes, repo: str) -> Any:
        asked = json.loads(body)
        assert asked["operation"] == "upload"
        objects = [
            {**o, "actions": {"upload": {"href": f"{self.address}/objects/{o['oid']}"}}} for o in asked["objects"]
        ]
        return self._json({"transfer": "basic", "objects": objects})

    def _store(self, body: bytes, oid: str) -> Any:
        if hashlib.sha256(body).hexdigest() != oid:
            return self._error(400, "", "content does not fit its hash")
        self.objects[oid] = body
        return 200, {}, b""

    def _commit(self, body: bytes, repo: str, revision: str) -> Any:
        repository = self.repositories[repo]
        found = repository.files(revision)
        if found is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = dict(found[1])
        for line in map(json.loads, body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
        commit = repository.commit(revision, files)
        return self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.address}/{repo}/commit/{commit}"})

    def _info(self, body: bytes, repo: str, revision: str = "main") -> Any:
        found = self.repositories[repo].files(revision)
        if found is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        siblings = [{"rfilename": name} for name in found[1]]
        private = self.repositories[repo].private
        return self._json({"id": repo, "sha": found[0], "private": private, "siblings": siblings, "tags": []})

    def _resolve(self, body: bytes, repo: str, revision: str, file: str) -> Any:
        found = self.repositories[repo].files(revision)
        if found is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        commit, files = found
        if file not in files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b"Entry not found"
        etag = hashlib.sha256(files[file]).hexdigest()
        return 200, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'}, files[file]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, headers, content = hub.answer(self.command, urlsplit(self.path).path, body, token)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    return Handler


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub until the block ends; ``hub.address`` says where."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def local_hub(monkeypatch: pytest.MonkeyPatch, cache: Any, *, token: str | None = TOKEN) -> Iterator[Hub]:
    """The hub's client of this process talks to a hub on this machine, with a cache of its own."""
    with serve() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
        if token is None:
            monkeypatch.delenv("HF_TOKEN", raising=False)
        else:
            monkeypatch.setenv("HF_TOKEN", token)
        yield hub
