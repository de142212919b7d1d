"""`docdex doctor`: one look at everything docdex needs here, for whoever wonders why it does not work."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

import click
import msgspec
import onnxruntime

from docdex.cli.command import Command
from docdex.cli.options import gallery_option, json_option, model_options
from docdex.cli.terminal import counted, print_json, print_table
from docdex.contract import require_same
from docdex.embedder import OnnxEmbedder
from docdex.errors import ContractMismatch, DocdexError, GalleryNotFound
from docdex.recognizer import Recognizer
from docdex.text import ByText

if TYPE_CHECKING:
    from docdex.contract import By

_PACKAGES = (
    "docdex",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pypdfium2",
    "msgspec",
    "click",
    "rich",
)
_INSTEAD = {"onnxruntime": "onnxruntime-gpu", "opencv-python-headless": "opencv-python"}
"""Packages that do for another; the first we even tell people to install."""

_EXTRAS = {"heic": "pillow-heif", "ocr": "rapidocr", "text": "chardet", "train": "torch"}
"""The package by which an extra is known to be installed."""


class Finding(msgspec.Struct, frozen=True):
    """What was found about one thing. state: `fault` is what must be put right, `note` deserves a look."""

    about: str
    state: Literal["ok", "note", "fault"]
    said: str


@click.command(cls=Command)
@json_option
@gallery_option
@model_options
def doctor(
    *, as_json: bool, gallery: str, by: By | None, model: str | None, device: str, threads: int
) -> None:
    """Say whether everything works here: versions, model, gallery.

    The model is loaded and must give its golden vector; the gallery is read completely. Exit code 1 when
    there is a fault. A pipe gets tab-separated lines: about, state (ok, note or fault), what was found.

    \b
    Example:
      docdex doctor
    """
    findings = [
        _versions(),
        _extras(),
        Finding("providers", "ok", ", ".join(onnxruntime.get_available_providers())),
    ]
    with Recognizer.open(gallery, by=by, model=model, device=device, threads=threads) as dex:
        findings += [_model(dex), *_gallery(dex, gallery)]
    if as_json:
        for finding in findings:
            print_json(finding)
    else:
        rows = [[finding.about, finding.state, finding.said] for finding in findings]
        print_table(["about", "state", "found"], rows)
    if any(finding.state == "fault" for finding in findings):
        raise click.exceptions.Exit(1)


def _versions() -> Finding:
    found = [f"Python {platform.python_version()}", *map(_installed, _PACKAGES)]
    return Finding("versions", "ok", ", ".join([*found, platform.platform()]))


def _installed(package: str) -> str:
    """A package, or what is there instead, with its version."""
    for name in (package, _INSTEAD.get(package, package)):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return f"{package} (of unknown version)"


def _extras() -> Finding:
    found = []
    for extra, package in _EXTRAS.items():
        try:
            found.append(f"{extra} ({package} {version(package)})")
        except PackageNotFoundError:
            found.append(f"{extra} (not installed)")
    return Finding("extras", "ok", ", ".join(found))


def _model(dex: Recognizer) -> Finding:
    try:
        embedder = dex.embedder
    except DocdexError as error:
        return Finding("model", "fault", error.message)
    said = f"digest {embedder.contract.model}, by {embedder.contract.by}"
    if isinstance(embedder, OnnxEmbedder):
        said = f"{embedder.passport.name}, {said}, on {embedder.provider}"
    elif isinstance(embedder, ByText):
        said = f"{embedder.model.passport.name}, {said}"
    return Finding("model", "ok", said)


def _gallery(dex: Recognizer, path: str) -> list[Finding]:
    """The gallery file, whether this model may be used with it, and its calibration."""
    try:
        dex.gallery.verify()
        samples, labels = dex.gallery.count(), dex.labels()
    except GalleryNotFound:
        return [Finding("gallery", "note", f"none at {path} yet")]
    except DocdexError as error:
        return [Finding("gallery", "fault", error.message)]
    said = f"{path}: {counted(samples, 'sample')} of {counted(labels, 'label')}, read completely"
    findings = [Finding("gallery", "ok", said)]
    try:
        require_same(dex.gallery.contract, dex.embedder.contract, "The gallery")
    except ContractMismatch as error:
        return [*findings, Finding("contract", "fault", error.message)]
    except DocdexError:
        return findings  # the model has its own finding
    return [*findings, _calibration(dex)]


def _calibration(dex: Recognizer) -> Finding:
    try:
        calibration, doubts = dex.calibration, dex.calibration_doubts()
    except DocdexError as error:
        return Finding("calibration", "fault", error.message)
    if calibration is None:
        return Finding("calibration", "note", f"none; the model's threshold {dex.threshold:.4f} is used")
    said = f"threshold {calibration.threshold:.4f}, measured {calibration.date}"
    return Finding("calibration", "note" if doubts else "ok", " ".join([f"{said}.", *doubts]))
