"""The tensor page, its figures as files, and its twins: /m/{id}/t/{index}."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.charts import bands, histogram
from app.charts.bands import BandPlot
from app.core.report import TensorReport
from app.errors import NotFound
from app.store.facts import Run
from app.web import csvs
from app.web.deps import RunId, RunsHere
from app.web.drawings import Drawings, as_data, drawings
from app.web.look import Look, look_of
from app.web.pages import SVG, attached, palette_of
from app.web.progress import job_url
from app.web.render import json_response, render
from app.web.tensor import tensor_page

router = APIRouter(include_in_schema=False)

Figure = Annotated[str, Path(pattern="^(qq|units)$")]


async def _tensor(runs: RunsHere, run_id: str, index: int) -> TensorReport:
    if not 0 <= index < 2**31:
        raise NotFound(what="tensor")
    return await runs.tensor(run_id, index)


async def _drawn(request: Request, runs: RunsHere, run_id: str, index: int) -> Drawings:
    report = await _tensor(runs, run_id, index)
    packed = await runs.sketch(run_id, index)
    return await run_in_threadpool(drawings, report, packed, look_of(request.query_params))


async def _band(request: Request, runs: RunsHere, run_id: str, index: int, key: str) -> BandPlot:
    found = (await _drawn(request, runs, run_id, index)).band(key)
    if found is None:
        raise NotFound(what="figure of this tensor")
    return found


@router.get("/m/{run_id}/t/{index}.json")
async def tensor_json(run_id: RunId, index: int, runs: RunsHere) -> Response:
    """Everything said about one tensor."""
    return json_response(await _tensor(runs, run_id, index))


@router.get("/m/{run_id}/t/{index}.csv")
async def tensor_csv(run_id: RunId, index: int, runs: RunsHere) -> Response:
    """The bins of its histogram."""
    report = await _tensor(runs, run_id, index)
    return attached(csvs.bins(report), f"{run_id}-{index}.csv")


@router.get("/m/{run_id}/t/{index}/hist.svg")
async def histogram_svg(request: Request, run_id: RunId, index: int, runs: RunsHere) -> Response:
    """Its histogram with the laws beside it."""
    drawn = (await _drawn(request, runs, run_id, index)).histogram
    if drawn is None:
        raise NotFound(what="histogram of this tensor")
    log = look_of(request.query_params).log
    text = histogram.as_svg(drawn, palette_of(request), log=log, alone=True)
    return Response(text, media_type=SVG)


@router.get("/m/{run_id}/t/{index}/figures.json")
async def figures_json(request: Request, run_id: RunId, index: int, runs: RunsHere) -> Response:
    """Every figure against the law asked for, as the page's script takes them."""
    drawn = await _drawn(request, runs, run_id, index)
    look = look_of(request.query_params)
    return await run_in_threadpool(_as_json, drawn, look)


def _as_json(drawn: Drawings, look: Look) -> Response:
    found: dict[str, Any] = as_data(drawn, look)
    return json_response(found)


@router.get("/m/{run_id}/t/{index}/{key}.svg")
async def band_svg(
    request: Request, run_id: RunId, index: int, key: Figure, runs: RunsHere
) -> Response:
    """The difference from the fit, or the spread of its output units."""
    plot = await _band(request, runs, run_id, index, key)
    return Response(bands.as_svg(plot, palette_of(request), alone=True), media_type=SVG)


@router.get("/m/{run_id}/t/{index}/{key}.csv")
async def band_csv(
    request: Request, run_id: RunId, index: int, key: Figure, runs: RunsHere
) -> Response:
    """The numbers of the same figure."""
    plot = await _band(request, runs, run_id, index, key)
    return attached(csvs.band(plot), f"{run_id}-{index}-{key}.csv")


@router.get("/m/{run_id}/t/{index}")
async def tensor(request: Request, run_id: RunId, index: int, runs: RunsHere) -> Response:
    """One tensor: verdict, figures, candidates, derivation, statistics."""
    run = await runs.run(run_id)
    if not run.reported:
        return RedirectResponse(job_url(run_id), status_code=303)
    report = await _tensor(runs, run_id, index)
    packed = await runs.sketch(run_id, index)
    look = look_of(request.query_params)
    return await run_in_threadpool(_page, request, run, report, packed, look)


def _page(
    request: Request, run: Run, report: TensorReport, packed: bytes | None, look: Look
) -> Response:
    return render(request, "tensor.html", tensor_page(run, report, packed, look=look))
