"""Documents whose types are not registered, near ones: another country's, insurer's, shop's or club's."""

from __future__ import annotations

import numpy as np

from docdex.examples.canvas import Box, Canvas
from docdex.examples.ornaments import (
    INK,
    draw_arms,
    draw_barcode,
    draw_field,
    draw_ribbon,
    draw_rosette,
    draw_signature,
    draw_stamp,
    draw_table,
    draw_waves,
    write_by_hand,
)
from docdex.examples.papers import SENTENCES, write_paragraphs
from docdex.examples.people import day, digits, draw_portrait, person


def arcadia_id(rng: np.random.Generator) -> Canvas:
    """Draw the identity card of another country: ochre, photo on the right, tower arms behind the text."""
    holder = person(rng)
    canvas = Canvas(800, 506, "#f3e6bd")
    canvas.gradient(canvas.box, ["#f6e7b4", "#f8f1da", "#ecd59a"])
    draw_waves(canvas, Box(0, 0, 800, 506), "#b98a2c", lines=30, swing=0.9, periods=1.2, opacity=0.4)
    with canvas.faint(0.25):
        draw_arms(canvas, 300, 270, 330, "#7b2d26", "#c9a24a", "tower")
    canvas.fill(Box(0, 448, 800, 58), "#7b2d26")
    canvas.text(400, 487, "CONFEDERATION OF ARCADIA", 30, "#f6e7b4", weight=700, align="centre", spacing=4)
    canvas.text(36, 60, "Citizen's card", 40, "#7b2d26", weight=300)
    draw_portrait(canvas, Box(566, 40, 198, 254), holder.look, ("#f2ead2", "#d9c695"))
    canvas.frame(Box(566, 40, 198, 254), "#7b2d26", 3)
    cells = (
        ("Family name", holder.family),
        ("First name", holder.given),
        ("Born", f"{holder.born:%d/%m/%Y}"),
        ("Parish", holder.town.split(maxsplit=1)[1]),
        ("Number", f"{digits(rng, 3)}.{digits(rng, 3)}.{digits(rng, 3)}"),
    )
    for row, (caption, value) in enumerate(cells):
        draw_field(canvas, 36, 108 + row * 66, caption, value, size=28, colour="#33201a", ink="#8d5a2b")
    draw_barcode(canvas, Box(566, 370, 198, 60), rng, "#33201a")
    draw_signature(canvas, Box(570, 300, 180, 62), rng, "#33201a")
    return canvas


def corvus_claim(rng: np.random.Generator) -> Canvas:
    """Draw a third insurer's claim form: purple frame, three columns of squares, a raven's wing."""
    holder = person(rng)
    canvas = Canvas(640, 880, "#fbf9fd")
    canvas.frame(canvas.box.inset(16), "#4b2a6b", 3, 14)
    canvas.polygon([(44, 96), (120, 34), (108, 66), (140, 60), (116, 88), (140, 92), (96, 110)], "#4b2a6b")
    canvas.text(600, 78, "Corvus Life", 44, "#4b2a6b", weight=300, align="right")
    canvas.text(600, 104, "Application for benefit", 18, "#8a6aa8", align="right")
    for column in range(2):
        for row, (caption, value) in enumerate(
            (
                ("Name", holder.name),
                ("Born", f"{holder.born:%d.%m.%Y}"),
                ("Town", holder.town),
                ("Member", digits(rng, 8)),
            )
        ):
            cell = Box(44 + column * 282, 140 + row * 62, 270, 52)
            canvas.fill(cell, "#efe7f6", 6)
            canvas.text(
                cell.x + 8,
                cell.y + 14,
                caption if column == 0 else ("Doctor", "Since", "Clinic", "File")[row],
                12,
                "#4b2a6b",
            )
            write_by_hand(
                canvas,
                cell.x + 14,
                cell.y + 42,
                value if column == 0 else f"{digits(rng, 6)}",
                22,
                rng,
                "#22222a",
            )
    canvas.text(44, 426, "Tick all that apply", 20, "#4b2a6b", weight=700)
    for place in range(18):
        x, y = 44 + place % 3 * 188, 446 + place // 3 * 36
        canvas.frame(Box(x, y, 22, 22), "#4b2a6b", 2, 4)
        canvas.fill(Box(x + 32, y + 7, float(rng.uniform(70, 130)), 8), "#cbb8dc", 4)
        if rng.random() < 0.3:
            canvas.path([(x + 3, y + 10), (x + 10, y + 18), (x + 24, y - 4)], INK, 2.5)
    canvas.fill(Box(44, 682, 552, 90), "#efe7f6", 6)
    canvas.text(54, 702, "For the office", 13, "#4b2a6b")
    draw_stamp(canvas, 510, 740, 50, "#8f2b3c", "CORVUS · LIFE · ", ["ENTERED"], float(rng.uniform(-20, 20)))
    draw_signature(canvas, Box(60, 786, 200, 56), rng, "#22222a")
    canvas.line(50, 846, 300, 846, "#4b2a6b")
    return canvas


