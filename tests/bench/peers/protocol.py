"""How the bench asks a peer: one JSON line for each picture, written after the work is done.

A peer is a program `PEER.py WEIGHTS_FOLDER PICTURES_FOLDER`. It loads its models, analyses one
picture to warm up, says {"ready": …}, and then for every line that it reads, the name of a JPEG,
answers {"faces": n, "ms": t, "cpu_ms": c}: from the JPEG's bytes to the faces, by the clock, and
the process's own time on the processor, which says more where others use the machine too.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Analyse = Callable[[bytes], int]
"""A JPEG's bytes to the number of faces that were measured."""


def serve(load: Callable[[Path], Analyse]) -> None:
    """Answer until the input ends. Only the answers go to standard output."""
    answers, sys.stdout = sys.stdout, sys.stderr
    weights, pictures = Path(sys.argv[1]), Path(sys.argv[2])
    analyse = load(weights)
    analyse(min(pictures.glob("*.jpg")).read_bytes())
    print(json.dumps({"ready": Path(sys.argv[0]).stem}), file=answers, flush=True)
    for line in sys.stdin:
        data = (pictures / line.strip()).read_bytes()
        start, cpu = time.perf_counter(), time.process_time()
        faces = analyse(data)
        cpu_ms = (time.process_time() - cpu) * 1000
        taken_ms = (time.perf_counter() - start) * 1000
        answer = {"faces": faces, "ms": taken_ms, "cpu_ms": cpu_ms}
        print(json.dumps(answer), file=answers, flush=True)
