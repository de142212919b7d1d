"""Where samples are kept and found. From outside: protocol, records, the embedded engine, exact scores."""

from docdex.gallery.connection import is_gallery
from docdex.gallery.protocol import Gallery
from docdex.gallery.records import Entry, Hit, LabelCount, Sample
from docdex.gallery.search import nearest
from docdex.gallery.sqlite import SqliteGallery

__all__ = ["Entry", "Gallery", "Hit", "LabelCount", "Sample", "SqliteGallery", "is_gallery", "nearest"]
