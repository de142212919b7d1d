"""Sheets that are filled in or added up: claim forms of two insurers, an invoice, a prescription."""

from __future__ import annotations

import numpy as np

from docdex.examples.canvas import Box, Canvas
from docdex.examples.ornaments import (
    INK,
    draw_barcode,
    draw_matrix_code,
    draw_signature,
    draw_stamp,
    draw_table,
    draw_waves,
    write_by_hand,
)
from docdex.examples.people import day, digits, person, pick

DAMAGE = (
    "Water came through the kitchen ceiling",
    "Hail broke two windows of the shed",
    "Bicycle taken from the yard",
    "Storm lifted tiles from the roof",
    "Lamp fell on the laptop",
    "Pipe froze under the stairs",
)
COLLISION = (
    "Reversed into a bollard at the market",
    "The other car did not stop",
    "A deer ran out near Fennwick",
    "Ice on the bridge, nobody hurt",
    "Scratched in the hospital car park",
    "Wing mirror gone in the morning",
)


def acme_claim(rng: np.random.Generator) -> Canvas:
    """Draw Acme Mutual's claim form: navy and orange, boxed letters, two columns, ticked squares."""
    holder = person(rng)
    canvas = Canvas(640, 880, "#fdfdfb")
    canvas.fill(Box(0, 0, 640, 92), "#14315c")
    canvas.fill(Box(0, 92, 640, 8), "#ef7d1a")
    canvas.polygon([(28, 74), (62, 18), (96, 74)], "#ef7d1a")
    canvas.polygon([(48, 74), (62, 50), (76, 74)], "#14315c")
    canvas.text(112, 54, "ACME MUTUAL", 36, "#ffffff", weight=800, spacing=1)
    canvas.text(113, 78, "Insurance since 1893", 15, "#b7c8e4", face="italic")
    canvas.text(614, 48, "CLAIM FORM", 24, "#ffd9b3", weight=700, align="right")
    canvas.text(614, 72, "Form A-17  ·  household", 13, "#b7c8e4", align="right")
    _boxed(canvas, 28, 136, "Policy number", f"AM{digits(rng, 8)}", cells=12)
    _boxed(canvas, 372, 136, "Date of loss", f"{day(rng, 2022, 2025):%d%m%Y}", cells=8)
    _acme_head(canvas, 190, "1", "About you")
    entries = (
        ("Full name", holder.name),
        ("Address", f"{holder.street}, {holder.town}"),
        ("Email", holder.email),
    )
    for row, (caption, value) in enumerate(entries):
        y = 240 + row * 38
        canvas.text(28, y, caption, 13, "#14315c", weight=500)
        canvas.line(128, y + 4, 612, y + 4, "#9aa6b8")
        write_by_hand(canvas, 136, y, value, 20, rng)
    _acme_head(canvas, 350, "2", "What happened")
    causes = ("Fire", "Water", "Storm", "Theft", "Glass", "Other")
    ticked = int(rng.integers(len(causes)))
    for place, cause in enumerate(causes):
        x = 28 + place * 98
        canvas.frame(Box(x, 396, 18, 18), "#14315c", 1.5)
        canvas.text(x + 25, 411, cause, 15)
        if place == ticked:
            canvas.path([(x + 2, 403), (x + 8, 412), (x + 20, 390)], INK, 2)
    canvas.fill(Box(28, 430, 584, 118), "#eef2f8")
    for row in range(4):
        canvas.line(40, 456 + row * 26, 600, 456 + row * 26, "#b5c1d4", 0.5)
    for row, place in enumerate(rng.choice(len(DAMAGE), 3, replace=False)):
        write_by_hand(canvas, 46, 453 + row * 26, DAMAGE[place], 19, rng)
    _acme_head(canvas, 572, "3", "What was damaged")
    things = rng.permutation(
        ["Carpet", "Oak table", "Laptop", "Bicycle", "Curtains", "Camera", "Garden door"]
    )[:4]
    rows = [("Item", "Bought", "Value")] + [
        (str(t), str(rng.integers(2008, 2024)), f"{rng.integers(40, 1900)}.00") for t in things
    ]
    draw_table(
        canvas,
        28,
        614,
        (324, 120, 140),
        rows,
        height=25,
        size=15,
        head="#14315c",
        stripe="#eef2f8",
        aligned=("left", "centre", "right"),
    )
    canvas.text(28, 782, "I declare that what I have written is true.", 13, "#333333", face="italic")
    for x, caption in ((28, "Date"), (230, "Signature")):
        canvas.line(x, 834, x + (160 if x == 28 else 230), 834, "#14315c")
        canvas.text(x, 850, caption, 12, "#14315c")
    write_by_hand(canvas, 34, 830, f"{day(rng, 2022, 2025):%d / %m / %Y}", 19, rng)
    draw_signature(canvas, Box(240, 782, 190, 54), rng)
    draw_barcode(canvas, Box(490, 800, 122, 42), rng)
    canvas.fill(Box(0, 868, 640, 12), "#ef7d1a")
    return canvas


