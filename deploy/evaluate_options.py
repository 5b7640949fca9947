"""The options that the commands of `facepose evaluate` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The data set's folder or file.")]
Format = Annotated[
    str | None, typer.Option("--format", help="Its format, where the files do not tell it.")
]
Split = Annotated[str | None, typer.Option(help="The set's own part, by its own name.")]
Normaliser = Annotated[
    Literal["inter-ocular", "inter-pupil", "box"],
    typer.Option(help="What distances are divided by; papers on 300-W: the outer eye corners."),
]
Numbering = Annotated[
    Literal["fer2013", "rafdb", "affectnet", "ckplus"] | None,
    typer.Option(help="Whose numbers the classes have, where they are numbers."),
]
Crops = Annotated[bool, typer.Option("--crops", help="The pictures are faces: ask no detector.")]
CropMargin = Annotated[
    float, typer.Option(min=0, max=2, help="With --crops: so much larger than the face's box.")
]
WholeAnalyser = Annotated[
    bool,
    typer.Option("--whole-analyser", help="Judge what the analyser reports, not the detector."),
]
MinIou = Annotated[float, typer.Option("--iou", min=0.05, max=0.95, help="Overlap of a right box.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where the networks run; by default FACEPOSE_DEVICE."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default FACEPOSE_THREADS, or all cores.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="So many pictures, drawn at random.")]
Seed = Annotated[int, typer.Option(help="Of the intervals and of --limit.")]
Resamples = Annotated[int, typer.Option(min=0, help="For the intervals; 0: none.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
