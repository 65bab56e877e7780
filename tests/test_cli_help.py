"""Help in groups, common fields first; what is advised where a word is not known; completion in a shell."""

import argparse
import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from regard.cli import _COMMANDS, _parser, main
from regard.cli.parser import CommandParser
from regard.cli.train_help import COMMON_FIELDS
from regard.training import recipe_parser

FIELDS = {a.dest: a for a in recipe_parser("x")._actions if type(a).__name__ == "ActionTypeHint"}


def text_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_help_of_train_shows_the_common_fields_in_groups(capsys) -> None:
    assert main(["train", "--help"]) == 0
    text = text_of(capsys)
    shown = re.findall(r"^  --([\w.-]+) ", text, re.MULTILINE)
    common = [name for names in COMMON_FIELDS.values() for name in names]
    assert shown == [*common, "runs", "quiet", "verbose", "logger", "no-evaluation", "smoke"], (
        "then the options that are no fields"
    )
    assert len(common) == len(set(common)) <= 30
    titles = re.findall(r"^([a-z ]+):$", text, re.MULTILINE)
    assert titles == [*COMMON_FIELDS, "the command", "examples"]
    words = " ".join(text.split())
    assert f"{len(common) - 1} of {len(FIELDS)} fields are shown; `regard train --help-all` explains every one" in words
    assert "--train.epochs EPOCHS Passes over the training images; default 5" in words
    assert "--twin {true,false} Also train the plain network" in words
    assert "--model.at [ITEM,...]" in words
    assert "--no-evaluation train only" in words


def test_help_all_shows_every_field_and_option(capsys) -> None:
    assert main(["train", "--help-all"]) == 0
    text = text_of(capsys)
    assert [name for name in FIELDS if f"  --{name} " not in text and f"  --{name}+" not in text] == []
    for option in ("--runs", "--quiet", "--verbose", "--logger", "--no-evaluation", "--smoke"):
        assert f"\n  {option} " in text
    assert "regard init photos" in text


def test_common_fields_are_fields() -> None:
    assert {name for names in COMMON_FIELDS.values() for name in names} - {"recipe"} <= set(FIELDS)