def hardware_receipt(rng: np.random.Generator) -> Canvas:
    """Draw a hardware shop's receipt: yellowed paper, a hammer, prices in a ruled grid."""
    canvas = Canvas(460, 760, "#f7efcf")
    canvas.grain(rng, 1.5)
    canvas.fill(Box(206, 22, 48, 18), "#3a3a3a", 4)
    canvas.fill(Box(225, 40, 11, 52), "#3a3a3a", 3)
    canvas.text(230, 132, "Nuts & Bolts", 40, "#3a3a3a", weight=600, face="italic", align="centre")
    canvas.text(230, 156, "everything for house and yard", 16, "#5d5540", align="centre")
    goods = rng.permutation(
        ["Hinges", "Paint, white", "Rope 10 m", "Screws", "Brush", "Sandpaper", "Bucket", "Glue", "Saw"]
    )[:7]
    costs = rng.integers(90, 4200, 7) / 100
    rows = [("Qty", "Article", "Price")] + [
        (str(rng.integers(1, 9)), str(g), f"{c:.2f}") for g, c in zip(goods, costs, strict=True)
    ]
    end = draw_table(
        canvas,
        30,
        180,
        (60, 230, 110),
        rows,
        height=44,
        size=20,
        head="#e3d59c",
        head_ink="#3a3a3a",
        rule="#8f845c",
        aligned=("centre", "left", "right"),
    )
    for x in (30, 90, 320, 430):
        canvas.line(x, 180, x, end, "#8f845c", 1)
    canvas.text(430, end + 44, f"Sum {costs.sum():.2f}", 34, "#3a3a3a", weight=800, align="right")
    canvas.text(30, end + 90, f"{day(rng, 2021, 2025):%d/%m/%y}   paid with thanks", 18, "#5d5540")
    draw_signature(canvas, Box(280, end + 70, 130, 60), rng)
    return canvas


def notary_letter(rng: np.random.Generator) -> Canvas:
    """Draw a notary's letter: a dark red side column with the address, text to its right."""
    reader = person(rng)
    canvas = Canvas(620, 880)
    canvas.fill(Box(452, 0, 168, 880), "#f2e9e6")
    canvas.fill(Box(452, 0, 6, 880), "#7a1f2b")
    canvas.text(536, 80, "Q & T", 44, "#7a1f2b", weight=300, align="centre")
    for row, line in enumerate(
        (
            "Quillfeather",
            "& Thornbury",
            "Notaries",
            "",
            "9 Ivory Row",
            "Highcross",
            "",
            "Open by",
            "appointment",
        )
    ):
        canvas.text(536, 124 + row * 24, line, 16, "#5b3a3a", align="centre")
    for row, line in enumerate((reader.name, reader.street, reader.town)):
        canvas.text(48, 120 + row * 22, line, 16)
    canvas.text(48, 232, "Concerning: the orchard", 20, "#7a1f2b", weight=700)
    words = " ".join(SENTENCES[k] for k in rng.permutation(len(SENTENCES))[:11]).split()
    y = write_paragraphs(canvas, words, (48, 276), rng, columns=48, size=15.5, leading=24)
    draw_signature(canvas, Box(48, y + 20, 180, 60), rng, "#1d1d1d")
    return canvas


def gym_card(rng: np.random.Generator) -> Canvas:
    """Draw a gym's membership card: black with a lime slash and a dumb-bell."""
    holder = person(rng)
    canvas = Canvas(800, 500, "#17181b")
    canvas.polygon([(470, 0), (620, 0), (360, 500), (210, 500)], "#b6f02c")
    for x, reach in ((606, 34), (630, 52), (722, 52), (746, 34)):
        canvas.fill(Box(x - 9, 120 - reach, 18, 2 * reach), "#f2f2ee", 6)
    canvas.fill(Box(630, 112, 92, 16), "#f2f2ee")
    canvas.text(44, 110, "FORGE", 76, "#ffffff", weight=900, face="italic")
    canvas.text(48, 146, "strength club", 24, "#b6f02c")
    draw_portrait(canvas, Box(560, 220, 190, 230), holder.look, ("#3a3c42", "#24262b"))
    canvas.text(44, 400, holder.name.upper(), 30, "#ffffff", weight=700)
    canvas.text(44, 440, f"#{digits(rng, 6)}", 26, "#b6f02c", spacing=3)
    return canvas