def _boxed(canvas: Canvas, x: float, y: float, caption: str, value: str, *, cells: int) -> None:
    canvas.text(x, y - 8, caption, 12, "#14315c", weight=600)
    for place in range(cells):
        cell = Box(x + place * 26, y, 24, 30)
        canvas.fill(cell, "#ffffff")
        canvas.frame(cell, "#14315c")
        if place < len(value):
            canvas.text(x + place * 26 + 12, y + 23, value[place], 22, INK, face="italic", align="centre")


def _acme_head(canvas: Canvas, y: float, number: str, title: str) -> None:
    canvas.fill(Box(28, y, 584, 28), "#dfe7f3")
    canvas.fill(Box(28, y, 28, 28), "#ef7d1a")
    canvas.text(42, y + 21, number, 19, "#ffffff", weight=800, align="centre")
    canvas.text(66, y + 20, title, 17, "#14315c", weight=700)


def borealis_claim(rng: np.random.Generator) -> Canvas:
    """Draw Borealis's claim form: green aurora down the left edge, one framed table of rows, a car sketch."""
    holder = person(rng)
    canvas = Canvas(640, 880)
    canvas.gradient(Box(0, 0, 96, 880), ["#0a3d3f", "#12806b", "#5cc6a0", "#12806b", "#0a3d3f"], down=True)
    draw_waves(canvas, Box(0, 0, 96, 880), "#d6ffe9", lines=26, swing=0.3, periods=1.5, opacity=0.4)
    canvas.text(66, 856, "borealis", 64, "#ffffff", weight=700, angle=90)
    canvas.text(120, 62, "Notice of claim", 40, "#0a3d3f", weight=300)
    canvas.text(120, 88, "Motor insurance  ·  please use capital letters", 15, "#4c7a72")
    canvas.disc(588, 56, 30, "#12806b")
    for k in range(3):
        canvas.path(
            [(566 + 3 * k, 66 - 14 * k), (582, 50 - 9 * k), (596, 64 - 9 * k), (612 - 3 * k, 52 - 9 * k)],
            "#d6ffe9",
            2,
        )
    entries = (
        ("Contract", f"BO-{digits(rng, 4)}-{digits(rng, 4)}"),
        ("Name", holder.name),
        ("Street", holder.street),
        ("Town", holder.town),
        ("Born on", f"{holder.born:%d %B %Y}"),
        ("Registration", f"{pick(rng, 'ABCDEFGH')}{pick(rng, 'KLMNPRST')} {digits(rng, 4)}"),
        ("Day and hour", f"{day(rng, 2022, 2025):%d %b %Y}, {rng.integers(6, 23)}:{rng.integers(0, 6)}0"),
    )
    for row, (caption, value) in enumerate(entries):
        cell = Box(120, 112 + row * 42, 496, 42)
        canvas.fill(Box(120, cell.y, 140, 42), "#e3f4ec")
        canvas.frame(cell, "#12806b")
        canvas.text(130, cell.y + 27, caption, 16, "#0a3d3f", weight=500)
        write_by_hand(canvas, 274, cell.y + 30, value.upper(), 21, rng, "#23262b")
    canvas.text(120, 438, "Mark where the vehicle was damaged", 17, "#0a3d3f", weight=600)
    canvas.frame(Box(120, 450, 300, 170), "#12806b", 1, 12)
    _car(canvas, 270, 535)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(180, 360), pick(rng, (490.0, 580.0)) + rng.uniform(-8, 8)
        canvas.line(x - 9, y - 9, x + 9, y + 9, "#c0342b", 3)
        canvas.line(x + 9, y - 9, x - 9, y + 9, "#c0342b", 3)
    canvas.fill(Box(434, 450, 182, 170), "#e3f4ec", 12)
    canvas.text(448, 478, "Was anyone hurt?", 16, "#0a3d3f", weight=600)
    canvas.text(448, 548, "Police informed?", 16, "#0a3d3f", weight=600)
    for y in (500, 570):
        answer = int(rng.integers(2))
        for place, word in enumerate(("yes", "no")):
            canvas.ring(460 + place * 74, y, 9, "#12806b", 1.5)
            canvas.text(476 + place * 74, y + 6, word, 16)
            if place == answer:
                canvas.disc(460 + place * 74, y, 5, "#23262b")
    canvas.text(120, 654, "In your own words", 17, "#0a3d3f", weight=600)
    for row in range(4):
        canvas.dashes(120, 616, 688 + row * 28, "#12806b", 2, 0.5)
    for row, place in enumerate(rng.choice(len(COLLISION), int(rng.integers(2, 5)), replace=False)):
        write_by_hand(canvas, 126, 685 + row * 28, COLLISION[place], 20, rng, "#23262b")
    canvas.frame(Box(120, 794, 300, 66), "#12806b", 1, 8)
    canvas.text(128, 810, "Signature", 12, "#4c7a72")
    draw_signature(canvas, Box(170, 796, 200, 60), rng, "#23262b")
    draw_matrix_code(canvas, Box(544, 790, 72, 72), rng, "#0a3d3f", 23)
    return canvas


