"""Cards and books of an invented country and of some invented firms."""

from __future__ import annotations

import numpy as np

from docdex.examples.canvas import Box, Canvas
from docdex.examples.ornaments import (
    curved_band,
    draw_arms,
    draw_barcode,
    draw_chip,
    draw_field,
    draw_matrix_code,
    draw_rosette,
    draw_signature,
    draw_stamp,
    draw_waves,
    machine_lines,
)
from docdex.examples.people import day, digits, draw_portrait, person, pick


def utopia_gen1(rng: np.random.Generator) -> Canvas:
    """Draw Utopia's first identity card: green laminated paper, typed fields, a stamped photo."""
    holder = person(rng)
    canvas = Canvas(800, 510, "#dde7cf")
    canvas.grain(rng, 1.5)
    draw_waves(canvas, Box(0, 80, 800, 430), "#7fa36a", lines=46, swing=0.3, periods=4, opacity=0.5)
    draw_rosette(canvas, 570, 300, 175, "#6b9458", petals=10, turns=18, opacity=0.45)
    canvas.fill(Box(0, 0, 800, 84), "#2f5d3a")
    draw_arms(canvas, 56, 45, 66, "#8c2332", "#e2c25d")
    canvas.text(106, 40, "REPUBLIC OF UTOPIA", 30, "#f4f0dc", weight=700, spacing=2)
    canvas.text(106, 68, "Ministry of the Interior  ·  National Identity Card", 17, "#d5dfc2")
    draw_portrait(canvas, Box(36, 118, 190, 240), holder.look, ("#d9dcd2", "#b5b9ac"))
    canvas.frame(Box(36, 118, 190, 240), "#2f5d3a", 2)
    fields = (
        ("Surname", holder.family.upper()),
        ("Given name", holder.given),
        ("Date of birth", f"{holder.born:%d.%m.%Y}"),
        ("Place of residence", holder.town),
        ("Valid until", f"{day(rng, 2001, 2009):%d.%m.%Y}"),
    )
    for row, (caption, value) in enumerate(fields):
        y = 142 + row * 58
        canvas.text(256, y, f"{row + 1}. {caption}", 13, "#3b5b3d", face="italic")
        canvas.typed(256, y + 27, value, 15.5, 25, "#20201c", 600)
        canvas.dashes(256, 560, y + 35, "#6f8a66", 3)
    canvas.text(770, 130, f"No. {digits(rng, 7)}", 25, "#9c2531", weight=600, align="right", spacing=1)
    canvas.line(36, 470, 226, 470, "#40533f", 1)
    draw_signature(canvas, Box(44, 385, 170, 80), rng)
    canvas.text(36, 488, "Signature of the bearer", 12, "#3b5b3d")
    tilt = float(rng.uniform(-25, 25))
    draw_stamp(
        canvas,
        190 + rng.uniform(-8, 8),
        350 + rng.uniform(-8, 8),
        54,
        "#54307e",
        "UTOPIA·INTERIOR·",
        ["SEALED"],
        tilt,
    )
    canvas.text(770, 488, "Keep this card with you", 13, "#3b5b3d", align="right", face="italic")
    canvas.frame(canvas.box.inset(5), "#2f5d3a", 1.5)
    return canvas


def utopia_gen2(rng: np.random.Generator) -> Canvas:
    """Draw Utopia's second identity card: blue and rose polycarbonate with chip and code lines."""
    holder = person(rng)
    number = f"U{digits(rng, 8)}"
    canvas = Canvas(800, 510)
    canvas.gradient(canvas.box, ["#cfe3f3", "#e9e4f2", "#f6dbe3", "#dbe6f6"])
    draw_waves(canvas, canvas.box, "#5b7fc0", lines=60, swing=0.35, periods=2.5, opacity=0.38)
    draw_rosette(canvas, 655, 245, 165, "#c2557f", petals=16, turns=20, opacity=0.5)
    draw_rosette(canvas, 655, 245, 105, "#3a62b0", petals=9, turns=14, opacity=0.5)
    canvas.polygon(curved_band(Box(0, 0, 800, 66), 9), "#1f3f86")
    canvas.text(30, 44, "UTOPIA", 40, "#ffffff", weight=800, spacing=5)
    canvas.text(232, 42, "IDENTITY CARD  /  CARTE D'IDENTITÉ", 19, "#dbe5fb", weight=500)
    draw_arms(canvas, 752, 42, 62, "#8c2332", "#e2c25d")
    draw_portrait(canvas, Box(30, 96, 216, 276), holder.look, ("#e7edf2", "#cdd9e4"))
    draw_chip(canvas, Box(654, 98, 96, 74))
    for row, (caption, value) in enumerate(
        (("Surname / Nom", holder.family.upper()), ("Given names / Prénoms", holder.given.upper()))
    ):
        draw_field(canvas, 272, 116 + row * 54, caption, value, size=24, weight=600, ink="#3a5690")
    born, until = f"{holder.born:%d %m %Y}", f"{day(rng, 2029, 2036):%d %m %Y}"
    cells = (
        (272, 226, "Sex", holder.sex),
        (332, 226, "Nationality", "UTO"),
        (450, 226, "Date of birth", born),
        (272, 276, "Document no.", number),
        (450, 276, "Expiry", until),
        (272, 326, "Personal no.", f"{digits(rng, 6)}-{digits(rng, 4)}"),
    )
    for x, y, caption, value in cells:
        draw_field(canvas, x, y, caption, value, size=19, ink="#3a5690")
    draw_signature(canvas, Box(452, 305, 150, 62), rng, "#222222")
    with canvas.faint(0.45):
        draw_portrait(canvas, Box(640, 240, 108, 132), holder.look, ("#eae0ee", "#dcd3e8"))
    canvas.fill(Box(0, 388, 800, 122), "#f7f8fb")
    for row, line in enumerate(machine_lines(holder, "UTO", number)):
        canvas.typed(30, 422 + row * 34, line, 24.6, 26, "#15171a")
    return canvas