def plumber_invoice(rng: np.random.Generator) -> Canvas:
    """Draw a plumber's invoice: a blue head with a tap, a wide ruled table, terms below."""
    holder = person(rng)
    canvas = Canvas(640, 880)
    canvas.fill(Box(0, 0, 640, 150), "#1e78b4")
    canvas.path([(60, 100), (60, 60), (120, 60), (120, 92)], "#ffffff", 12)
    canvas.disc(120, 116, 8, "#bfe3f7", 11)
    canvas.text(160, 82, "Marchetti Plumbing", 38, "#ffffff", weight=700)
    canvas.text(160, 112, "pipes, taps and boilers since 1978", 17, "#d3ebf8")
    canvas.text(32, 200, "INVOICE", 36, "#1e78b4", weight=800)
    canvas.text(608, 200, f"No. {digits(rng, 5)}", 22, align="right", weight=600)
    canvas.text(32, 236, f"{holder.name}, {holder.street}, {holder.town}", 17)
    jobs = rng.permutation(
        [
            "Boiler valve",
            "Tap, brass",
            "Call-out",
            "Labour, hours",
            "Copper pipe",
            "Sealing ring",
            "Waste trap",
            "Drain rods",
        ]
    )
    rows = [("#", "Work and parts", "Each", "Amount")]
    rows += [
        (str(k + 1), str(j), f"{rng.integers(4, 90)}.00", f"{rng.integers(20, 400)}.00")
        for k, j in enumerate(jobs)
    ]
    end = draw_table(
        canvas,
        32,
        264,
        (50, 306, 100, 120),
        rows,
        height=42,
        size=18,
        head="#1e78b4",
        stripe="#e6f2f9",
        aligned=("centre", "left", "right", "right"),
    )
    canvas.text(
        608, end + 50, f"Total {rng.integers(400, 1900)}.00", 34, "#1e78b4", weight=800, align="right"
    )
    canvas.text(
        32, end + 110, "Payable within fourteen days. Work is guaranteed for two years.", 16, "#555555"
    )
    canvas.fill(Box(0, 850, 640, 30), "#1e78b4")
    return canvas


def swimming_diploma(rng: np.random.Generator) -> Canvas:
    """Draw a swimming badge diploma: upright, sea blue, waves below, a medal."""
    holder = person(rng)
    canvas = Canvas(620, 860, "#e8f6fb")
    canvas.gradient(canvas.box, ["#f4fbfd", "#d5eef7"], down=True)
    x = np.linspace(0, 620, 120)
    for k, hue in enumerate(("#9ed6ea", "#5bb4d6", "#2a86b3", "#17608c")):
        crest = np.stack([x, 640 + k * 52 + 18 * np.sin(x / 52 + k * 1.4)], axis=1)
        canvas.polygon(np.concatenate([crest, [(620, 860), (0, 860)]]), hue)
    canvas.text(310, 120, "DIPLOMA", 72, "#17608c", weight=900, align="centre", spacing=6)
    canvas.text(310, 160, "Eastmere Swimming School", 24, "#2a86b3", align="centre")
    canvas.text(310, 300, holder.name, 44, "#17313f", face="italic", align="centre")
    canvas.text(
        310,
        346,
        f"swam {rng.integers(2, 20)}00 metres on {day(rng, 2015, 2025):%d %B %Y}",
        21,
        "#17313f",
        align="centre",
    )
    draw_ribbon(canvas, 310, 470, 64, "#f2c14e", "#c1442f")
    draw_signature(canvas, Box(390, 560, 170, 60), rng, "#17313f")
    return canvas


def train_ticket(rng: np.random.Generator) -> Canvas:
    """Draw a railway ticket: pale orange safety paper with magnetic stripe and a matrix of fields."""
    canvas = Canvas(820, 400, "#fbe3c4")
    draw_rosette(canvas, 410, 190, 260, "#e39a4a", petals=20, turns=26, opacity=0.5)
    canvas.fill(Box(0, 330, 820, 70), "#3b2b20")
    canvas.text(30, 58, "NORTHERN LINE", 34, "#8a3f10", weight=800, spacing=2)
    canvas.text(790, 56, "SECOND CLASS", 24, "#8a3f10", weight=600, align="right")
    cells = (
        ("FROM", "CALDERMOOR"),
        ("TO", "HIGHCROSS"),
        ("VALID", f"{day(rng, 2023, 2025):%d.%m.%y}"),
        ("FARE", f"{rng.integers(8, 70)}.50"),
        ("VIA", "FENNWICK"),
        ("CARDS", "NONE"),
        ("TICKET", digits(rng, 6)),
        ("ADULT", "1"),
    )
    for place, (caption, value) in enumerate(cells):
        cell = Box(30 + place % 4 * 192, 90 + place // 4 * 112, 180, 98)
        canvas.frame(cell, "#8a3f10", 2)
        canvas.text(cell.x + 8, cell.y + 20, caption, 15, "#8a3f10")
        canvas.typed(cell.x + 8, cell.y + 68, value, 17, 23)
    return canvas