def test_commands_are_listed_in_groups_each_once(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = text_of(capsys).partition("commands:")[2].partition("options:")[0]
    listed = re.findall(r"^    (\w+)\b", text, re.MULTILINE)
    assert sorted(listed) == sorted(_parser()._subparsers._group_actions[0].choices)
    assert re.findall(r"^  ([a-z ,]+):$", text, re.MULTILINE) == list(_COMMANDS)


def every_command() -> dict[str, CommandParser]:
    """The parser of every command by its words, actions of `data`, `runs` and `study` included."""

    def inside(words: list[str], parser: CommandParser) -> dict[str, CommandParser]:
        nested = [a._name_parser_map for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        below = {k: v for names in nested for name, p in names.items() for k, v in inside([*words, name], p).items()}
        return ({" ".join(words): parser} if words else {}) | below

    return inside([], _parser())


COMMANDS = every_command()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_both_helps_and_the_second_hides_nothing(words: str, capsys) -> None:
    texts = []
    for option in ("--help", "--help-all"):
        with contextlib.suppress(SystemExit):
            assert main([*words.split(), option]) == 0
        texts.append(text_of(capsys))
    common, every = texts
    if words == "train":
        return
    command = COMMANDS[words]
    for action in command._actions:
        names = action.option_strings
        assert not names or re.search(rf"^  .*{re.escape(names[-1])}\b", every, re.MULTILINE), names
    shown = set(re.findall(r"^  (--[\w-]+)", common, re.MULTILINE))
    assert shown <= set(re.findall(r"^  (--[\w-]+)", every, re.MULTILINE))
    if not command.first:
        assert common == every
        assert sum(bool(a.option_strings) for a in command._actions) <= 12, "more of them need show_first"
        return
    titles = re.findall(r"^([a-z ]+):$", common, re.MULTILINE)
    assert titles == [*command.first, "help", *(["examples"] if command.epilog else [])]
    counted = re.search(
        r"^(\d+) of (\d+) options are shown; `(.*) --help-all` explains every one", common, re.MULTILINE
    )
    told = [action for action in command._actions if action.dest not in ("help", "help_all")]
    assert counted.groups() == (str(sum(map(len, command.first.values()))), str(len(told)), f"regard {words}")
    assert int(counted[1]) < int(counted[2])
    order = [title for title in re.findall(r"^([a-z ]+):$", every, re.MULTILINE) if title in command.first]
    assert order == list(command.first), "the common ones stand first there, too"


@pytest.mark.parametrize("words", [words for words, command in COMMANDS.items() if command.first])
def test_required_options_are_among_the_common_ones(words: str) -> None:
    command = COMMANDS[words]
    first = {name for names in command.first.values() for name in names}
    for action in command._actions:
        assert not action.required or first & {action.dest, *action.option_strings}, action.dest


def test_the_help_of_judge_by_topic(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["judge", "--help"])
    text = text_of(capsys)
    assert "what is judged:\n  --model MODEL" in text
    for name in ("--again", "--shuffled", "--seed"):
        assert name not in text.partition("examples:")[0]
    with pytest.raises(SystemExit):
        main(["judge", "--help-all"])
    text = text_of(capsys)
    assert text.index("what is judged:") < text.index("more options:") < text.index("\n  --shuffled RUN")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trian"], "did you mean train"),
        (["evalute", "runs/a"], "did you mean evaluate"),
        (["rnus", "list"], "did you mean runs"),
        (["qqqq"], "; see regard --help"),
        ([], "required: COMMAND; see regard --help"),
        (["explain", "a.png", "--modle", "x"], "see regard explain --help"),
        (["explain", "a.png", "--model", "x", "--tarrget", "3"], "did you mean --target? See regard explain --help"),
        (["explain", "a.png", "--model", "x", "--mehtod=rise"], "did you mean --method"),
        (["judge", "--model", "x", "--metric", "drop", "--imagse", "3"], "did you mean --images"),
        (["report", "a", "--colour", "red"], "unrecognized arguments: --colour red; see regard report --help"),
        (["runs", "prun"], "did you mean prune? See regard runs --help"),
        (["data", "infos"], "did you mean info? See regard data --help"),
        (["score", "--units", "pixel", "--maps", "a"], "did you mean pixels? See regard score --help"),
    ],
)
def test_what_was_probably_meant_and_which_help_to_read(capsys, words: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: regard")
    assert says in err.splitlines()[-1]


def test_a_mistyped_field_names_the_help_that_lists_it(capsys) -> None:
    assert main(["train", "--qqqq.zzzz", "1"]) == 2
    assert "`regard train --help-all` lists every field" in capsys.readouterr().err
    assert main(["train", "--optim.lrr", "1"]) == 2
    assert "Did you mean optim.lr" in capsys.readouterr().err


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory):
    """Completions of a line by bash, as the script finds them."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    script = tmp_path_factory.mktemp("completion") / "below" / "regard"
    assert main(["completion", "bash", "--out", str(script)]) == 0

    def complete(line: str) -> set[str]:
        code = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); '
            '_shtab_regard regard "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$((COMP_CWORD - 1))]}"; '
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        words = line.split(" ")
        done = subprocess.run(["bash", "-c", code, "-", script, *words], capture_output=True, text=True, check=True)
        return set(done.stdout.split("\n")) - {""}

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("regard ev", {"evaluate"}),
        ("regard runs ", {"list", "compare", "prune"}),
        ("regard study pow", {"power"}),
        ("regard train --objective.map_b", {"--objective.map_beta", "--objective.map_budget_bits"}),
        ("regard sweep --train.epo", {"--train.epochs"}),
        ("regard train --optim.name a", {"adamw", "adam"}),
        ("regard train --augment.flip ", {"true", "false"}),
        ("regard train --no-ev", {"--no-evaluation"}),
        ("regard train --data.name cifar100", {"cifar100"}),
        ("regard train --model.attention vit", {"vit_ib"}),
        ("regard explain a.png --method grad_cam", {"grad_cam", "grad_cam_pp"}),
        ("regard data info dut", {"dut_omron", "duts"}),
        ("regard completion z", {"zsh"}),
        ("regard explain a.png --optim", set()),
    ],
)
def test_a_shell_completes(completed, line: str, expected: set[str]) -> None:
    assert completed(line) == expected


def test_paths_are_completed(completed, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photo.png").touch()
    assert completed(f"regard init {tmp_path}/pho") == {f"{tmp_path}/photos"}
    assert completed(f"regard explain {tmp_path}/pho") == {f"{tmp_path}/photos", f"{tmp_path}/photo.png"}


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh", "powershell"])
def test_a_script_for_other_shells(capsys, shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = text_of(capsys)
    assert "evaluate" in script
    assert "regard" in script
