"""Put small faults into the theory and the regression, and see whether the tests notice.

A seeded sample of mutants: another operator, a constant that is off, a condition turned round, a
line left out. One run of the tests under coverage says which of them pass through each line; a
mutant meets those that pass through its own, the quickest first, until one of them fails. Results
are kept in `.mutants/`, named after seed and sources, so that a run that was interrupted goes on.
The files, the tests and the limits stand in pyproject.toml under [tool.mutants]; so do survivors
that change nothing, each with its reason.

mutmut and cosmic-ray make all mutants, thousands here, and hold each against one command for the
whole project; neither draws a seeded sample, nor knows which tests pass through a line.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from coverage import CoverageData
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NAMES = {"minimum": "maximum", "maximum": "minimum", "min": "max", "max": "min", "any": "all",
         "all": "any", "zeros": "ones", "ones": "zeros", "argmin": "argmax",
         "argmax": "argmin"}  # fmt: skip


def _constants(node):
    value = node.value
    if isinstance(value, bool):
        return [not value]
    return [value + 1] if isinstance(value, int | float) else []


def _put(field, value):
    return lambda target: setattr(target, field, value)


def _name(value):
    return type(value).__name__


def _changes(node):
    """What may be done to one node of the tree: pairs of a description and a function."""
    yield from _changes_of_operators(node)
    yield from _changes_of_values(node)
    yield from _changes_of_flow(node)


def _changes_of_operators(node):
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        other = SWAPS[type(node.op)]()
        yield f"{_name(node.op)} to {_name(other)}", _put("op", other)
    elif isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                other = SWAPS[type(operator)]()
                ops = [*node.ops[:i], other, *node.ops[i + 1 :]]
                yield f"{_name(operator)} to {_name(other)}", _put("ops", ops)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "no minus", _put("op", ast.UAdd())


def _changes_of_values(node):
    if isinstance(node, ast.Constant):
        for value in _constants(node):
            yield f"{node.value!r} to {value!r}", _put("value", value)
    elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        field = "attr" if isinstance(node, ast.Attribute) else "id"
        if getattr(node, field) in NAMES:
            other = NAMES[getattr(node, field)]
            yield f"{getattr(node, field)} to {other}", _put(field, other)


def _changes_of_flow(node):
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition turned round", _put("test", ast.UnaryOp(ast.Not(), node.test))
        if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
            yield "no error", _put("body", [ast.Pass()])
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "returns None", _put("value", ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call left out", _put("value", ast.Constant(None))


def _code(tree):
    """All nodes that run: no annotations, no messages of errors, nothing in a docstring."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list") or isinstance(node, ast.Raise):
                continue
            todo += [
                v for v in (value if isinstance(value, list) else [value]) if isinstance(v, ast.AST)
            ]


def mutants(path: Path) -> list[dict]:
    """All mutants of a file, in the order of its lines, each by number, line and description."""
    nodes = [node for node in _code(ast.parse(path.read_text("utf-8"))) if hasattr(node, "lineno")]
    found = []
    for number, node in enumerate(nodes):
        for choice, (text, _) in enumerate(_changes(node)):
            found.append(
                {
                    "file": path.relative_to(ROOT).as_posix(),
                    "line": getattr(node, "lineno", 0),
                    "column": getattr(node, "col_offset", 0),
                    "change": text,
                    "node": number,
                    "choice": choice,
                }
            )
    return sorted(found, key=lambda m: (m["line"], m["column"], m["node"], m["choice"]))


def mutated(mutant: dict) -> str:
    """The source of a file with one mutant in it."""
    tree = ast.parse((ROOT / mutant["file"]).read_text("utf-8"))
    node = [n for n in _code(tree) if hasattr(n, "lineno")][mutant["node"]]
    list(_changes(node))[mutant["choice"]][1](node)
    return ast.unparse(ast.fix_missing_locations(tree))


# --- the tests that pass through a line ---------------------------------------------------------


def _statement(path: Path, line: int) -> tuple[range, bool]:
    """Lines of the smallest statement around a line, and whether it runs on import.

    Of a statement with a body, the lines of its head.
    """
    around, on_import = range(1, 1), True
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            end = node.end_lineno or node.lineno
            body = getattr(node, "body", None)
            if body and body[0].lineno > line:
                end = max(body[0].lineno - 1, node.lineno)
            elif isinstance(node, ast.FunctionDef):
                on_import = False
            if not around or node.lineno >= around.start:
                around = range(node.lineno, end + 1)
    return around, on_import


