"""The HTML page that every report is: one file that needs no network, no script and no other file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from docdex.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>docdex: {name}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2em auto; padding: 1em }}
table {{ border-collapse: collapse; margin: 1em 0; font-size: 13px }}
th, td {{ border-bottom: 1px solid #ddd; padding: .3em .7em; text-align: right; white-space: nowrap }}
th {{ white-space: normal; vertical-align: bottom }}
th:first-child, td:first-child {{ text-align: left }}
td small {{ color: #777; display: block }}
img {{ max-width: 100% }}
.wide {{ overflow-x: auto }}
.row {{ display: flex; flex-wrap: wrap; gap: 1em }}
figure {{ margin: 0; font-size: 12px; max-width: 380px }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_page(title: str, parts: Iterable[str], path: Path) -> None:
    """Write a page into a folder that is there, whole or not at all. parts: HTML, one below the other."""
    page = _PAGE.format(name=escape(title.lower()), title=escape(title), body="\n".join(parts))
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")


def images(pictures: Mapping[str, str]) -> str:
    """Pictures beside each other: data URIs by what they show."""
    return "\n".join(f'<img alt="{escape(shown)}" src="{uri}">' for shown, uri in pictures.items())
