"""The command line: `initscope serve | worker | token`, and what needs no server."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import ValidationError

from app import __version__, logs
from app.config import Settings
from app.errors import ChildLost, InitscopeError, WorkerExtraMissing

DONE: Final = 0
FOUND: Final = 1  # a finding at or above --fail-on
REFUSED: Final = 2  # the input was refused or unusable
FAILED: Final = 3  # the product failed

LEVELS: Final = ("info", "warning", "problem")
DTYPES: Final = ("float32", "float64", "bfloat16", "float16")
SERVICES: Final = ("serve", "worker")  # they run on, so their log is a setting
OUR_FAULT: Final = (ChildLost, WorkerExtraMissing)

log = logging.getLogger("app")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code of the process: 0 done, 1 a finding at or above --fail-on, 2 the input was
        refused or unusable, 3 the product failed.
    """
    asked = parser().parse_args(arguments)
    form = logs.configure()
    try:
        settings = _settings(asked)
        if asked.command in SERVICES:
            form = logs.configure(settings.log, secrets=settings.secrets)
        # Each command is a module of its own, so that none waits for what another needs.
        code: int = import_module(f"app.cli.{asked.command}").run(asked, settings)
    except InitscopeError as error:
        return _tell(error, collected=form == "json")
    except KeyboardInterrupt:
        return FAILED
    except Exception:
        log.exception("initscope failed")
        return FAILED
    return code


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    root = argparse.ArgumentParser(
        prog="initscope", description="Are these weights right? Checks PyTorch initialisation."
    )
    root.add_argument("--version", action="version", version=f"initscope {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_worker(commands)
    _add_analyze(commands)
    _add_seed(commands)
    _add_compare(commands)
    _add_propagate(commands)
    _add_lint(commands)
    _add_token(commands)
    _add_backup(commands)
    _add_migrate(commands)
    return root


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser("serve", help="pages and API, with workers of its own")
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port, 0 picks a free one (default: 8000)")
    serve.add_argument("--workers", type=int, help="worker processes (default: 2)")


def _add_worker(commands: Commands) -> None:
    worker = commands.add_parser("worker", help="one worker process, beside a running service")
    worker.add_argument("--queue", choices=("cpu", "gpu"), default="cpu", help="default: cpu")
    worker.add_argument("--device", default="cpu", help="cpu or cuda:0 (default: cpu)")


def _add_analyze(commands: Commands) -> None:
    analyze = commands.add_parser("analyze", help="the analysis of a checkpoint, without a server")
    analyze.add_argument("path", type=Path, metavar="PATH", help="a checkpoint file")
    analyze.add_argument("--json", action="store_true", help="one JSON document on stdout")
    analyze.add_argument(
        "--extra", default="", metavar="LIST", help="with --json: hist,candidates or one of them"
    )
    analyze.add_argument(
        "--fail-on", choices=LEVELS, metavar="LEVEL", help="exit 1 on such a finding, or worse"
    )
    analyze.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report, too: one .html file, or .md"
    )


def _add_seed(commands: Commands) -> None:
    seed = commands.add_parser("seed", help="which torch.manual_seed drew a checkpoint")
    seed.add_argument("path", type=Path, metavar="PATH", help="a checkpoint file")
    seed.add_argument("--json", action="store_true", help="one JSON document on stdout")
    seed.add_argument("--full", action="store_true", help="try all 2³² seeds if need be: minutes")


def _add_compare(commands: Commands) -> None:
    compare = commands.add_parser("compare", help="what moved between two checkpoints")
    compare.add_argument("before", type=Path, metavar="BEFORE", help="a checkpoint file")
    compare.add_argument("after", type=Path, metavar="AFTER", help="a later one, or another")
    compare.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _add_propagate(commands: Commands) -> None:
    command = commands.add_parser("propagate", help="what happens to a signal in a network")
    add = command.add_argument
    add("architecture", type=Path, metavar="ARCH", help="a .pt2 file, a spec, print(model)'s text")
    add("--checkpoint", type=Path, metavar="PATH", help="whose own weights are a series, too")
    add("--scheme", action="append", metavar="ID", help="of the catalogue; may be repeated")
    add("--activation", metavar="NAME", help="a torch.nn class in place of every activation")
    add("--plan", type=Path, metavar="FILE", help="JSON of what to draw and change; a series, too")
    add("--input", default="normal", metavar="LAW", help="normal, uniform01 or a .npy file")
    add("--seeds", type=int, default=8, metavar="N", help="networks of each scheme (default: 8)")
    add("--batch", type=int, default=64, metavar="N", help="inputs of each (default: 64)")
    add("--mode", choices=("train", "eval"), default="train", help="default: train")
    add("--dtype", choices=DTYPES, default="float32", help="default: float32")
    add("--forward-only", action="store_true", help="without the gradients, in less memory")
    add("--device", default="cpu", help="cpu, cuda or cuda:0 (default: cpu)")
    add("--json", action="store_true", help="one JSON document on stdout")
    add("--fail-on", choices=LEVELS, metavar="LEVEL", help="exit 1 on such a verdict, or worse")


def _add_lint(commands: Commands) -> None:
    lint = commands.add_parser("lint", help="the mistakes in an init function, which is never run")
    lint.add_argument("path", type=Path, metavar="FILE", help="Python source; - reads stdin")
    lint.add_argument("--json", action="store_true", help="one JSON document on stdout")
    lint.add_argument(
        "--fail-on", choices=LEVELS, metavar="LEVEL", help="exit 1 on such a mistake, or worse"
    )


def _add_token(commands: Commands) -> None:
    token = commands.add_parser("token", help="who may come in, where the service asks for it")
    actions = token.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="a new access token, shown once on stdout")
    add.add_argument("name", metavar="NAME", help="of the person or program that gets it")
    actions.add_parser("list", help="the tokens there are")
    remove = actions.add_parser("remove", help="forget a token, and sign its sessions out")
    remove.add_argument("name", metavar="NAME", help="as `initscope token list` shows it")


def _add_backup(commands: Commands) -> None:
    backup = commands.add_parser("backup", help="copy all that is kept, while the service runs")
    backup.add_argument("folder", type=Path, metavar="FOLDER", help="an empty or a new one")
    restore = commands.add_parser("restore", help="a backup into an empty data folder")
    restore.add_argument("folder", type=Path, metavar="FOLDER", help="what `backup` has written")


def _add_migrate(commands: Commands) -> None:
    migrate = commands.add_parser("migrate", help="the database for this version, or an older one")
    migrate.add_argument(
        "revision", nargs="?", default="head", metavar="REVISION", help="as 0007; default: newest"
    )


def _settings(asked: argparse.Namespace) -> Settings:
    given = {name: getattr(asked, name, None) for name in ("host", "port", "workers")}
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"The setting {place} is not valid: {first['msg']}, got {first['input']!r}."
        sys.stderr.write(f"initscope: {message}\n")
        raise SystemExit(REFUSED) from None


def _tell(error: InitscopeError, *, collected: bool) -> int:
    """One line, of the log where that is collected: what was expected, what came, what to do."""
    line = " ".join(f"{error.message} {error.hint}".split())
    if collected:
        log.error(line)
    else:
        sys.stderr.write(f"initscope: {line}\n")
    return FAILED if isinstance(error, OUR_FAULT) or type(error) is InitscopeError else REFUSED
