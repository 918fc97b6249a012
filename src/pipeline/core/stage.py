"""What every stage command shares: a Typer command, a lock, staged outputs and clear errors.

A stage runs in four steps.

1. Check the parameters, so that a mistake is told at once.
2. Take the stage's lock: a second start waits until the first has ended, unless that is an orphan (`dvc_start.py`),
   which ends by itself.
3. Read the parameters, which may have changed in the meantime, and run the feature with paths whose outputs point into
   a staging folder.
4. Replace the old outputs by the finished ones, by renames: they may be hard links into DVC's cache, and are never
   written to. `metrics.json` goes first and comes last, so that it never stands beside outputs of another run.
"""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer
from pydantic import BaseModel
from typer.core import TyperCommand

from pipeline.core.errors import UserError
from pipeline.core.files import remove, temporary_folder, write_json
from pipeline.core.parameters.describe import describe
from pipeline.core.parameters.listing import listing, terminal_width
from pipeline.core.process.environment import check_environment, read_ranks
from pipeline.core.process.interruption import end_on_signals
from pipeline.core.process.launch import launch
from pipeline.core.process.leftovers import sweep
from pipeline.core.process.lock import publishing, stage_lock
from pipeline.core.process.permissions import require_writable
from pipeline.core.process.system_errors import system_error
from pipeline.core.settings import check_inputs, check_sections, load_params, machine, read_params, visible_gpus


@dataclass(frozen=True)
class Paths:
    """Where everything lies. While a stage runs, the fields that it writes point into its staging folder."""

    root: Path
    params: Path
    scratch: Path
    logs: Path
    toyworld: Path
    datasets: Path
    encoders: Path
    pairs: Path
    annotations: Path
    benchmarks: Path
    teacher: Path
    pretrained: Path
    finetuned: Path
    generator: Path
    filter_model: Path
    generated: Path
    triplets: Path
    rejected: Path
    alignment: Path
    all_results: Path
    results: Path

    @property
    def plots(self) -> Path:
        """The stage's folder of curves, for `dvc plots`."""
        return self.results / "plots"

    @staticmethod
    def of(root: Path, stage_name: str, params: Path | None = None) -> Paths:
        """The layout below the repository's root, for one stage."""
        data, raw = root / "data", root / "data" / "raw"
        return Paths(
            root=root,
            params=params or root / "params.yaml",
            scratch=root / ".finealign",
            logs=root / "results" / "logs" / stage_name,
            toyworld=raw / "toyworld",
            datasets=raw / "datasets",
            encoders=raw / "encoders",
            pairs=data / "pairs",
            annotations=data / "annotations",
            benchmarks=data / "benchmarks",
            teacher=data / "teacher",
            pretrained=root / "models" / "pretrained",
            finetuned=root / "models" / "finetuned",
            generator=root / "models" / "generator",
            filter_model=root / "models" / "filter",
            generated=data / "generated",
            triplets=data / "triplets",
            rejected=data / "rejected",
            alignment=root / "models" / "alignment",
            all_results=root / "results",
            results=root / "results" / stage_name,
        )


@dataclass(frozen=True)
class StageCommand:
    """A stage's command line: called without arguments it parses `sys.argv`.

    section: its section of params.yaml. params: the model of that section. about: its help text.
    """

    section: str
    params: type[BaseModel]
    about: str
    command: Callable[..., None]

    def __call__(self) -> None:
        run_command(self.command, cls=help_followed_by(self.keys), help=self.about)

    def keys(self) -> str:
        """All keys of the section, to read."""
        rows = listing(describe(self.params, self.section), terminal_width())
        return f"Keys of the section {self.section} in params.yaml:\n\n{rows}"


