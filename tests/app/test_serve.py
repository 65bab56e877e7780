"""The served page: on this machine alone, nothing from elsewhere, each user with his own results."""

import http.client
import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regard.app import AppSettings
from regard.app.look import look
from regard.app.look_actions import LookState, show_kept
from regard.app.serve import POLICY, free_port
from regard.cli import main
from regard.types import RegardError

USERS = """
import json, sys, threading
from gradio_client import Client, handle_file
url, model, *pictures = sys.argv[1:]
found = {}

def use(k):
    user = Client(url, verbose=False, analytics_enabled=False)
    user.predict(api_name="/loading")
    for _ in range(3):
        file = user.predict([handle_file(pictures[k])], api_name="/receiving")[0]["value"]
        user.predict(model, file, ["grad_cam"], "", "", 0, api_name="/looking")
        found.setdefault(k, set()).add(user.predict("grad_cam", 50, api_name="/keeping")[0])

threads = [threading.Thread(target=use, args=(k,)) for k in range(len(pictures))]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps([sorted(found[k]) for k in range(len(pictures))]))
"""


def fetched(url: str, **headers: str) -> tuple[int, Any, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode("utf-8", "replace")


def test_it_listens_on_this_machine_alone(url: str) -> None:
    host, port = re.fullmatch(r"http://([\d.]+):(\d+)/", url).groups()
    assert host == "127.0.0.1"
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in own:
        if not address.startswith("127."):
            with socket.socket() as probe:
                assert probe.connect_ex((address, int(port))) != 0


def test_the_page_asks_nothing_of_others_and_the_browser_would_not_let_it(url: str) -> None:
    status, headers, html = fetched(url)
    assert status == 200
    assert headers["content-security-policy"] == POLICY
    assert "http" not in POLICY
    assert headers["referrer-policy"] == "no-referrer"
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"'](?:https?:)?//[^\"']*", html) == []
    assert "fonts.googleapis" not in html
    for name in ("Look", "Compare", "People", "Run"):
        assert f'"label":"{name}"' in html


def test_another_name_for_this_machine_is_refused(url: str) -> None:
    assert fetched(url, Host="evil.example")[0] == 400
    assert fetched(url, Host="localhost:1234")[0] == 200


def test_a_file_above_the_limit_is_refused(url: str) -> None:
    def upload(size: int) -> int:
        body = b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.png\"\r\n\r\n" + b"x" * size + b"\r\n--x--\r\n"  # fmt: skip  # noqa: E501
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
        connection.request("POST", "/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
        with closing(connection):
            return connection.getresponse().status

    assert upload(1000) == 200
    assert upload(21 * 2**20) == 413


def test_files_of_the_machine_are_not_served(url: str, models: tuple[str, str]) -> None:
    for path in ("/etc/passwd", f"{models[0]}/config.json", str(Path(__file__))):
        assert fetched(f"{url}gradio_api/file={path}")[0] in (403, 404)


def test_two_users_at_once_get_their_own_results(url: str, models: tuple[str, str], attended, pictures) -> None:
    files = [str(file) for file in pictures[:2]]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USERS, url, models[0], *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    looks = [look(attended, file, ["grad_cam"]) for file in pictures[:2]]
    expected = [[show_kept(LookState(looked), "grad_cam", 50)[0]] for looked in looks]
    assert json.loads(done.stdout) == expected
    assert expected[0] != expected[1]


QUIET = """
import os, socket, sys
from pathlib import Path
asked, connect, resolve = set(), socket.socket.connect, socket.getaddrinfo
socket.socket.connect = lambda self, to: (asked.add(to[0]), connect(self, to))[1]
socket.getaddrinfo = lambda host, *more, **words: (asked.add(host), resolve(host, *more, **words))[1]
from regard.app import AppSettings, serve_app
before = dict(os.environ)
with serve_app(AppSettings(models=("nowhere",), runs=Path(sys.argv[1]))) as app:
    folder = app.context.new_folder()
    print("torch" in sys.modules, "matplotlib" in sys.modules, oct(folder.parent.stat().st_mode & 0o777))
print(folder.parent.exists(), before == dict(os.environ), *sorted(str(host) for host in asked))
"""


def test_starting_asks_nobody_needs_no_torch_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split() == ["False", "False", "0o700", "False", "True", "127.0.0.1"]


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 100
    for bad in (0, 65536, -1):
        with pytest.raises(RegardError, match="from 1 to 65535"):
            free_port("127.0.0.1", bad)
    for host in ("nowhere.invalid", "192.0.2.1"):
        with pytest.raises(RegardError, match=f"--host {host}: not an address of this machine"):
            free_port(host, 7860)


def test_ctrl_c_ends_the_command(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path) -> None:
    @contextmanager
    def served(settings: AppSettings) -> Iterator[SimpleNamespace]:
        given.append(settings)
        yield SimpleNamespace(url="http://here/", wait=interrupted)

    def interrupted() -> None:
        raise KeyboardInterrupt

    given: list[AppSettings] = []
    monkeypatch.setattr("regard.app.serve_app", served)
    assert main(["app", "--model", "a", "--model", "b", "--port", "8000", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("page: http://here/ (Ctrl-C ends it)\nended\n", "")
    assert given == [AppSettings(models=("a", "b"), port=8000, runs=tmp_path)]
    assert given[0].host == "127.0.0.1"
    assert main(["app", "--host", "0.0.0.0", "--weights", "w.pth"]) == 0
    assert "everybody who reaches this address" in capsys.readouterr().err
    assert (given[1].host, given[1].weights, given[1].local) == ("0.0.0.0", "w.pth", False)


def test_without_gradio_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["app"]) == 2
    assert "pip install 'regard[app]'" in capsys.readouterr().err
