"""Coverage-guided fuzzing: `python tests/reliability/fuzzing/fuzz.py [--seconds 120] [TARGET …]`.

Needs atheris (`pip install -e ".[fuzz]"`, Python 3.11 to 3.13 on Linux). Each target of `targets`
is fuzzed in a process of its own, from the seeds and the corpus; what it found is left in the
folder of `--work`, and the inputs that reach code that no smaller one reaches join the corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

CORPUS = HERE / "corpus"
LARGEST = 40_000
"""Bytes of corpus that are kept for a target, the smallest inputs first."""
NAMES = ("case", "formula", "image", "points", "npy", "npz", "hdf5", "result")
TRACED = ["mfgprox", "tomllib", "zipfile", "PIL", "h5py"]
COMPILED = [f"mfgprox.kernels.{path.stem}" for path in (ROOT / "mfgprox/kernels").glob("*.py")]
WORDS = {
    "case": "epsilon p grid lower upper cells time_steps P Q kind gaussian mean std cov mixture "
    "components weights uniform ring center inner outer expression formula image file array "
    "samples bandwidth solver method options output snapshots f_divergence lipschitz alpha cost "
    'transport axes [[ ]] = \\"\\"\\" {} inf nan 1e308 true',
    "formula": "x y z pi e exp( log( sqrt( abs( sin( cos( tan( tanh( minimum( maximum( where( ** "
    "<= 1e308 5e-324 lambda __ for if else in not",
    "points": 'nan inf 1e999 # \\xef\\xbb\\xbf \\x0d\\x0a \\x09 ; \\"',
    "npy": "NUMPY descr fortran_order shape False True <f8 |O >f4 |V8 <U9 (4,)",
}


def child(target: str, work: str, options: list[str]) -> None:
    """Fuzz in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(TRACED, ["mfgprox.kernels", *COMPILED]):
        from PIL import Image
        from targets import TARGETS

        Image.init()  # all of its decoders, which it would import when they are needed

    def meet(content: bytes) -> None:
        TARGETS[target](content, Path(work))

    # To merge, libFuzzer starts its program again, by the name that it has been given.
    atheris.Setup([f"{sys.executable} {__file__} --child {target} {work}", *options], meet)
    atheris.Fuzz()


def libfuzzer(target: str, work: Path, *options: str) -> int:
    """Run libFuzzer in another process; its exit status, 0 where nothing was found."""
    words = work / "words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS.get(target, "").split()))
    command = [sys.executable, __file__, "--child", target, str(work), "-timeout=20"]
    command += [f"-dict={words}"] if target in WORDS else []
    command += ["-rss_limit_mb=3000", "-max_len=40000"]
    command += [f"-artifact_prefix={work}/found_", *options]
    with (work / "log").open("a") as log:
        return subprocess.run(command, stderr=log, stdout=log).returncode


def fuzz(target: str, seconds: int, work: Path) -> int:
    from seeds import seeds

    fresh, kept, corpus = work / "fresh", work / "kept", CORPUS / target
    for folder in (fresh, kept, corpus):
        folder.mkdir(parents=True, exist_ok=True)
    for content in seeds(target, work):
        (fresh / hashlib.sha1(content).hexdigest()).write_bytes(content)
    status = libfuzzer(target, work, f"-max_total_time={seconds}", str(fresh), str(corpus))
    libfuzzer(target, work, "-merge=1", str(kept), str(corpus), str(fresh))
    keep(kept, corpus)
    return status


def keep(kept: Path, corpus: Path) -> None:
    """The smallest of the inputs that matter, and every one that once found something."""
    for old in corpus.glob("[!f]*"):
        old.unlink()
    total = 0
    for path in sorted(kept.iterdir(), key=lambda p: (p.stat().st_size, p.name)):
        total += path.stat().st_size
        if total > LARGEST:
            break
        content = path.read_bytes()
        if not any(content == other.read_bytes() for other in corpus.iterdir()):
            (corpus / f"c{hashlib.sha1(content).hexdigest()[:8]}").write_bytes(content)


def _memory() -> Path:
    """A folder in memory where there is one: most inputs are read through a file."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else Path(tempfile.gettempdir())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[*NAMES, []])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--work", type=Path, default=_memory() / "mfgprox-fuzz")
    given = parser.parse_args()
    worst = 0
    for target in given.targets or NAMES:
        status = fuzz(target, given.seconds, given.work / target)
        print(f"{target}: {'nothing found' if not status else f'see {given.work / target}'}")
        worst = max(worst, status)
    return worst


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        sys.exit(main())
