"""Check many random settings of the theory: `python -m tests.stress --count 10000 --seed 0`.

What is done is kept in a file under `.stress/`, named after the seed and the state of the sources,
so that a run that was interrupted goes on where it stopped. The run ends with status 1 when
anything was wrong, or when one in a hundred settings or more was refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections import defaultdict
from pathlib import Path

from tqdm import tqdm

from .run import one_thread, verdict

ROOT = Path(__file__).resolve().parents[2]
REFUSALS = 0.01


def _digest() -> str:
    """A mark of the sources: other sources need a new run."""
    files = [*ROOT.glob("mssl/covariance/*.py"), *ROOT.glob("mssl/theory/*.py")]
    files += [ROOT / "mssl/validation.py", *ROOT.glob("tests/stress/*.py")]
    text = b"".join(path.read_bytes() for path in sorted(files))
    return hashlib.sha256(text).hexdigest()[:10]


def _read(path: Path) -> dict[int, dict]:
    done = {}
    if path.exists():
        for row in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(row)
            except json.JSONDecodeError:
                continue  # the line that was being written when the run was stopped
            done[record["index"]] = record
    return done


def _kinds(record) -> set[str]:
    """What a setting counts as; wrong counts before refused."""
    kinds = {found[0] for found in record["found"]}
    return kinds & {"wrong", "crashed"} or kinds


def _report(records, seed: int, show: int) -> int:
    wrong = [r for r in records if _kinds(r) & {"wrong", "crashed"}]
    refused = [r for r in records if _kinds(r) and not _kinds(r) & {"wrong", "crashed"}]
    groups = defaultdict(list)
    for record in wrong + refused:
        for kind, check, text in record["found"]:
            groups[kind, check].append((record, text))
    print("\nfrom tests.stress.worlds import *")
    for (kind, check), found in sorted(groups.items(), key=lambda item: -len(item[1])):
        settings = len({r["index"] for r, _ in found})
        print(f"\n# {kind}: {check}, {settings} settings")
        for record, text in found[:show]:
            print(f"{record['line']}  # {record['index']}\n    # {text}")
    seconds = sum(r["seconds"] for r in records)
    share = len(refused) / max(1, len(records))
    print(
        f"\nseed {seed}: {len(records)} settings, {len(wrong)} wrong, {len(refused)} refused or "
        f"unfinished ({100 * share:.2f} %), {seconds / 60:.1f} minutes of work"
    )
    return int(bool(wrong) or share >= REFUSALS)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="number of settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--show", type=int, default=5, help="examples of each kind of failure")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    options = parser.parse_args(arguments)
    path = ROOT / ".stress" / f"{options.seed}-{_digest()}.jsonl"
    path.parent.mkdir(exist_ok=True)
    if options.fresh:
        path.unlink(missing_ok=True)
    done = _read(path)
    todo = [(options.seed, i) for i in range(options.count) if i not in done]
    print(f"seed {options.seed}, {options.count} settings, {len(todo)} to do; kept in {path.name}")
    start = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    bad = sum(bool(_kinds(r)) for r in done.values())
    with (
        path.open("a", encoding="utf-8") as file,
        context.Pool(options.jobs, one_thread) as pool,
        tqdm(total=options.count, initial=options.count - len(todo), mininterval=5) as bar,
    ):
        try:
            for record in pool.imap_unordered(verdict, todo):
                done[record["index"]] = record
                file.write(json.dumps(record) + "\n")
                file.flush()
                bad += bool(_kinds(record))
                bar.set_postfix(found=bad)
                bar.update()
        except KeyboardInterrupt:
            pool.terminate()
            print("stopped; the same command goes on from here", file=sys.stderr)
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes")
    return _report(
        [r for i, r in sorted(done.items()) if i < options.count], options.seed, options.show
    )


if __name__ == "__main__":
    sys.exit(main())
