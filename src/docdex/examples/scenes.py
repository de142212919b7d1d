"""The far strangers, pages and views that are no forms at all: a poster, a map, music, a desk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from docdex.examples.canvas import Box, Canvas, arc, smooth
from docdex.examples.ornaments import write_by_hand
from docdex.examples.papers import SENTENCES
from docdex.examples.people import pick, shade


def concert_poster(rng: np.random.Generator) -> Canvas:
    """Draw a concert poster: a low sun in stripes over hills."""
    canvas = Canvas(600, 860)
    canvas.gradient(canvas.box, ["#27104a", "#a02a6b", "#f4723f"], down=True)
    canvas.disc(300, 430, 190, "#ffd166")
    for k in range(7):
        y = 440 + k * 26
        reach = np.sqrt(190**2 - (y - 430) ** 2)
        canvas.fill(Box(300 - reach, y, 2 * reach, 4 + k * 2), "#d4505a")
    for base, hue in ((560, "#4a1d5e"), (640, "#2c1246")):
        x = np.linspace(0, 600, 14)
        ridge = np.stack([x, base + rng.normal(0, 26, 14)], axis=1)
        canvas.polygon(np.concatenate([smooth(ridge), [(600, 860), (0, 860)]]), hue)
    canvas.text(300, 130, "THE PAPER", 84, "#fff3d6", weight=900, align="centre")
    canvas.text(300, 206, "LANTERNS", 84, "#ffd166", weight=900, align="centre")
    canvas.text(300, 770, "Live at the old quarry", 36, "#fff3d6", face="italic", align="centre")
    canvas.text(300, 816, "Saturday, nine in the evening", 24, "#f6b7a0", align="centre")
    return canvas


def town_map(rng: np.random.Generator) -> Canvas:
    """Draw a street map: a river, parks, yellow main roads, a grid of lanes."""
    canvas = Canvas(860, 640, "#f2efe6")
    for _ in range(5):
        x, y = rng.uniform(60, 800), rng.uniform(60, 580)
        canvas.polygon(
            smooth(
                [
                    (x + 80 * np.cos(a) * rng.uniform(0.6, 1.2), y + 55 * np.sin(a))
                    for a in np.linspace(0, 6.28, 8)
                ]
            ),
            "#cfe5b8",
        )
    for k in range(17):
        lean = rng.normal(0, 30)
        canvas.line(k * 54, -5, k * 54 + lean, 650, "#ffffff", 5)
        canvas.line(-5, k * 42, 870, k * 42 + lean, "#ffffff", 5)
    bends = np.stack([np.linspace(-20, 880, 8), 330 + rng.normal(0, 90, 8)], axis=1)
    canvas.path(smooth(bends), "#9cc9e6", 36)
    for _ in range(4):
        ends = np.array(
            [(rng.uniform(0, 860), -10), (430 + rng.normal(0, 60), 320), (rng.uniform(0, 860), 650)]
        )
        canvas.path(smooth(ends), "#d9a441", 11)
        canvas.path(smooth(ends), "#fbe08a", 8)
    for name in ("Old Quay", "Mill Park", "Highcross", "St Orla", "Market", "Foundry"):
        canvas.text(rng.uniform(60, 740), rng.uniform(50, 600), name, 22, "#4d4a44", weight=600)
    canvas.frame(canvas.box.inset(8), "#8c887c", 2)
    return canvas


def sheet_music(rng: np.random.Generator) -> Canvas:
    """Draw a page of music: staves with notes."""
    canvas = Canvas(620, 860, "#fdfbf3")
    canvas.text(310, 76, "Lullaby for a Lighthouse", 34, face="italic", align="centre")
    for stave in range(7):
        top = 130 + stave * 100
        for row in range(5):
            canvas.line(40, top + row * 9, 580, top + row * 9, "#222222", 0.7)
        canvas.path(
            smooth(
                [(58, top + 40), (50, top + 24), (66, top + 8), (60, top - 8), (56, top + 10), (64, top + 44)]
            ),
            "#222222",
            2,
        )
        for bar in range(1, 5):
            canvas.line(40 + bar * 135, top, 40 + bar * 135, top + 36, "#222222", 1)
        for x in np.arange(96, 570, 27) + rng.normal(0, 3, 18):
            y = top + 4.5 * int(rng.integers(-1, 10))
            canvas.disc(x, y, 5.6, "#222222", 4.2)
            canvas.line(x + 5, y, x + 5, y - 29, "#222222", 1.2)
    return canvas


def crossword(rng: np.random.Generator) -> Canvas:
    """Draw a crossword half filled in."""
    canvas = Canvas(660, 860, "#f6f4ee")
    canvas.text(40, 70, "Sunday crossword", 42, weight=800)
    black = rng.random((13, 13)) < 0.2
    black |= black[::-1, ::-1]
    for row, column in np.ndindex(13, 13):
        cell = Box(40 + column * 44.5, 100 + row * 44.5, 44.5, 44.5)
        if black[row, column]:
            canvas.fill(cell, "#1a1a1a")
        elif rng.random() < 0.45:
            canvas.text(
                cell.x + 22,
                cell.y + 34,
                chr(65 + int(rng.integers(26))),
                30,
                "#3a55a0",
                face="italic",
                align="centre",
            )
        canvas.frame(cell, "#1a1a1a", 1)
    for column in range(2):
        for row in range(6):
            canvas.text(
                40 + column * 300,
                714 + row * 24,
                f"{row * 3 + column + 1}. {' '.join(SENTENCES[row].split()[column * 3 :][:4])}",
                15,
            )
    return canvas


def notebook(rng: np.random.Generator) -> Canvas:
    """Draw a page of a ruled notebook in somebody's hand."""
    canvas = Canvas(620, 860, "#fdfdf6")
    for row in range(26):
        canvas.line(0, 76 + row * 30, 620, 76 + row * 30, "#a9c6e3", 0.8)
    canvas.line(86, 0, 86, 860, "#e39a9a", 1.2)
    for y in (110, 430, 750):
        canvas.disc(38, y, 13, "#b9b7ae")
    words = " ".join(SENTENCES[k] for k in rng.permutation(len(SENTENCES))).split()
    for row in range(20):
        write_by_hand(
            canvas,
            98 + rng.normal(0, 4),
            132 + row * 30,
            " ".join(words[row * 7 : row * 7 + 7]),
            24,
            rng,
            "#2c2f6b",
        )
    return canvas