def _car(canvas: Canvas, x: float, y: float) -> None:
    """Draw a car seen from above, around (x, y)."""
    canvas.fill(Box(x - 110, y - 48, 220, 96), "#f2f5f4", 34)
    canvas.frame(Box(x - 110, y - 48, 220, 96), "#4c7a72", 2, 34)
    canvas.polygon([(x - 62, y - 40), (x - 34, y - 32), (x - 34, y + 32), (x - 62, y + 40)], "#bcd9d0")
    canvas.polygon([(x + 74, y - 36), (x + 52, y - 30), (x + 52, y + 30), (x + 74, y + 36)], "#bcd9d0")
    canvas.frame(Box(x - 34, y - 36, 86, 72), "#4c7a72", 1)
    canvas.line(x + 8, y - 46, x + 8, y + 46, "#4c7a72")


def lumen_invoice(rng: np.random.Generator) -> Canvas:
    """Draw an electricity bill: yellow sun, a chart of the months, a table of charges, a payment slip."""
    holder = person(rng)
    canvas = Canvas(640, 880)
    canvas.disc(560, 20, 130, "#ffd23f")
    canvas.disc(560, 20, 96, "#ffe17d")
    canvas.text(32, 70, "lumen", 60, "#3b2a63", weight=900)
    canvas.disc(221, 62, 8, "#f5a800")
    canvas.text(34, 94, "energy for Goldenhaven", 15, "#6f628f")
    for row, line in enumerate((holder.name, holder.street, holder.town)):
        canvas.text(34, 148 + row * 22, line, 18)
    facts = (
        ("Invoice", f"LU-{digits(rng, 6)}"),
        ("Customer", digits(rng, 8)),
        ("Date", f"{day(rng, 2023, 2025):%d %b %Y}"),
    )
    for row, (caption, value) in enumerate(facts):
        canvas.text(400, 172 + row * 22, caption, 15, "#6f628f")
        canvas.text(608, 172 + row * 22, value, 16, weight=600, align="right")
    canvas.text(34, 262, "Your electricity bill", 30, "#3b2a63", weight=700)
    canvas.fill(Box(32, 282, 576, 150), "#f5f2fb", 10)
    canvas.text(46, 304, "Units used, month by month", 13, "#6f628f")
    used = 70 + 35 * np.cos(np.linspace(0, 2 * np.pi, 12)) + rng.uniform(-22, 22, 12)
    for month, height in enumerate(used):
        x = 52 + month * 46
        canvas.fill(
            Box(x, 414 - height * 0.78, 30, height * 0.78), "#f5a800" if month == 11 else "#8a74c9", 3
        )
        canvas.text(x + 15, 427, "JFMAMJJASOND"[month], 11, "#6f628f", align="centre")
    units, price = int(used.sum()), float(rng.uniform(0.19, 0.34))
    parts = [
        ("Units", f"{units} kWh at {price:.3f}", units * price),
        ("Standing charge", "92 days", 31.28),
        ("Meter", "rent", 6.9),
    ]
    net = sum(p[2] for p in parts)
    rows = [
        ("What", "How much", "Amount"),
        *((a, b, f"{c:,.2f}") for a, b, c in parts),
        ("Tax", "12 %", f"{net * 0.12:,.2f}"),
    ]
    end = draw_table(
        canvas,
        32,
        454,
        (220, 216, 140),
        rows,
        height=30,
        size=16,
        head="#3b2a63",
        rule="#d6cfe8",
        aligned=("left", "left", "right"),
    )
    canvas.fill(Box(372, end + 12, 236, 48), "#ffd23f", 8)
    canvas.text(386, end + 43, "To pay", 19, "#3b2a63", weight=600)
    canvas.text(594, end + 45, f"{net * 1.12:,.2f}", 27, "#3b2a63", weight=800, align="right")
    canvas.text(32, end + 34, f"Please pay by {day(rng, 2025, 2026):%d %B %Y}.", 15)
    canvas.text(32, end + 54, "Thank you for using sunlight.", 14, "#6f628f", face="italic")
    canvas.dashes(0, 640, 708, "#8d8a99", 6)
    canvas.fill(Box(0, 716, 640, 164), "#fff4cc")
    canvas.text(32, 746, "PAYMENT SLIP", 17, "#3b2a63", weight=800, spacing=2)
    for row, (caption, value) in enumerate(
        (
            ("To", "Lumen Energy, Goldenhaven"),
            ("Account", f"GH{digits(rng, 2)} {digits(rng, 4)} {digits(rng, 4)}"),
            ("For", facts[0][1]),
        )
    ):
        canvas.text(32, 778 + row * 34, caption, 13, "#6f628f")
        canvas.fill(Box(98, 760 + row * 34, 330, 27), "#ffffff")
        canvas.frame(Box(98, 760 + row * 34, 330, 27), "#d8b948")
        canvas.typed(104, 779 + row * 34, value, 11.5, 17)
    draw_matrix_code(canvas, Box(482, 742, 118, 118), rng, "#3b2a63")
    return canvas


