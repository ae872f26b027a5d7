"""What the page Rerun tells a reader to type does what it says."""

import re
import shlex
from pathlib import Path

from mssl.__main__ import main
from mssl.figures import FIGURES

PAGE = (Path(__file__).resolve().parents[2] / "book" / "rerun.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"(?s)^```{language}\n(.*?)^```$", PAGE, re.MULTILINE)


def test_the_lines_of_python_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    figure, point = blocks("python")
    exec(figure, {})
    assert (tmp_path / "other_draws.png").read_bytes().startswith(b"\x89PNG")
    exec(point, {})
    theory, measured = map(float, capsys.readouterr().out.split())
    assert abs(measured / theory - 1) < 0.02


def test_the_lines_of_the_shell_are_commands_of_the_package(capsys):
    (lines,) = blocks("bash")
    commands = [shlex.split(line) for line in lines.splitlines()]
    assert all(command[:3] == ["python", "-m", "mssl"] for command in commands)
    listed, made = (command[3:] for command in commands)
    assert main(listed) == 0
    assert made[1] in FIGURES.names
    assert main([*made, "--list"]) == 0
    assert made[1] in capsys.readouterr().out
