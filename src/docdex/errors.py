"""The one tree of errors, so that every refusal has a stable code and says what to do about it.

`code` is part of the interface: programs compare it, and it never changes once released. The message is for
the person who meets it: what was given, what the limit is, what to do. A class's docstring is what it means,
then what to do about it: `docs/errors.md` is made of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from docdex.images import Refusal


class DocdexError(Exception):
    """Base of everything docdex raises on purpose.

    Catch it to catch everything below it; compare `code`, not the message.
    """

    code: ClassVar[str] = "docdex"

    @property
    def message(self) -> str:
        """The sentence for the person who meets this error."""
        return str(self.args[0]) if self.args else self.code


class InputError(DocdexError):
    """A page that cannot be read: the rest of its batch goes on."""

    code = "input"


class SourceNotFound(InputError):
    """No file or folder at that path, or it may not be read.

    Check the path and its permissions.
    """

    code = "source-not-found"


class EmptySource(InputError):
    """A file of no bytes, a folder or PDF of no pages, an image of no pixels.

    Leave it out, or fetch it again: as a rule a copy was broken off.
    """

    code = "empty-source"


class UnsupportedFormat(InputError):
    """Bytes that are no document that docdex reads, whatever the file is called.

    Convert it to JPEG, PNG, TIFF or PDF; HEIC needs the extra `heic`. By text, convert it to PDF, DOCX, HTML
    or plain text.
    """

    code = "unsupported-format"


class DamagedSource(InputError):
    """A file that starts like an image, PDF or DOCX but is truncated or broken inside.

    Fetch it again, or open it in another program and save it anew.
    """

    code = "damaged-source"


class PageTooLarge(InputError):
    """More pixels than the limit, seen before they are decoded, or more characters.

    Shrink it, or raise the limit: `--max-megapixels`, `Limits(pixels=…)`, by text `--max-characters`,
    `Limits(characters=…)`.
    """

    code = "page-too-large"


class SourceTooLarge(InputError):
    """More bytes than the limit, in a file or packed in it.

    Split it, or raise the limit: `--max-megabytes`, `Limits(bytes=…)`, `Limits(unpacking=…)`.
    """

    code = "source-too-large"


class TooManyPages(InputError):
    """More pages in one file than the limit.

    Choose pages (`--pages`, `pages=`), or raise the limit: `--max-pages`, `Limits(pdf_pages=…)`.
    """

    code = "too-many-pages"


class PasswordProtected(InputError):
    """A PDF or DOCX that asks for a password, or an e-mail that is encrypted.

    Save a copy without the password.
    """

    code = "password-protected"


class NoText(InputError):
    """A page without a word on it, where words are what pages are compared by.

    Leave it out, or compare pages by how they look: `--by picture`, `by="picture"`.
    """

    code = "no-text"


class PageOutOfRange(InputError):
    """A page range that is malformed, or names a page that the file does not have.

    Give ranges such as `1-3,7,10-`, from 1, within the file.
    """

    code = "page-out-of-range"


class LabelError(DocdexError):
    """A label that cannot be used the way it was asked to be."""

    code = "label"


class InvalidLabel(LabelError):
    """A label outside the grammar (`docdex.labels`).

    Give a path such as `claim/acme`; the message says what is wrong with this one.
    """

    code = "invalid-label"


class UnknownLabel(LabelError):
    """No sample of the gallery has this label or stands below it.

    Look at the spelling: `docdex list`, `Recognizer.labels()`.
    """

    code = "unknown-label"


class LabelTaken(LabelError):
    """A rename onto a label that has samples already.

    Choose another label, or merge the two on purpose: `--merge`, `merge=True`.
    """

    code = "label-taken"


class ConflictingSample(LabelError):
    """The same page is registered under another label already.

    Remove or rename the wrong one, or allow both: `--allow-conflict`, `allow_conflict=True`.
    """

    code = "conflicting-sample"


class RegistrationRefused(DocdexError):
    """A batch of which nothing was registered, because pages of it are refused: `refusals` says why each.

    Mend or leave out those pages, or register the rest: `--keep-going`, `atomic=False`.
    """

    code = "registration-refused"

    def __init__(self, message: str, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(message)
        self.refusals = refusals

    def __reduce__(self) -> tuple[type[RegistrationRefused], tuple[str, tuple[Refusal, ...]]]:
        # Else it were made again from its `args`, which lack the refusals, and a pool of processes breaks.
        return type(self), (self.message, self.refusals)


class GalleryError(DocdexError):
    """A gallery that cannot be opened or used."""

    code = "gallery"


class GalleryNotFound(GalleryError):
    """No gallery at that path.

    Check the path, or register a first page: that makes the gallery.
    """

    code = "gallery-not-found"


class NotAGallery(GalleryError):
    """A file that is no docdex gallery, is damaged, or was written by a newer docdex.

    Give the path of a gallery, restore it from a copy or an export, or update docdex.
    """

    code = "not-a-gallery"


class ContractMismatch(GalleryError):
    """Vectors of another model, preprocess or dimension: they cannot be compared.

    Use the model the gallery was made with, or re-embed the gallery with the new one.
    """

    code = "contract-mismatch"


class GalleryUnavailable(GalleryError):
    """The store refused for now: locked or kept busy by other processes, disk full, read-only.

    Try again; the message says what was in the way.
    """

    code = "gallery-unavailable"


class ModelError(DocdexError):
    """A model that cannot be loaded or does not do what its passport promises.

    Put another model in its place: this one is no ONNX file that can be used, or it broke down on a page.
    """

    code = "model"


class ModelNotFound(ModelError):
    """No packaged model of that name and no file at that path.

    Name a packaged model (`docdex model list`) or the path of an `.onnx` file.
    """

    code = "model-not-found"


class InvalidPassport(ModelError):
    """A passport that is missing, malformed, or does not fit its model file.

    Put the passport that belongs to the model beside it, or issue one.
    """

    code = "invalid-passport"


class ModelMismatch(ModelError):
    """The model file's digest, or the golden vector it gives, is not what the passport says.

    Restore the model file with its passport, or issue a new passport for a model you changed.
    """

    code = "model-mismatch"


class DeviceUnavailable(ModelError):
    """The device asked for is not really in use.

    Install `onnxruntime-gpu` and the driver, or use device `cpu`.
    """

    code = "device-unavailable"


class CalibrationError(DocdexError):
    """A threshold that cannot be measured as asked.

    Look at the pages: as a rule registered types are among them.
    """

    code = "calibration"


class TooFewPages(CalibrationError):
    """Too few pages of other types for the target and its bound.

    Add pages (the message says how many are needed) or ask for a higher rate.
    """

    code = "too-few-pages"


class MissingExtra(DocdexError):
    """A feature whose optional packages are not installed; the message names the extra.

    Install it, as in `pip install 'docdex[heic]'`.
    """

    code = "missing-extra"


class InvalidSetting(DocdexError):
    """An argument or configuration value outside what is allowed.

    Give a value in the range that the message names.
    """

    code = "invalid-setting"


class TrainingError(DocdexError):
    """A training run that cannot start or go on: data, config or checkpoint.

    Mend what the message names; the last checkpoint is whole.
    """

    code = "training"


class StudyError(DocdexError):
    """A study that cannot start or go on: config, texts, or the run's folder.

    Mend what the message names; what was finished is kept, and `--resume` goes on from there.
    """

    code = "study"
