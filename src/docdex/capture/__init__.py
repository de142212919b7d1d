"""Simulate how a page reaches us, so that training and examples can know the truth: flat page in, photo of it out."""

from docdex.capture.fields import change_fields
from docdex.capture.photo import Photo, capture, photograph

__all__ = ["Photo", "capture", "change_fields", "photograph"]
