"""`facepose evaluate …`: accuracy on the field's own data sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from deploy import evaluate_options as opt
from deploy import exit_codes
from deploy import model_options as nets
from schemas.analysis import DetectionPlan, ModelChoices, PoseName
from schemas.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from workers.evaluation.formats import Task

evaluate_app: Final = typer.Typer(
    help="Accuracy on the field's own data sets, in their own file formats.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@evaluate_app.command()
def detection(
    data: opt.Data,
    format_name: opt.Format = None,
    split: opt.Split = None,
    detector: nets.Detector = nets.DETECTOR,
    long_side: nets.LongSide = None,
    min_confidence: nets.MinConfidence = None,
    whole_analyser: opt.WholeAnalyser = False,
    iou: opt.MinIou = 0.5,
    precision: nets.Precision = nets.PRECISION,
    device: opt.Device = None,
    threads: opt.Threads = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 7,
    resamples: opt.Resamples = 1000,
    as_json: opt.AsJson = False,
) -> None:
    """Are the faces found? Average precision by WIDER FACE's protocol, recall by size.

    **WIDER FACE** (shuoyang1213.me/WIDERFACE, research only): the validation set, DIR with
    wider_face_split/wider_face_val_bbx_gt.txt and WIDER_val/images/; easy, medium and hard need
    the ground_truth/*.mat of the authors' evaluation tools in DIR, too.

    **SCUT-HEAD** and others in VOC's XML (github.com/HCIILAB/SCUT-HEAD-Dataset-Release, research
    only): DIR with Annotations/ and JPEGImages/; heads from all sides, so shares of heads.

    **dlib's XML** (github.com/davisking/dlib, examples/faces, Boost licence): DIR or file.
    """
    _run(
        "detection",
        data,
        as_json,
        models=ModelChoices(detector=detector, precision=precision),
        plan=_plan(long_side, min_confidence),
        device=device,
        threads=threads,
        read={"split": split},
        bootstrap={"resamples": resamples, "seed": seed},
        format=format_name,
        limit=limit,
        whole_analyser=whole_analyser,
        min_iou=iou,
    )


@evaluate_app.command()
def landmarks(
    data: opt.Data,
    format_name: opt.Format = None,
    normaliser: opt.Normaliser = "inter-ocular",
    detector: nets.Detector = nets.DETECTOR,
    long_side: nets.LongSide = None,
    min_confidence: nets.MinConfidence = None,
    landmark_net: nets.Landmarks = nets.LANDMARKS,
    second_pass: nets.SecondPass = False,
    precision: nets.Precision = nets.PRECISION,
    device: opt.Device = None,
    threads: opt.Threads = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 7,
    resamples: opt.Resamples = 1000,
    as_json: opt.AsJson = False,
) -> None:
    """How far are the landmarks off? Normalised mean error, failure rate, area under the curve.

    **300-W** (ibug.doc.ic.ac.uk/resources/300-W, research only): DIR with NAME.pts beside
    NAME.png or .jpg in any folders; each folder is also told by itself.

    **AFLW2000-3D** (www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm, research only): DIR
    with imageNNNNN.mat beside imageNNNNN.jpg; papers divide by `--normaliser box`.

    **dlib's XML** with 68 parts (github.com/davisking/dlib, examples/faces, Boost licence).
    """
    _run(
        "landmarks",
        data,
        as_json,
        models=ModelChoices(
            detector=detector,
            landmarks=landmark_net,
            pose=_pose_of(landmark_net),
            precision=precision,
            second_landmark_pass=second_pass,
        ),
        plan=_plan(long_side, min_confidence),
        device=device,
        threads=threads,
        read={},
        bootstrap={"resamples": resamples, "seed": seed},
        format=format_name,
        limit=limit,
        normaliser=normaliser,
    )


@evaluate_app.command()
def pose(
    data: opt.Data,
    format_name: opt.Format = None,
    detector: nets.Detector = nets.DETECTOR,
    long_side: nets.LongSide = None,
    min_confidence: nets.MinConfidence = None,
    landmark_net: nets.Landmarks = nets.LANDMARKS,
    second_pass: nets.SecondPass = False,
    pose_method: nets.Pose = nets.POSE,
    precision: nets.Precision = nets.PRECISION,
    device: opt.Device = None,
    threads: opt.Threads = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 7,
    resamples: opt.Resamples = 1000,
    as_json: opt.AsJson = False,
) -> None:
    """How far are the angles off? Mean absolute error of yaw, pitch and roll, geodesic error.

    **AFLW2000-3D** (www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm, research only): DIR
    with imageNNNNN.mat beside imageNNNNN.jpg; angles beyond 99° are left out, as is usual.

    **BIWI Kinect Head Pose** (data.vision.ee.ethz.ch/cvl/gfanelli/head_pose/head_forest.html,
    research only): DIR with NN/frame_MMMMM_rgb.png and NN/frame_MMMMM_pose.txt.

    **Pointing'04** (www-prima.inrialpes.fr/perso/Gourier/Faces/HPDatabase.html, any purpose, cite
    N. Gourier et al. 2004): DIR with PersonPP/personPPSNN±TILT±PAN.jpg.

    **Your own**: a CSV file with the columns path,yaw,pitch,roll (yaw + = nose to image right,
    pitch + = up, roll + = clockwise) and, if you like, person.
    """
    _run(
        "pose",
        data,
        as_json,
        models=ModelChoices(
            detector=detector,
            landmarks=landmark_net,
            pose=pose_method,
            precision=precision,
            second_landmark_pass=second_pass,
        ),
        plan=_plan(long_side, min_confidence),
        device=device,
        threads=threads,
        read={},
        bootstrap={"resamples": resamples, "seed": seed},
        format=format_name,
        limit=limit,
    )


@evaluate_app.command()
def expression(
    data: opt.Data,
    format_name: opt.Format = None,
    split: opt.Split = None,
    numbering: opt.Numbering = None,
    crops: opt.Crops = False,
    crop_margin: opt.CropMargin = 0.0,
    detector: nets.Detector = nets.DETECTOR,
    long_side: nets.LongSide = None,
    min_confidence: nets.MinConfidence = None,
    expression_net: nets.ExpressionNet = nets.EXPRESSION_NET,
    precision: nets.Precision = nets.PRECISION,
    device: opt.Device = None,
    threads: opt.Threads = None,
    limit: opt.Limit = None,
    seed: opt.Seed = 7,
    resamples: opt.Resamples = 1000,
    as_json: opt.AsJson = False,
) -> None:
    """Are the seven expressions right? Accuracy, mean recall, who is taken for whom.

    **FER2013** (Kaggle, "Challenges in Representation Learning", research only): DIR with
    fer2013.csv (its PrivateTest, or --split PublicTest), or a folder for each class; with --crops.

    **RAF-DB** (www.whdeng.cn/RAF/model1.html, research only): DIR test/1 … test/7 with --numbering
    rafdb --crops.

    **Your own**: a folder for each class (anger, disgust, fear, happiness, neutral, sadness,
    surprise, or what others call them), or a CSV file with the columns image,emotion.
    """
    _run(
        "expression",
        data,
        as_json,
        models=ModelChoices(detector=detector, expression=expression_net, precision=precision),
        plan=_plan(long_side, min_confidence),
        device=device,
        threads=threads,
        read={"split": split, "numbering": numbering},
        bootstrap={"resamples": resamples, "seed": seed},
        format=format_name,
        limit=limit,
        crop_margin=crop_margin if crops else None,
    )


def _plan(long_side: int | None, min_confidence: float | None) -> DetectionPlan:
    return DetectionPlan(long_side_px=long_side, min_confidence=min_confidence)


def _pose_of(landmark_net: str) -> PoseName:
    """A pose method that goes with the landmarks; its angles play no part in their figures."""
    return nets.POSE if landmark_net == nets.LANDMARKS else "pnp"


def _run(
    task: Task,
    data: Path,
    as_json: bool,
    *,
    models: ModelChoices,
    plan: DetectionPlan,
    device: Literal["auto", "cpu", "cuda"] | None,
    threads: int | None,
    read: dict[str, Any],
    bootstrap: dict[str, int],
    **others: Any,  # noqa: ANN401  fields of Options
) -> None:
    """Evaluate with a progress bar on stderr and print; exit 1 where pictures were unreadable."""
    from workers.evaluation.bootstrap import Bootstrap  # noqa: PLC0415  --help needs no network
    from workers.evaluation.chain import Loading  # noqa: PLC0415  --help needs no network
    from workers.evaluation.formats import ReadOptions  # noqa: PLC0415  --help needs no network
    from workers.evaluation.run import Options, evaluate  # noqa: PLC0415  --help needs no network
    from workers.evaluation.show import show_report, show_unreadable  # noqa: PLC0415  --help needs no network

    settings = load_settings()
    options = Options(
        loading=Loading(models, device or settings.device, threads or settings.threads, plan),
        read=ReadOptions(**read),
        bootstrap=Bootstrap(**bootstrap),
        **others,
    )
    errors = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as progress:
        bar = progress.add_task(task, total=None)

        def start(total: int) -> Callable[[], None]:
            progress.update(bar, total=total)
            return lambda: progress.advance(bar)

        report = evaluate(task, data, options, start)
    if as_json:
        typer.echo(json.dumps(report.as_record(), ensure_ascii=False))
    else:
        show_report(report, Console())
    show_unreadable(report, errors)
    if report.unreadable:
        raise typer.Exit(exit_codes.FAILED)
