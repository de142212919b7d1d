"""The one tree of errors, so that every refusal has a stable code and says what to do about it.

`code` is part of the interface: programs compare it, and it never changes once released. The message is for
the person who meets it: what was given, what the limit is, what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from docdex.images import Refusal


class DocdexError(Exception):
    """Base of everything docdex raises on purpose."""

    code: ClassVar[str] = "docdex"

    @property
    def message(self) -> str:
        """The sentence for the person who meets this error."""
        return str(self.args[0]) if self.args else self.code


class InputError(DocdexError):
    """A page that cannot be read: the rest of its batch goes on."""

    code = "input"


class SourceNotFound(InputError):
    """No file or folder at that path, or it may not be read."""

    code = "source-not-found"


class EmptySource(InputError):
    """A file of no bytes, a folder or PDF of no pages, an image of no pixels."""

    code = "empty-source"


class UnsupportedFormat(InputError):
    """Bytes that are no image or PDF that docdex reads, whatever the file is called."""

    code = "unsupported-format"


class DamagedSource(InputError):
    """An image or PDF that starts like one but is truncated or broken inside."""

    code = "damaged-source"


class PageTooLarge(InputError):
    """More pixels than the limit, seen before they are decoded."""

    code = "page-too-large"


class SourceTooLarge(InputError):
    """More bytes than the limit."""

    code = "source-too-large"


class TooManyPages(InputError):
    """More pages in one file than the limit."""

    code = "too-many-pages"


class PasswordProtected(InputError):
    """A PDF that asks for a password."""

    code = "password-protected"


class PageOutOfRange(InputError):
    """A page range that is malformed, or names a page that the file does not have."""

    code = "page-out-of-range"


class LabelError(DocdexError):
    """A label that cannot be used the way it was asked to be."""

    code = "label"


class InvalidLabel(LabelError):
    """A label outside the grammar (`docdex.labels`)."""

    code = "invalid-label"


class UnknownLabel(LabelError):
    """No sample of the gallery has this label or stands below it."""

    code = "unknown-label"


class LabelTaken(LabelError):
    """A rename onto a label that has samples already."""

    code = "label-taken"


class ConflictingSample(LabelError):
    """The same page is registered under another label already."""

    code = "conflicting-sample"


class RegistrationRefused(DocdexError):
    """A batch of which nothing was registered, because pages of it are refused: `refusals` says why each."""

    code = "registration-refused"

    def __init__(self, message: str, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(message)
        self.refusals = refusals


class GalleryError(DocdexError):
    """A gallery that cannot be opened or used."""

    code = "gallery"


class GalleryNotFound(GalleryError):
    """No gallery at that path."""

    code = "gallery-not-found"


class NotAGallery(GalleryError):
    """A file that is no docdex gallery, is damaged, or was written by a newer docdex."""

    code = "not-a-gallery"


class ContractMismatch(GalleryError):
    """Vectors of another model, preprocess or dimension: they cannot be compared."""

    code = "contract-mismatch"


class GalleryUnavailable(GalleryError):
    """The store refused for now: locked by another process, disk full, read-only."""

    code = "gallery-unavailable"


class ModelError(DocdexError):
    """A model that cannot be loaded or does not do what its passport promises."""

    code = "model"


class ModelNotFound(ModelError):
    """No packaged model of that name and no file at that path."""

    code = "model-not-found"


class InvalidPassport(ModelError):
    """A passport that is missing, malformed, or does not fit its model file."""

    code = "invalid-passport"


class ModelMismatch(ModelError):
    """The model file's digest, or the golden vector it gives, is not what the passport says."""

    code = "model-mismatch"


class DeviceUnavailable(ModelError):
    """The device asked for is not really in use."""

    code = "device-unavailable"


class CalibrationError(DocdexError):
    """A threshold that cannot be measured as asked."""

    code = "calibration"


class TooFewPages(CalibrationError):
    """Too few pages of other types for the target and its bound."""

    code = "too-few-pages"


class MissingExtra(DocdexError):
    """A feature whose optional packages are not installed; the message names the extra."""

    code = "missing-extra"


class InvalidSetting(DocdexError):
    """An argument or configuration value outside what is allowed."""

    code = "invalid-setting"


class TrainingError(DocdexError):
    """A training run that cannot start or go on: data, config or checkpoint."""

    code = "training"