def utopia_gen2_damaged(rng: np.random.Generator) -> Canvas:
    """Draw the second card after years in a back pocket: worn, stained, cracked across, a corner gone."""
    canvas = utopia_gen2(rng)
    with canvas.faint(0.42):
        canvas.fill(canvas.box, "#cbb48a")
    for _ in range(2):
        x, y, radius = rng.uniform(430, 560), rng.uniform(190, 300), rng.uniform(100, 140)
        for part in (1.0, 0.96, 0.9, 0.8, 0.65):
            with canvas.faint(0.11):
                canvas.disc(x, y, radius * part, "#7a4f21", radius * part * 0.75)
    for _ in range(60):
        x, y = rng.uniform(0, 800), rng.uniform(0, 510)
        run = rng.normal(0, 45, 2)
        with canvas.faint(0.6):
            canvas.line(x, y, x + run[0], y + run[1] * 0.5, "#f5efe2", 1)
    steps = np.linspace(0, 1, 16)
    crack = np.stack([330 + 120 * steps + rng.normal(0, 9, 16), 510 * steps], axis=1)
    half = np.array([5.0, 0.0])
    canvas.polygon(np.concatenate([crack - half, (crack + half)[::-1]]), "#f3ecdf")
    canvas.path(crack, "#4b4238", 3)
    for way in (-1, 1):
        branch = crack[int(rng.integers(5, 11))]
        spur = branch + np.array([(0, 0), (way * 60, 25), (way * 115, rng.uniform(20, 70))])
        canvas.path(spur, "#5d5348", 2)
    reach = float(rng.uniform(150, 190))
    edge = np.linspace(0, 1, 14)
    torn = np.stack([800 - reach * edge, reach * 0.9 * (1 - edge)], axis=1) + rng.normal(0, 5, (14, 2))
    canvas.polygon(np.concatenate([[(810, -10)], [(810, reach)], torn, [(800 - reach, -10)]]), "#f1efe9")
    canvas.path(torn, "#8a7a62", 3)
    return canvas


