"""The door of the study on images: the losses that docdex might train by, beside the one it trains by."""

from docdex.study.images.config import ImagesStudy, read_images_study
from docdex.study.images.record import ImagesRecord, read_images_record
from docdex.study.images.rows import study_images

__all__ = ["ImagesRecord", "ImagesStudy", "read_images_record", "read_images_study", "study_images"]