def prescription(rng: np.random.Generator) -> Canvas:
    """Draw a surgery's prescription: a rose half sheet with ruled blocks, a scrawl and a practice stamp."""
    patient = person(rng)
    canvas = Canvas(600, 840, "#fbe9ec")
    canvas.frame(canvas.box.inset(14), "#c25572", 2)
    canvas.fill(Box(14, 14, 572, 74), "#c25572")
    canvas.fill(Box(40, 40, 42, 14), "#ffffff")
    canvas.fill(Box(54, 26, 14, 42), "#ffffff")
    canvas.text(104, 50, "Dovecote Surgery", 32, "#ffffff", weight=700)
    canvas.text(104, 74, "14 Dovecote Lane  ·  Larkspur", 15, "#fbdfe5")
    canvas.text(570, 62, f"No {digits(rng, 6)}", 20, "#ffffff", weight=600, align="right")
    blocks = (
        ("Patient", 106, patient.name),
        ("Born on", 158, f"{patient.born:%d.%m.%Y}"),
        ("Address", 210, f"{patient.street}, {patient.town}"),
    )
    for caption, y, value in blocks:
        canvas.fill(Box(32, y, 536, 44), "#fff7f8")
        canvas.frame(Box(32, y, 536, 44), "#dd93a6")
        canvas.text(40, y + 15, caption, 12, "#a33d5a")
        canvas.typed(130, y + 32, value, 12.5, 20)
    canvas.text(34, 352, "Rx", 86, "#c25572", weight=300, face="italic")
    medicines = (
        "Amaroline 20 mg",
        "Benzotal drops",
        "Cortavex cream",
        "Dormelin 5 mg",
        "Ferrunal forte",
        "Halcyon syrup",
        "Novalen 250",
    )
    for row, place in enumerate(rng.choice(len(medicines), 3, replace=False)):
        y = 330 + row * 92
        canvas.line(140, y + 6, 560, y + 6, "#dd93a6")
        canvas.line(140, y + 40, 560, y + 40, "#dd93a6")
        write_by_hand(canvas, 146, y, medicines[place], 30, rng, "#23305c")
        when = pick(rng, ("with food", "at night", "before meals", "for 10 days"))
        dose = f"{rng.integers(1, 4)} x a day, {when}"
        write_by_hand(canvas, 190, y + 34, dose, 23, rng, "#23305c")
    canvas.frame(Box(32, 590, 262, 210), "#dd93a6")
    canvas.text(40, 608, "Stamp of the practice", 12, "#a33d5a")
    draw_stamp(
        canvas,
        163 + rng.uniform(-14, 14),
        704 + rng.uniform(-10, 10),
        80,
        "#2c5d8f",
        "DOVECOTE · SURGERY · LARKSPUR · ",
        ["DR. HALE", "Physician"],
        float(rng.uniform(-30, 30)),
    )
    canvas.frame(Box(306, 590, 262, 210), "#dd93a6")
    canvas.text(314, 608, "Date and signature", 12, "#a33d5a")
    write_by_hand(canvas, 330, 652, f"{day(rng, 2023, 2025):%d. %m. %Y}", 24, rng, "#23305c")
    draw_signature(canvas, Box(326, 680, 210, 96), rng, "#23305c")
    return canvas