@dataclass(frozen=True)
class Passage:
    """Which tests pass through which lines, and how long each takes.

    Attributes
    ----------
    seconds : dict
        Time of each test, by its name for pytest.
    lines : dict
        For each file and line, the tests that pass through it.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]

    def tests(self, mutant: dict, files: list[str], budget: float = float("inf")) -> list[str]:
        """The tests in these files that pass through a mutant, the quickest first.

        With a budget, those that together take no more seconds.
        """
        lines = self.lines.get(mutant["file"], {})
        statement, on_import = _statement(ROOT / mutant["file"], mutant["line"])
        found = {test for line in statement for test in lines.get(line, ())}
        inside = [test for test in self.seconds if test.partition("::")[0] in files]
        chosen = inside if on_import else [test for test in inside if test in found]
        ordered = sorted(chosen, key=lambda test: self.seconds[test])
        spent = accumulate(self.seconds[test] for test in ordered)
        return [test for test, total in zip(ordered, spent, strict=True) if total <= budget]


def _measured(folder: Path, files: list[str]) -> Passage:
    """Run the tests of the sources as they are, under coverage."""
    report, data = folder / "report.xml", folder / "coverage"
    copy = Copy(folder / "plain")
    options = ["--cov=mssl", "--cov-context=test", "--cov-report=", f"--junitxml={report}"]
    options += ["-o", "junit_family=xunit1"]
    if not copy.passes([*options, *files], 7200, COVERAGE_FILE=str(data)):
        raise SystemExit("The tests fail without any mutant; mend them first.")
    seconds = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file, name = case.attrib["file"], case.attrib["name"]
        inner = case.attrib["classname"].removeprefix(file[:-3].replace("/", ".")).split(".")
        seconds["::".join([file, *filter(None, inner), name])] = float(case.attrib["time"])
    coverage = CoverageData(str(data))
    coverage.read()
    lines = {}
    for path in coverage.measured_files():
        contexts = coverage.contexts_by_lineno(path)
        lines[Path(path).relative_to(copy.folder.resolve()).as_posix()] = {
            line: sorted({name.partition("|")[0] for name in names})
            for line, names in contexts.items()
        }
    return Passage(seconds, lines)


def passage(record: Path, files: list[str]) -> Passage:
    """What `_measured` says, kept beside the record of a run."""
    sources = b"".join((ROOT / name).read_bytes() for name in files)
    kept = record.with_name(f"{record.stem}-{hashlib.sha256(sources).hexdigest()[:10]}.json")
    if not kept.exists():
        print("running the tests once without a mutant, to see which pass through which line")
        with tempfile.TemporaryDirectory() as folder:
            found = _measured(Path(folder), files)
        kept.write_text(json.dumps({"seconds": found.seconds, "lines": found.lines}), "utf-8")
    stored = json.loads(kept.read_text("utf-8"))
    lines = {
        file: {int(line): tests for line, tests in by_line.items()}
        for file, by_line in stored["lines"].items()
    }
    return Passage(stored["seconds"], lines)


# --- running them -------------------------------------------------------------------------------


class Copy:
    """A copy of what the tests need, in which one file at a time is mutated."""

    def __init__(self, folder: Path):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("mssl", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)

    def passes(self, arguments: list[str], limit: int, **variables: str) -> bool:
        """Whether pytest ends well with these arguments, in `limit` seconds of work."""
        (self.folder / "arguments").write_text("\n".join(arguments), "utf-8")
        # Seconds of work, which do not depend on what else the machine does.
        command = ["sh", "-c", f'ulimit -S -t {limit}; exec "$@"', "sh", sys.executable]
        command += ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "@arguments"]
        # One thread each; and no compiled file may outlive the mutant it was made of.
        extra = {
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **extra, **variables},
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode == -signal.SIGXCPU:
            return False  # a loop without end is noticed
        if done.returncode < 0:  # stopped from outside, which says nothing about the mutant
            return self.passes(arguments, limit, **variables)
        return done.returncode == 0

    def examine(self, mutant: dict, tests: list[str], limit: int) -> dict:
        """The mutant with the number of its tests, and whether one of them failed."""
        path, start = self.folder / mutant["file"], time.perf_counter()
        try:
            path.write_text(mutated(mutant), encoding="utf-8")
            killed = bool(tests) and not self.passes(tests, limit)
        finally:
            shutil.copy(ROOT / mutant["file"], path)
        seconds = round(time.perf_counter() - start, 1)
        return {**mutant, "tests": len(tests), "killed": killed, "seconds": seconds}


def _key(mutant: dict) -> tuple[str, str, str]:
    """A mutant by its file, the text of its line and the change: lines move."""
    line = (ROOT / mutant["file"]).read_text("utf-8").splitlines()[mutant["line"] - 1]
    return mutant["file"], line.strip(), mutant["change"]


def _report(done: list[dict], reasons: dict) -> float:
    survivors = [m for m in done if not m["killed"]]
    open_ = [m for m in survivors if _key(m) not in reasons]
    for mutant in sorted(survivors, key=lambda m: (m["file"], m["line"], m["column"])):
        file, text, change = _key(mutant)
        why = f"  # {reasons[_key(mutant)]}" if _key(mutant) in reasons else ""
        why = why or f"  ({mutant['tests']} tests pass through it)"
        print(f"{file}:{mutant['line']}:{mutant['column']}: {change}: {text}{why}")
    killed = len(done) - len(survivors)
    print(
        f"{killed} of {len(done)} mutants killed ({100 * killed / max(1, len(done)):.1f} %), "
        f"{len(survivors) - len(open_)} more change nothing, {len(open_)} survive"
    )
    return killed / max(1, len(done) - len(survivors) + len(open_))


def _found(patterns: list[str]) -> list[str]:
    """The files of these patterns but for those that only say what a package holds."""
    paths = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(p.relative_to(ROOT).as_posix() for p in paths if p.name != "__init__.py")


def main(arguments=None) -> int:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutants"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=settings["count"])
    parser.add_argument("--seed", type=int, default=settings["seed"])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--again",
        action="store_true",
        help="try survivors once more, but for those that change nothing",
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=float("inf"),
        help="seconds of tests for each mutant, the quickest first; then --again without it",
    )
    parser.add_argument("--only", default="", help="files whose name holds this")
    options = parser.parse_args(arguments)
    covered = {}
    for entry in settings["modules"]:
        for name in _found(entry["files"]):
            covered[name] = _found(entry["tests"])
    pool = [m for name in sorted(covered) for m in mutants(ROOT / name)]
    sample = random.Random(options.seed).sample(pool, min(options.count, len(pool)))
    sample = [m for m in sample if options.only in m["file"]]
    sources = b"".join((ROOT / name).read_bytes() for name in sorted(covered))
    digest = hashlib.sha256(sources).hexdigest()[:10]
    record = ROOT / ".mutants" / f"{options.seed}-{digest}.jsonl"
    record.parent.mkdir(exist_ok=True)
    reasons = {(e["file"], e["line"], e["change"]): e["why"] for e in settings["equivalent"]}
    done = {}
    if record.exists():
        for row in record.read_text("utf-8").splitlines():
            result = json.loads(row)
            if not result["killed"] and options.again and _key(result) not in reasons:
                continue
            done[result["file"], result["node"], result["choice"]] = result
    wanted = [(m["file"], m["node"], m["choice"]) for m in sample]
    todo = [m for m, key in zip(sample, wanted, strict=True) if key not in done]
    print(f"seed {options.seed}: {len(sample)} of {len(pool)} mutants, {len(todo)} to do")
    if todo:
        files = sorted({test for tests in covered.values() for test in tests})
        found = passage(record, files)
        tests = [found.tests(m, covered[m["file"]], options.budget) for m in todo]
        usual = [sum(found.seconds[test] for test in chosen) for chosen in tests]
        _run(list(zip(todo, tests, usual, strict=True)), record, done, options.jobs)
    share = _report([done[key] for key in wanted if key in done], reasons)
    return int(share < settings["least"])


def _run(todo, record, done, jobs):
    with tempfile.TemporaryDirectory() as folder:
        free = SimpleQueue()
        for k in range(jobs):
            free.put(Copy(Path(folder) / str(k)))

        def one(task):
            mutant, tests, usual = task
            copy = free.get()
            try:
                return copy.examine(mutant, tests, 60 + int(5.0 * usual))
            finally:
                free.put(copy)

        with (
            record.open("a", encoding="utf-8") as file,
            ThreadPoolExecutor(jobs) as pool,
            tqdm(total=len(todo), mininterval=5) as bar,
        ):
            try:
                for result in pool.map(one, todo):
                    file.write(json.dumps(result) + "\n")
                    file.flush()
                    done[result["file"], result["node"], result["choice"]] = result
                    bar.set_postfix(survivors=sum(not m["killed"] for m in done.values()))
                    bar.update()
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                print("stopped; the same command goes on from here", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
