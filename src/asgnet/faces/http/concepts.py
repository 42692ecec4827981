"""``/v1/concepts``: learn from examples, keep, give away, examine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from asgnet.apply.concept.file import Concept
from asgnet.apply.examples.read import ONE_CLASS
from asgnet.errors import AsgnetError, WeightsError
from asgnet.faces.http import dependencies, schemas
from asgnet.faces.http.dependencies import Identity, Index, Kept, Ready
from asgnet.faces.http.pictures import viewable
from asgnet.faces.http.problems import Problem, missing
from asgnet.faces.http.schemas import problems
from asgnet.serving.service import Service
from asgnet.serving.store.kept import Example, KeptConcept, KeptExample
from asgnet.serving.uploads import guesses
from asgnet.types import Unpainted

router = APIRouter(prefix="/v1/concepts", tags=["concepts"])

Images = Annotated[list[UploadFile], File(description="Pictures.")]
Masks = Annotated[
    list[UploadFile],
    File(
        description="As many masks: class indices 1.., 0 unpainted, 254 background, 255 ignore; "
        "one class: any non-zero."
    ),
]
Said = Annotated[
    Unpainted,
    Form(description="What unpainted pixels are; where background is painted (254), auto is unknown."),
]


def said(kept: KeptConcept) -> schemas.Concept:
    """A concept as the API shows it."""
    return schemas.Concept.model_validate({k: v for k, v in asdict(kept).items() if k != "network"})


@router.post("", status_code=201, responses=problems(413, 429, 507))
async def create(
    service: Ready,
    images: Images,
    masks: Masks,
    name: Annotated[str, Form(max_length=schemas.NAME, examples=["mug"])] = "object",
    classes: Annotated[str, Form(description="A JSON list of names.")] = f'["{ONE_CLASS}"]',
    adapt: Annotated[Literal["auto", "true", "false"], Form()] = "auto",
    unpainted: Said = "background",
) -> schemas.Concept:
    """Learn a concept from painted examples; answers when it is learned."""
    names = dependencies.classes(classes, service)
    uploads = await _uploads(service, images, masks)

    def work() -> KeptConcept:
        with guesses() as notes:
            examples = _examples(service, uploads, len(names))
            return service.learn(dependencies.label(name, "object"), names, adapt, examples, notes, unpainted)

    return said(await dependencies.do(work, service, "slow"))


@router.post("/file", status_code=201, responses=problems(413, 429, 507))
async def create_from_file(
    service: Ready,
    file: Annotated[UploadFile, File(description="What asgnet fit, or GET …/file, made.")],
    name: Annotated[str, Form(max_length=schemas.NAME)] = "",
) -> schemas.Concept:
    """Take a concept that was learned elsewhere, with the same weights."""
    data = await dependencies.contents(file, service)
    called = dependencies.label(name, dependencies.named(file, "concept").removesuffix(".concept"))

    def work() -> KeptConcept:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "concept"
            path.write_bytes(data)
            try:
                concept = Concept.load(path)
            except AsgnetError as error:
                raise type(error)(str(error).replace(str(path), called)) from error
        if not all(name.isprintable() for name in concept.classes):
            raise WeightsError(f"{called!r} names a class in signs that cannot be shown; fit it again.")
        return service.adopt(called, concept)

    return said(await dependencies.do(work, service))


@router.get("", responses=problems())
def every(service: Kept) -> schemas.Concepts:
    """List the concepts."""
    return schemas.Concepts(concepts=[said(kept) for kept in service.concepts.all()])


@router.get("/{concept}", responses=problems(404))
async def one(service: Kept, concept: Identity) -> schemas.Concept:
    """Show a concept."""
    return said(await dependencies.concept_of(service, concept))


@router.delete("/{concept}", status_code=204, responses=problems(404))
def delete(service: Kept, concept: Identity) -> Response:
    """Forget a concept and its examples; results of jobs stay."""
    if not service.concepts.delete(concept):
        raise missing("concept", concept)
    return Response(status_code=204)


@router.get("/{concept}/file", response_class=Response, responses=problems(404))
async def download(service: Kept, concept: Identity) -> Response:
    """The concept as a file for ``asgnet segment --concept``."""
    found = await run_in_threadpool(service.concepts.read, concept)
    if found is None:
        raise missing("concept", concept)
    kept, data = found
    name, escaped = f"{kept.name}.concept", quote(f"{kept.name}.concept")
    called = f'filename="{name}"' if name == escaped else f"filename*=utf-8''{escaped}"
    headers = {"Content-Disposition": f"attachment; {called}"}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.put("/{concept}/supports", responses=problems(404, 413, 429, 507))
async def replace_examples(
    service: Ready,
    concept: Identity,
    images: Images,
    masks: Masks,
    unpainted: Annotated[Unpainted | None, Form(description="Default: as before.")] = None,
) -> schemas.Concept:
    """Learn the concept anew, from these examples instead."""
    kept = await dependencies.concept_of(service, concept)
    return await _relearnt(service, kept, await _uploads(service, images, masks), False, unpainted)


@router.post("/{concept}/supports", responses=problems(404, 409, 413, 429, 507))
async def add_examples(
    service: Ready,
    concept: Identity,
    masks: Masks,
    images: Annotated[list[UploadFile] | None, File(description="Unless job and index say.")] = None,
    job: Annotated[str | None, Form(pattern=schemas.ID, description="The picture is of this job.")] = None,
    index: Annotated[int | None, Form(ge=0, le=1_000_000, description="Which of its pictures.")] = None,
) -> schemas.Concept:
    """Learn the concept anew, from these examples as well ("use as example")."""
    kept = await dependencies.concept_of(service, concept)
    if not await run_in_threadpool(service.concepts.examples, concept):
        raise Problem(409, "This concept came as a file, without its examples; replace them all (PUT).")
    if job is None or index is None:
        return await _relearnt(service, kept, await _uploads(service, images or [], masks), True)
    picture = await run_in_threadpool(service.jobs.picture, job, index)
    if picture is None:
        raise missing("picture", f"{index} in job {job[:40]}")
    if images or len(masks) != 1:
        raise Problem(422, "With job and index give one mask, and no picture.")
    try:
        data = await run_in_threadpool(service.jobs.files(picture.job, index).picture.read_bytes)
    except FileNotFoundError:  # deleted meanwhile
        raise missing("picture", f"{index} in job {job}") from None
    upload = (picture.name, data, await dependencies.contents(masks[0], service))
    return await _relearnt(service, kept, [upload], True)


@router.get("/{concept}/supports", responses=problems(404))
async def examples_of(service: Kept, concept: Identity) -> schemas.Examples:
    """List what the concept was learned from."""
    await dependencies.concept_of(service, concept)
    kept = await run_in_threadpool(service.concepts.examples, concept)
    shown_ones = [
        schemas.Example(index=i, name=e.name, width=e.width, height=e.height) for i, e in enumerate(kept)
    ]
    return schemas.Examples(supports=shown_ones)


@router.get("/{concept}/supports/{index}/picture", response_class=Response, responses=problems(404, 429))
async def example_picture(
    service: Kept, concept: Identity, index: Index, side: Annotated[int | None, Query(ge=16, le=4096)] = None
) -> Response:
    """An example's picture; with ``side`` fitted into a square, as JPEG."""
    example, data = await _read(service, concept, index, "picture")
    return await viewable(service, data, example.name, side)


