"""Simulate how a page reaches us, flat page in, photo out, so that training and examples know the truth."""

from docdex.capture.fields import change_fields
from docdex.capture.margins import change_margins
from docdex.capture.photo import Photo, capture, photograph
from docdex.capture.scan import scan
from docdex.capture.twins import make_twin

__all__ = ["Photo", "capture", "change_fields", "change_margins", "make_twin", "photograph", "scan"]