def utopia_driving_licence(rng: np.random.Generator) -> Canvas:
    """Draw Utopia's driving licence: a salmon card with a road and a row of vehicle classes."""
    holder = person(rng)
    canvas = Canvas(800, 505, "#f6d9cc")
    canvas.gradient(canvas.box, ["#f4c4ae", "#f9e3d6", "#f2bfa9"], down=True)
    draw_waves(canvas, Box(0, 120, 800, 300), "#d0745a", lines=34, swing=0.6, periods=5, opacity=0.35)
    canvas.fill(Box(0, 0, 118, 505), "#b7442f")
    canvas.text(59, 66, "UT", 46, "#ffffff", weight=800, align="centre")
    canvas.text(72, 470, "DRIVING LICENCE", 36, "#ffe6dc", weight=800, angle=90, spacing=1)
    canvas.text(144, 46, "Republic of Utopia", 28, "#7c2415", weight=700)
    canvas.text(144, 70, "Road Traffic Office", 17, "#9a4733", face="italic")
    draw_portrait(canvas, Box(590, 92, 180, 232), holder.look, ("#efe3da", "#d8c3b6"))
    issued = day(rng, 2012, 2023)
    lines = (
        ("1.", holder.family.upper()),
        ("2.", holder.given),
        ("3.", f"{holder.born:%d.%m.%Y}  {holder.town.split(maxsplit=1)[1]}"),
        ("4a.", f"{issued:%d.%m.%Y}      4b.  {issued.replace(year=issued.year + 15, day=1):%d.%m.%Y}"),
        ("5.", f"UTD {digits(rng, 6)} {digits(rng, 2)}"),
        ("8.", holder.street),
    )
    for row, (mark, value) in enumerate(lines):
        canvas.text(144, 118 + row * 42, mark, 16, "#9a4733", weight=600)
        canvas.text(190, 118 + row * 42, value, 23, "#281b17", weight=500)
    draw_signature(canvas, Box(590, 338, 170, 66), rng, "#1d1d1d")
    canvas.polygon([(144, 500), (330, 404), (372, 404), (520, 500)], "#ecb29b")
    held = set(rng.choice(5, int(rng.integers(2, 4)), replace=False).tolist())
    for place, name in enumerate(("AM", "A", "B", "C", "D")):
        cell = Box(144 + place * 126, 420, 118, 62)
        canvas.fill(cell, "#fff3ec" if place in held else "#e7b9a6", 8)
        canvas.frame(cell, "#b7442f", 1.5, 8)
        canvas.text(cell.x + 12, 462, name, 28, "#7c2415", weight=800)
        canvas.fill(Box(cell.x + 62, 444, 44, 13), "#b7442f", 5)
        canvas.fill(Box(cell.x + 72, 434, 22, 13), "#b7442f", 5)
        for wheel in (74, 95):
            canvas.disc(cell.x + wheel, 459, 6, "#5b1c10")
    return canvas


def utopia_passport(rng: np.random.Generator) -> Canvas:
    """Draw the data page of Utopia's passport with the page above it, as a scanner sees an open book."""
    holder = person(rng)
    number = f"P{digits(rng, 7)}"
    canvas = Canvas(640, 880, "#efe6ee")
    canvas.gradient(Box(0, 0, 640, 430), ["#e6dcea", "#f3ecdf", "#dfe6df"], down=True)
    draw_rosette(canvas, 320, 205, 175, "#8a6a9e", petals=8, turns=26, opacity=0.5)
    draw_waves(canvas, Box(0, 0, 640, 430), "#8fa58c", lines=30, swing=0.5, periods=2, opacity=0.4)
    draw_arms(canvas, 320, 195, 170, "#6d3a63", "#c7a75a")
    canvas.text(
        320,
        345,
        "The bearer is under the protection of Utopia.",
        16,
        "#4b3355",
        face="italic",
        align="centre",
    )
    canvas.text(320, 386, number, 26, "#7d2c3c", weight=600, align="centre", spacing=6)
    canvas.gradient(Box(0, 424, 640, 14), ["#b8a9bb", "#f4eef4"], down=True)
    canvas.gradient(Box(0, 438, 640, 442), ["#f0e2ee", "#e0e8f2", "#efe9d8"])
    draw_waves(canvas, Box(0, 438, 640, 330), "#9b6fa0", lines=36, swing=0.4, periods=3, opacity=0.4)
    canvas.text(26, 474, "UTOPIA", 26, "#5a2b52", weight=800, spacing=4)
    canvas.text(614, 472, "PASSPORT · PASSEPORT", 17, "#5a2b52", weight=600, align="right")
    draw_portrait(canvas, Box(26, 494, 188, 240), holder.look)
    issued = day(rng, 2016, 2024)
    cells = (
        (234, 508, "Type", "P"),
        (300, 508, "Code", "UTO"),
        (420, 508, "Passport no.", number),
        (234, 552, "Surname", holder.family.upper()),
        (234, 596, "Given names", holder.given.upper()),
        (234, 640, "Date of birth", f"{holder.born:%d %b %Y}".upper()),
        (470, 640, "Sex", holder.sex),
        (234, 684, "Date of issue", f"{issued:%d %b %Y}".upper()),
        (420, 684, "Authority", "PORT AMBER"),
    )
    for x, y, caption, value in cells:
        draw_field(canvas, x, y, caption, value, size=18, ink="#75507a")
    draw_signature(canvas, Box(420, 706, 170, 54), rng, "#1d1d2a")
    canvas.fill(Box(0, 772, 640, 108), "#f8f6f8")
    name = f"P<UTO{holder.family}<<{holder.given}".upper()
    canvas.typed(18, 816, name.ljust(44, "<"), 13.7, 18)
    canvas.typed(18, 852, f"{number}<4UTO{holder.born:%y%m%d}2{holder.sex}".ljust(43, "<") + "8", 13.7, 18)
    return canvas


