"""Draw templates and any number of filled-in copies of each, because no data set shows both by the thousand.

A template is a number. Three generators draw it: `layout` (shared by a family of two, so that near twins
exist: the same form of another issuer), `art` (the template's own colours, names and pictures) and `vary`
(one person's data). `layout` and `art` are used in the same order whatever `vary` says, which is what keeps
the fixed parts fixed. Forms of one office are families of another sort: `layout` and `art` are the office's,
and what a form asks is its own; editions of one form have less of their own.
"""

from docdex.training.templates.offices import FORMS
from docdex.training.templates.template import draw, draw_of_editions, draw_of_office, draw_of_shop

__all__ = ["FORMS", "draw", "draw_of_editions", "draw_of_office", "draw_of_shop"]