def stage(writes: Sequence[str] = (), trains: bool = False) -> Callable[[Callable[..., dict[str, Any]]], StageCommand]:
    """Make a function `(params, paths) -> metrics` the command of the stage whose file it stands in.

    Further parameters of the function are options of the command, as Typer reads them; each has a default, with which
    `dvc repro` runs it. `writes` names the fields of `Paths` that the stage writes; `results` is always among them. The
    section of params.yaml is the file's name, its model the annotation of `params`. A stage that `trains` runs as one
    process for each GPU (`launch.py`).
    """
    unknown = set(writes) - {field.name for field in fields(Paths)}
    if unknown:
        raise ValueError(f"no such path: {sorted(unknown)}")
    written = [*writes, "results"]

    def decorate(function: Callable[..., dict[str, Any]]) -> StageCommand:
        file = Path(inspect.getfile(function)).resolve()
        model = get_type_hints(function)["params"]

        def command(
            params: Annotated[Path | None, typer.Option(help="Parameter file; params.yaml if not given.")] = None,
            **options: Any,
        ) -> None:
            paths = Paths.of(file.parents[1], file.stem, params.resolve() if params else None)
            checked_params(paths, file, model)
            if trains:
                launch(visible_gpus())
            run(
                lambda staged: function(checked_params(paths, file, model), staged, **options),
                paths,
                file.stem,
                written,
            )

        own, given = (inspect.signature(of, eval_str=True).parameters for of in (command, function))
        options = [option for name, option in given.items() if name not in ("params", "paths")]
        command.__signature__ = inspect.Signature([own["params"], *options])  # type: ignore[attr-defined]
        return StageCommand(file.stem, model, sys.modules[function.__module__].__doc__ or "", command)

    return decorate


def checked_params(paths: Paths, file: Path, model: type[BaseModel]) -> BaseModel:
    """The parameters of the stage in `file`. Raises UserError if they, or the names of the sections, are not valid."""
    check_sections(read_params(paths.params), {path.stem for path in file.parent.glob("*.py")}, paths.params)
    params = load_params(paths.params, file.stem, model)
    check_inputs(paths.root, paths.params, params)
    return params


def help_followed_by(text: Callable[[], str]) -> type[TyperCommand]:
    """A command class whose `--help` ends with a text, as it stands: Typer would reflow it and read it as markup."""

    class Command(TyperCommand):
        def get_help(self, ctx: Any) -> str:
            return f"{super().get_help(ctx)}\n{text()}"

    return Command


def run_command(command: Callable[..., None], **options: Any) -> None:
    """Run one function as a Typer application; `options` are those of `typer.Typer.command`.

    The environment is checked first, and signals end it (`interruption.py`).
    """
    end_on_signals()

    @wraps(command)
    def checked(*arguments: Any, **named: Any) -> None:
        check_environment(machine().device)
        command(*arguments, **named)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(**options)(checked)
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Run a Typer application; a UserError ends it with its message and exit code 1, without a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # Where the locale has no such character.
    try:
        app()
    except UserError as error:
        fail(error)
    except Exception as error:
        if refused := system_error(error):
            fail(refused)
        raise
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def fail(error: UserError) -> NoReturn:
    """End with an error's message and exit code 1."""
    typer.secho(f"error: {error}", fg="red" if sys.stderr.isatty() else None, err=True)
    sys.exit(1)


def run(function: Callable[[Paths], dict[str, Any]], paths: Paths, name: str, writes: Sequence[str]) -> None:
    """Run a stage's function under its lock, with staged outputs, and put them into place.

    Under `torchrun`, process 0 does so; the others run the function too, and what they write is dropped.
    """
    if read_ranks().rank:
        with temporary_folder(paths.scratch / "staging" / name) as dropped:
            function(staged_paths(paths, writes, dropped))
        return
    require_writable([paths.scratch, paths.scratch / "locks" / f"{name}.lock", *(getattr(paths, f) for f in writes)])
    with stage_lock(paths.scratch, name) as dvc_start:
        sweep(paths.logs)
        staging = paths.scratch / "staging" / name
        remove(staging)
        staged = staged_paths(paths, writes, staging)
        metrics = function(staged)
        write_json(staged.results / "metrics.json", metrics)
        with publishing(paths.root, dvc_start):
            publish(staged, paths, writes)
        remove(staging)


def staged_paths(paths: Paths, writes: Sequence[str], staging: Path) -> Paths:
    """The paths with the fields that a stage writes pointing into its staging folder."""
    return replace(paths, **{field: staging / getattr(paths, field).relative_to(paths.root) for field in writes})


def publish(staged: Paths, paths: Paths, writes: Sequence[str]) -> None:
    """Rename a stage's old outputs out of the way, from the last to the first, and the finished ones into place.

    Raises UserError, with all old outputs in place, if the stage did not write one.
    """
    for field in writes:
        if not getattr(staged, field).is_dir():
            raise UserError("A stage did not write one of its outputs.", where=getattr(paths, field), found="nothing")
    for field in reversed(writes):
        new, target = getattr(staged, field), getattr(paths, field)
        if target.exists() or target.is_symlink():
            target.rename(new.with_name(f"{new.name}.old"))
    for field in writes:
        target = getattr(paths, field)
        target.parent.mkdir(parents=True, exist_ok=True)
        getattr(staged, field).rename(target)