def library_card(rng: np.random.Generator) -> Canvas:
    """Draw a reader's card of a town library: teal, a shelf of books, a barcode."""
    holder = person(rng)
    canvas = Canvas(800, 500, "#0f6b6d")
    canvas.polygon([(0, 0), (520, 0), (380, 500), (0, 500)], "#128184")
    heights = (120, 150, 105, 165, 135, 150, 98, 158, 128, 142)
    hues = (
        "#f2b84b",
        "#e8e2d0",
        "#d9573f",
        "#f2b84b",
        "#7fc4b5",
        "#e8e2d0",
        "#d9573f",
        "#2c4a52",
        "#f2b84b",
        "#7fc4b5",
    )
    for place, (height, hue) in enumerate(zip(heights, hues, strict=True)):
        spine = Box(440 + place * 33, 210 - height, 29, height)
        canvas.fill(spine, hue, 2)
        canvas.line(spine.x + 4, spine.y + 18, spine.x + 25, spine.y + 18, "#0f4b4d", 2)
        canvas.line(spine.x + 4, spine.y + 24, spine.x + 25, spine.y + 24, "#0f4b4d", 1)
    canvas.fill(Box(425, 210, 350, 9), "#0a3f41")
    canvas.text(40, 92, "Brightwater", 50, "#ffffff", weight=800)
    canvas.text(40, 136, "Public Library", 38, "#bfe6de", weight=300)
    canvas.text(40, 196, "READER'S CARD", 18, "#f2b84b", weight=700, spacing=4)
    canvas.text(40, 280, holder.name, 32, "#ffffff", weight=500)
    canvas.text(40, 314, f"Member since {rng.integers(2009, 2024)}", 19, "#bfe6de")
    canvas.fill(Box(0, 346, 800, 154), "#f7f5ee")
    draw_barcode(canvas, Box(40, 366, 470, 82), rng)
    canvas.typed(60, 476, f"2 {digits(rng, 4)} {digits(rng, 5)} {digits(rng, 4)}", 22, 21)
    canvas.text(770, 398, "Please carry this card", 17, "#3c5a5b", align="right")
    canvas.text(770, 422, "when you borrow.", 17, "#3c5a5b", align="right")
    canvas.text(770, 466, "library.brightwater.example", 15, "#0f6b6d", weight=600, align="right")
    return canvas


def boarding_pass(rng: np.random.Generator) -> Canvas:
    """Draw a boarding pass of an invented airline, with its tear-off stub."""
    holder = person(rng)
    start, goal = rng.permutation(["PAM", "CDM", "EMR", "HXC", "LKS", "DNH"])[:2]
    flight, seat = f"ZY {rng.integers(100, 999)}", f"{rng.integers(2, 34)}{pick(rng, 'ABCDEF')}"
    canvas = Canvas(860, 390, "#fbfbf7")
    canvas.fill(Box(0, 0, 860, 74), "#e2572b")
    canvas.polygon([(30, 52), (104, 18), (86, 46), (112, 50)], "#ffffff")
    canvas.text(128, 48, "zephyr air", 36, "#ffffff", weight=800, face="italic")
    canvas.text(596, 46, "BOARDING PASS", 21, "#ffe3d6", weight=600, align="right", spacing=2)
    canvas.text(640, 46, flight, 26, "#ffffff", weight=700)
    canvas.fill(Box(0, 370, 860, 20), "#2b3350")
    canvas.text(40, 206, start, 64, "#2b3350", weight=800)
    canvas.text(330, 206, goal, 62, "#2b3350", weight=800)
    canvas.line(204, 184, 296, 184, "#e2572b", 3)
    canvas.polygon([(292, 172), (314, 184), (292, 196)], "#e2572b")
    when = day(rng, 2024, 2026)
    cells = (
        (40, 102, "Passenger", holder.name),
        (40, 232, "Flight", flight),
        (150, 232, "Date", f"{when:%d %b %Y}"),
        (330, 232, "Boarding", f"{rng.integers(6, 22):02d}:{rng.integers(0, 6)}5"),
        (40, 290, "Gate", f"{pick(rng, 'ABCD')}{rng.integers(1, 40)}"),
        (150, 290, "Group", str(rng.integers(1, 6))),
        (330, 290, "Seat", seat),
        (640, 108, "Passenger", holder.name),
        (640, 164, "From / to", f"{start} - {goal}"),
        (640, 220, "Date", f"{when:%d %b}"),
        (760, 220, "Seat", seat),
    )
    for x, y, caption, value in cells:
        draw_field(canvas, x, y, caption, value, size=22, ink="#8a8f9c", colour="#2b3350", weight=600)
    draw_matrix_code(canvas, Box(478, 232, 124, 124), rng, "#20263c")
    for y in range(84, 366, 14):
        canvas.disc(620, y, 3, "#c9cbd2")
    draw_barcode(canvas, Box(640, 268, 190, 78), rng, "#20263c")
    return canvas