@router.get("/{concept}/supports/{index}/mask.png", response_class=Response, responses=problems(404))
async def example_mask(service: Kept, concept: Identity, index: Index) -> Response:
    """An example's mask: class indices, 0 background, 255 ignore."""
    _, data = await _read(service, concept, index, "mask")
    return Response(data, media_type="image/png")


@router.get("/{concept}/doctor", responses=problems(404, 429))
async def doctor(
    service: Ready,
    concept: Identity,
    wait: Annotated[float, Query(ge=0, le=30, description="Seconds to wait for it.")] = 0,
) -> schemas.Doctor:
    """Do the examples agree with each other, and if not, why? The first request starts it."""
    kept = await dependencies.concept_of(service, concept)
    future = await run_in_threadpool(service.diagnosis, kept)
    waited = asyncio.wrap_future(future)
    waited.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may wait any more
    done, _ = await asyncio.wait([waited], timeout=wait or 0.01)
    if not done:
        return schemas.Doctor(status="running", version=kept.version, usable=None, advice=None)
    if future.cancelled() or future.exception() is not None:
        return schemas.Doctor(status="failed", version=kept.version, usable=None, advice=None)
    return schemas.Doctor(status="ready", version=kept.version, **future.result())


Upload = tuple[str, bytes, bytes]
"""Name, picture, mask."""


async def _uploads(
    service: Service, images: Sequence[UploadFile], masks: Sequence[UploadFile]
) -> list[Upload]:
    if len(images) != len(masks) or not images:
        raise Problem(422, f"{len(images)} pictures but {len(masks)} masks; give one each, at least one.")
    dependencies.within(images, service.bounds.supports, "examples")
    return [
        (
            dependencies.named(i),
            await dependencies.contents(i, service),
            await dependencies.contents(m, service),
        )
        for i, m in zip(images, masks, strict=True)
    ]


def _examples(
    service: Service, uploads: Sequence[Upload], classes: int, before: Sequence[Example] = ()
) -> list[Example]:
    service.check_sizes([(picture, name) for name, picture, _ in uploads], [one.size for one in before])
    return [service.decoder.example(p, m, classes, name) for name, p, m in uploads]


async def _relearnt(
    service: Service,
    kept: KeptConcept,
    uploads: Sequence[Upload],
    further: bool,
    unpainted: Unpainted | None = None,
) -> schemas.Concept:
    work = partial(_relearn, service, kept, uploads, further, unpainted)
    new = await dependencies.do(work, service, "slow")
    if new is None:
        raise missing("concept", kept.id)
    return said(new)


def _relearn(
    service: Service,
    kept: KeptConcept,
    uploads: Sequence[Upload],
    further: bool,
    unpainted: Unpainted | None,
) -> KeptConcept | None:
    """Learn from these examples, ``further``: and from those that are there by then."""
    with guesses() as notes, service.alone(kept.id):
        kept = service.concepts.get(kept.id) or kept
        try:
            before = _kept_examples(service, kept.id) if further else []
        except FileNotFoundError:  # deleted meanwhile
            return None
        dependencies.within([*before, *uploads], service.bounds.supports, "examples")
        new = _examples(service, uploads, len(kept.classes), before)
        said_before = kept.notes if further else ()
        return service.refit(kept, [*before, *new], [*said_before, *notes], unpainted=unpainted)


def _kept_examples(service: Service, concept: str) -> list[Example]:
    return [
        Example(e.picture.read_bytes(), e.mask.read_bytes(), e.name, (e.height, e.width))
        for e in service.concepts.examples(concept)
    ]


async def _read(
    service: Service, concept: str, index: int, what: Literal["picture", "mask"]
) -> tuple[KeptExample, bytes]:
    """An example and one of its files; of the newest version if the concept is learned anew meanwhile."""
    before = None
    while True:
        kept = await run_in_threadpool(service.concepts.examples, concept)
        if index >= len(kept) or kept[index] == before:
            raise missing("example", f"{index} of concept {concept}")
        before = kept[index]
        with suppress(FileNotFoundError):
            return before, await run_in_threadpool(getattr(before, what).read_bytes)
