"""FaceAnalyzer with its default models, expression among them, in the precision that is named."""

import os
from pathlib import Path

from protocol import Analyse, serve

from schemas.analysis import ModelChoices
from workers.analyzer import FaceAnalyzer
from workers.decode import decode_jpeg

_WARM_UP_RUNS = 4  # the engine compiles shapes that come often


def load(weights: Path) -> Analyse:
    models = ModelChoices.model_validate_json(os.environ["BENCH_MODELS"])
    analyzer = FaceAnalyzer.load("cpu", models=models, threads=1)
    runs = [_WARM_UP_RUNS]

    def analyse(data: bytes) -> int:
        while runs[0]:
            runs[0] -= 1
            analyzer.analyze([decode_jpeg(data)])
        return len(analyzer.analyze([decode_jpeg(data)])[0])

    return analyse


serve(load)