def childs_drawing(rng: np.random.Generator) -> Canvas:
    """Draw what a child draws with crayons: a house, a sun, a tree, a person."""
    canvas = Canvas(860, 620, "#fffdf5")
    for angle in np.arange(0, 360, 24):
        a = np.deg2rad(angle)
        canvas.line(
            110 + 60 * np.cos(a),
            100 + 60 * np.sin(a),
            110 + 95 * np.cos(a),
            100 + 95 * np.sin(a),
            "#f7b500",
            6,
        )
    canvas.disc(110, 100, 50, "#ffd21f")
    canvas.path(
        [(300, 520), (300, 300), (440, 180), (580, 300), (580, 520), (300, 520), (580, 300), (300, 300)],
        "#d8402f",
        8,
    )
    canvas.frame(Box(410, 410, 66, 110), "#7a4a21", 8)
    canvas.frame(Box(330, 340, 56, 50), "#2f7fd8", 7)
    canvas.line(720, 520, 720, 380, "#7a4a21", 16)
    for _ in range(26):
        canvas.ring(720 + rng.normal(0, 42), 320 + rng.normal(0, 36), 26, "#3da33d", 5)
    canvas.ring(200, 370, 28, "#333333", 6)
    for x0, y0, x1, y1 in (
        (200, 398, 200, 470),
        (200, 470, 170, 530),
        (200, 470, 230, 530),
        (150, 420, 250, 420),
    ):
        canvas.line(x0, y0, x1, y1, "#333333", 6)
    canvas.path(arc(200, 372, 14, 20, 160), "#d8402f", 4)
    for x in range(10, 860, 22):
        canvas.line(x, 580, x + rng.normal(0, 6), 535 + rng.normal(0, 8), "#5cb82c", 5)
    return canvas


def blank_sheet(rng: np.random.Generator) -> Canvas:
    """Draw a sheet with nothing on it but two folds."""
    canvas = Canvas(620, 860, "#f7f6f2")
    canvas.grain(rng, 1.5)
    for y in (287, 573):
        canvas.gradient(Box(0, y, 620, 8), ["#f7f6f2", "#e2e0da", "#f9f8f5"], down=True)
    return canvas


def bare_desk(rng: np.random.Generator) -> Canvas:
    """Draw a wooden desk with a pencil, a cup's mark and no document."""
    canvas = desk(rng, 860, 640, "#a9754a")
    canvas.ring(620, 200, 70, "#7d4f2c", 5)
    canvas.polygon([(150, 470), (480, 360), (486, 376), (156, 486)], "#f2c230")
    canvas.polygon([(480, 360), (486, 376), (520, 356)], "#ecd3ae")
    canvas.polygon([(150, 470), (156, 486), (136, 491), (130, 476)], "#e08a94")
    return canvas


def page_on_desk(page: NDArray[np.uint8], rng: np.random.Generator, border: float) -> NDArray[np.uint8]:
    """Lay a page, (H, W, 3) RGB, on a desk that is wider by `border` (a share of its long side) all round."""
    height, width = page.shape[:2]
    rim = round(max(height, width) * border)
    wood = pick(rng, ("#a9754a", "#6b4a35", "#8c8f94", "#c9b79c", "#4c5a55"))
    canvas = desk(rng, width + 2 * rim, height + 2 * rim, wood)
    for reach in range(8, 0, -2):
        with canvas.faint(0.12):
            canvas.fill(
                Box(rim - reach + 3, rim - reach + 4, width + 2 * reach, height + 2 * reach), "#140c06", reach
            )
    laid = canvas.pixels
    laid[rim : rim + height, rim : rim + width] = page
    return laid


def desk(rng: np.random.Generator, width: int, height: int, wood: str) -> Canvas:
    """Draw a table top of four planks of about this colour."""
    canvas = Canvas(width, height, shade(wood, 0.6))
    plank = height / 4
    x = np.linspace(0, width, 60)
    for row, tone in enumerate((1.0, 1.06, 0.94, 1.02)):
        board = Box(0, row * plank, width, plank - 2)
        with canvas.within(board):
            canvas.fill(board, shade(wood, tone))
            for k in range(26):
                wave = 7 * np.sin(x / rng.uniform(90, 200) + rng.uniform(0, 6))
                y = board.y + k * plank / 26 + wave
                canvas.path(np.stack([x, y], axis=1), shade(wood, (0.84, 1.12)[k % 2]), 0.8)
    return canvas
