"""`finealign`: commands for people. The pipeline itself runs with `dvc repro`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import doctor as doctor_checks
from pipeline.cli.clean import clean_repository
from pipeline.core.errors import UserError
from pipeline.core.stage import run_app
from pipeline.triplets.formats.names import Layout

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def repository() -> Path:
    """The repository that the current folder lies in. Raises UserError if there is none."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "stages").is_dir():
            return folder
    raise UserError("This is not a FineAlign repository.", where=here, fix="change into your clone and try again")


@commands.command()
def doctor(
    preset: Annotated[
        str | None, typer.Argument(help="smoke, default, flickr8k, cc3m, s-smke; else params.yaml")
    ] = None,
) -> None:
    """Say what this machine lacks for a preset (or for params.yaml as it stands): exit code 1 if anything."""
    root = repository()
    findings = doctor_checks.examine(root, doctor_checks.parameter_file(root, preset))
    for finding in findings:
        colour = {"ok": "green", "note": "yellow", "lacks": "red"}[finding.kind]
        typer.echo(f"{typer.style(f'{finding.kind:<6}', fg=colour)} {finding.text}")
    if any(finding.kind == "lacks" for finding in findings):
        raise typer.Exit(1)


@commands.command()
def plan(
    preset: Annotated[
        str | None, typer.Argument(help="smoke, default, flickr8k, cc3m, s-smke; else params.yaml")
    ] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Number of GPUs; all of this machine if not given.")] = None,
    gpu: Annotated[
        str | None,
        typer.Option(help="H100, H200, A100-80, L4 or RTX-4090, to be counted; this machine is measured if not given."),
    ] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one GPU.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Pairs to train on, if a preset has others.")] = None,
) -> None:
    """Say what a preset takes at its real size: hours, memory, disk and money of every stage."""
    from pipeline.cli.plan import plan as print_plan

    print_plan(repository(), preset, gpu, gpus, price, images)


@commands.command()
def clean(
    dry_run: Annotated[bool, typer.Option(help="Only say what would be removed.")] = False,
) -> None:
    """Remove the scratch folder: finished shards, checkpoints, downloads. Outputs and DVC's cache stay."""
    typer.echo(clean_repository(repository(), dry_run))


@commands.command()
def params(
    stage: Annotated[str | None, typer.Argument(help="a stage, inputs or needs; all of them if not given")] = None,
) -> None:
    """List the parameters of a stage: every key with its type, bounds, default and description."""
    from pipeline.cli.params import list_params

    typer.echo(list_params(repository(), stage))


@commands.command()
def export(
    folder: Annotated[Path, typer.Argument(help="new folder")],
    layout: Annotated[Layout, typer.Option(help="How the files are laid out; docs/data.md says what each loses.")] = (
        Layout.jade
    ),
    licence: Annotated[
        list[str] | None,
        typer.Option(help="For the data card of parquet: triplets=…, or the name of a source=…; may be repeated."),
    ] = None,
) -> None:
    """Write the kept triplets for others: JADE's, VALOR's or LLaVA's files, WebDataset, or tables with a card."""
    from pipeline.cli.exchange import export_triplets, stated_licences

    typer.echo(export_triplets(repository(), folder, layout, stated_licences(licence or [])))


@commands.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="folder that `finealign export` wrote, or the published CC3M-QA-DC")],
    name: Annotated[str, typer.Argument(help="new folder below data/raw/triplets/")],
    layout: Annotated[Layout, typer.Option(help="How the files are laid out.")] = Layout.jade,
    max_dropped_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of entries that may be damaged; more is an error.")
    ] = 0.05,
) -> None:
    """Make others' triplets ready for training: tables named like the pairs' shards, for inputs.triplets."""
    from pipeline.cli.exchange import import_triplets

    typer.echo(import_triplets(repository(), folder, name, layout, max_dropped_share))


@commands.command()
def caption(
    path: Annotated[Path, typer.Argument(help="a picture, or a folder of pictures")],
    beams: Annotated[int, typer.Option(min=1, max=64, help="1: greedy decoding; more: beam search.")] = 1,
) -> None:
    """Write what the pre-trained model says of your pictures: one line each, file name and caption."""
    from pipeline.cli.caption import caption_pictures

    for picture, text in caption_pictures(repository(), path, beams):
        typer.echo(f"{picture}\t{text}")


def app() -> None:
    """Entry point of the console command."""
    run_app(commands)
