"""Letters, certificates and till receipts of invented towns, schools and shops."""

from __future__ import annotations

import numpy as np

from docdex.examples.canvas import Box, Canvas, smooth
from docdex.examples.ornaments import (
    draw_arms,
    draw_barcode,
    draw_matrix_code,
    draw_ribbon,
    draw_rosette,
    draw_signature,
    draw_stamp,
    draw_waves,
)
from docdex.examples.people import day, digits, person, pick

SENTENCES = (
    "Thank you for your letter about the footpath behind the old mill.",
    "The harbour committee met last week and has looked at your question.",
    "We are glad to tell you that the works will begin in the spring.",
    "Please keep this letter with your papers; you may be asked for it.",
    "The fee has been paid in full and nothing further is due.",
    "Should the date not suit you, our office is open on weekday mornings.",
    "A drawing of the new quay can be seen in the hall until the end of the month.",
    "Your neighbours have been told and none of them has objected.",
    "The lamps in your street will be changed one after the other.",
    "We have passed a copy to the office of parks and gardens.",
    "The ferry will go on running while the slipway is being mended.",
    "Dogs may be walked along the pier before nine and after six.",
    "A key to the boathouse can be had from the keeper of the lighthouse.",
    "The bells will be silent on two evenings for the tuning of the clock.",
)

GOODS = (
    *("APPLES", "RYE BREAD", "OAT MILK", "CARROTS", "EGGS X6", "BUTTER", "GREEN TEA", "TOMATOES"),
    *("HONEY", "LENTILS", "PLUMS", "SOAP", "CHEDDAR", "BASIL", "RICE 1KG", "COCOA"),
)


def harbour_letter(rng: np.random.Generator) -> Canvas:
    """Draw a letter of a harbour town's council: ship arms, a wave line, running text, a stamp."""
    reader, writer = person(rng), person(rng)
    canvas = Canvas(620, 880, "#fcfaf4")
    draw_arms(canvas, 310, 66, 104, "#1b4a6b", "#c9a24a", "ship")
    canvas.text(310, 146, "PORT AMBER", 36, "#1b4a6b", weight=300, align="centre", spacing=10)
    canvas.text(310, 168, "Council of the Harbour Town", 16, "#8a7238", face="italic", align="centre")
    x = np.linspace(40, 580, 120)
    for k, hue in enumerate(("#1b4a6b", "#c9a24a")):
        canvas.path(np.stack([x, 186 + 4 * np.sin(x / 14 + k * 2)], axis=1), hue, 1)
    for row, line in enumerate((reader.name, reader.street, reader.town)):
        canvas.text(60, 238 + row * 20, line, 16)
    canvas.text(560, 238, f"Port Amber, {day(rng, 2021, 2025):%d %B %Y}", 15, "#3f4a52", align="right")
    canvas.text(560, 260, f"Ref. {pick(rng, 'HKLMP')}/{digits(rng, 4)}", 15, "#3f4a52", align="right")
    title = "Mr" if reader.sex == "M" else "Ms"
    canvas.text(60, 336, f"Dear {title} {reader.family},", 17)
    words = " ".join(
        SENTENCES[k] for k in rng.permutation(len(SENTENCES))[: int(rng.integers(9, 13))]
    ).split()
    y = write_paragraphs(canvas, words, (60, 370), rng, columns=66, size=15, leading=21)
    canvas.text(60, y + 30, "Yours sincerely,", 16)
    draw_signature(canvas, Box(60, y + 40, 170, 56), rng)
    canvas.text(60, y + 112, writer.name, 16, weight=600)
    canvas.text(60, y + 130, "Clerk to the council", 14, "#3f4a52")
    draw_stamp(
        canvas,
        440 + rng.uniform(-25, 25),
        y + 80 + rng.uniform(-10, 10),
        56,
        "#27408f",
        "PORT·AMBER·COUNCIL·",
        ["SEEN"],
        rng.uniform(-30, 30),
    )
    canvas.fill(Box(0, 836, 620, 44), "#1b4a6b")
    canvas.text(
        310,
        863,
        "Old Customs House  ·  1 Quay Street  ·  council.portamber.example",
        14,
        "#e6dfc8",
        align="centre",
    )
    return canvas


def write_paragraphs(
    canvas: Canvas,
    words: list[str],
    at: tuple[float, float],
    rng: np.random.Generator,
    *,
    columns: int,
    size: float,
    leading: float,
) -> float:
    """Set words in lines of at most `columns` letters, now and then a new paragraph.

    at: start of the first baseline; leading: distance of baselines; returns the y of the last one.
    """
    x, y = at
    line: list[str] = []
    for word in words:
        if len(" ".join([*line, word])) > columns:
            canvas.text(x, y, " ".join(line), size)
            line, y = [], y + leading
        line.append(word)
        if word.endswith(".") and rng.random() < 0.3:
            canvas.text(x, y, " ".join(line), size)
            line, y = [], y + leading * 1.5
    canvas.text(x, y, " ".join(line), size)
    return y


def academy_certificate(rng: np.random.Generator) -> Canvas:
    """Draw a certificate of an invented academy: a wide sheet, a guilloche border, a seal with ribbons."""
    holder, head = person(rng), person(rng)
    canvas = Canvas(880, 620, "#fbf5e3")
    canvas.fill(canvas.box.inset(14), "#8c6d2f")
    canvas.fill(canvas.box.inset(18), "#fbf5e3")
    for edge in (Box(18, 18, 844, 44), Box(18, 558, 844, 44)):
        canvas.fill(edge, "#efe0b4")
        draw_waves(canvas, edge, "#8c6d2f", lines=9, swing=1.2, periods=14, opacity=0.8)
    for x in (18, 818):
        canvas.fill(Box(x, 62, 44, 496), "#efe0b4")
        for k in range(12):
            draw_rosette(canvas, x + 22, 83 + k * 41.3, 21, "#8c6d2f", petals=8, turns=5, opacity=0.8)
    canvas.frame(canvas.box.inset(62), "#8c6d2f", 2)
    canvas.frame(canvas.box.inset(68), "#8c6d2f", 0.5)
    draw_rosette(canvas, 440, 320, 180, "#d9c48a", petals=14, turns=20, opacity=0.45)
    draw_arms(canvas, 440, 120, 76, "#5b1f33", "#b08a3a", "tower")
    canvas.text(440, 196, "ACADEMY OF HIGHCROSS", 22, "#5b1f33", weight=600, align="centre", spacing=6)
    canvas.text(
        440,
        254,
        "Certificate of Merit",
        54,
        "#3b2a14",
        face="italic",
        weight=500,
        align="centre",
        stretch=1.05,
    )
    canvas.text(440, 296, "This is to certify that", 17, "#6b5a3c", align="centre")
    canvas.text(440, 350, holder.name, 44, "#1f2a4d", face="italic", weight=600, align="centre")
    canvas.line(220, 362, 660, 362, "#8c6d2f")
    course = pick(
        rng,
        (
            "Practical Astronomy",
            "Early Cartography",
            "Bridge Building",
            "Harmony and Verse",
            "Applied Botany",
            "Clockmaking",
        ),
    )
    canvas.text(440, 396, "has completed with distinction the course in", 17, "#6b5a3c", align="centre")
    canvas.text(440, 432, course, 28, "#5b1f33", weight=600, align="centre")
    for x, caption in ((110, f"Highcross, {day(rng, 2012, 2025):%d %B %Y}"), (560, f"{head.name}, Rector")):
        canvas.line(x, 520, x + 210, 520, "#6b5a3c")
        canvas.text(x + 105, 538, caption, 14, "#6b5a3c", align="centre")
    draw_signature(canvas, Box(575, 458, 180, 64), rng, "#1f2a4d")
    canvas.text(215, 510, f"No. {digits(rng, 5)}", 20, "#5b1f33", weight=600, align="centre")
    draw_ribbon(canvas, 440, 490, 38, "#c0912f", "#8a1f34")
    return canvas


def greenleaf_receipt(rng: np.random.Generator) -> Canvas:
    """Draw a grocer's receipt: a leaf above, a long typed list, a double rule, a barcode below."""
    canvas = Canvas(390, 880, "#fbfbf8")
    canvas.grain(rng, 1.2)
    leaf = smooth([(195, 18), (236, 44), (195, 92), (154, 44), (195, 18)])
    canvas.polygon(leaf, "#1c1c1c")
    canvas.path(smooth([(195, 30), (197, 60), (195, 100)]), "#fbfbf8", 3)
    canvas.text(195, 138, "GREENLEAF", 42, "#1c1c1c", weight=900, align="centre")
    canvas.text(195, 160, "corner grocer", 18, "#1c1c1c", align="centre", spacing=4)
    canvas.text(195, 184, f"{rng.integers(1, 90)} Orchard Row · Larkspur", 14, "#333333", align="centre")
    canvas.dashes(22, 368, 200, "#333333", 4)
    chosen = rng.choice(GOODS, int(rng.integers(9, 13)), replace=False)
    prices = rng.integers(59, 990, len(chosen)) / 100
    y = 228.0
    for article, price in zip(chosen, prices, strict=True):
        canvas.typed(24, y, str(article), 13, 19)
        canvas.typed(24 + 13 * 20, y, f"{price:6.2f}", 13, 19)
        y += 26
    canvas.line(22, y - 8, 368, y - 8, "#222222", 1)
    canvas.line(22, y - 4, 368, y - 4, "#222222", 1)
    canvas.text(24, y + 30, "TOTAL", 32, weight=900)
    canvas.text(366, y + 30, f"{prices.sum():.2f}", 34, weight=900, align="right")
    paid = "CARD" if rng.random() < 0.6 else "CASH"
    for row, (caption, value) in enumerate(
        ((paid, f"{prices.sum():.2f}"), ("TAX 7%", f"{prices.sum() * 0.0654:.2f}"))
    ):
        canvas.typed(24, y + 60 + row * 24, caption, 13, 18)
        canvas.typed(24 + 13 * 20, y + 60 + row * 24, f"{value:>6}", 13, 18)
    canvas.dashes(22, 368, 714, "#333333", 4)
    when = day(rng, 2023, 2025)
    canvas.typed(
        24,
        738,
        f"{when:%d.%m.%Y} {rng.integers(8, 21):02d}:{rng.integers(10, 60)} TILL {rng.integers(1, 6)}",
        13,
        17,
    )
    draw_barcode(canvas, Box(50, 756, 290, 66), rng)
    canvas.text(195, 856, "Eat your greens!", 22, weight=500, face="italic", align="centre")
    return canvas


def volta_receipt(rng: np.random.Generator) -> Canvas:
    """Draw a charging station's receipt: a black head with a bolt, a boxed total, a square code."""
    canvas = Canvas(420, 800, "#eef3f7")
    canvas.grain(rng, 1.2)
    canvas.fill(Box(0, 0, 420, 128), "#22262c")
    canvas.polygon([(70, 18), (38, 72), (62, 72), (48, 112), (92, 54), (68, 54), (86, 18)], "#eef3f7")
    canvas.text(118, 70, "VOLTA", 58, "#eef3f7", weight=900, face="italic")
    canvas.text(120, 100, "Charge & Go, Eastmere", 18, "#c5cdd6")
    when = day(rng, 2023, 2025)
    canvas.text(
        210,
        162,
        f"{when:%d %b %Y}   {rng.integers(5, 23):02d}:{rng.integers(10, 60)}",
        21,
        "#2a3038",
        weight=500,
        align="centre",
    )
    units, price = float(rng.uniform(8, 62)), float(rng.uniform(0.31, 0.59))
    rows = (
        ("Bay", str(rng.integers(1, 17))),
        ("Plate", f"{pick(rng, 'EHLP')}{pick(rng, 'ABCD')} {digits(rng, 4)}"),
        ("Energy", f"{units:.2f} kWh"),
        ("Price", f"{price:.3f} / kWh"),
        ("Time", f"{rng.integers(11, 58)} min"),
    )
    for row, (caption, value) in enumerate(rows):
        y = 204 + row * 38
        canvas.text(34, y, caption, 20, "#5b6570")
        canvas.text(386, y, value, 22, "#22262c", weight=500, align="right")
        canvas.line(34, y + 11, 386, y + 11, "#b4bec8", 0.5)
    canvas.frame(Box(28, 404, 364, 92), "#22262c", 3, 10)
    canvas.text(46, 462, "TO PAY", 24, "#22262c", weight=700)
    canvas.text(376, 468, f"{units * price:.2f}", 48, "#22262c", weight=800, align="right")
    card = f"**** **** **** {digits(rng, 4)}"
    canvas.text(210, 534, card, 20, "#2a3038", align="centre", spacing=1)
    canvas.text(210, 562, "APPROVED", 22, "#22262c", weight=700, align="centre", spacing=4)
    draw_matrix_code(canvas, Box(130, 584, 160, 160), rng, "#22262c")
    canvas.text(210, 776, "Drive gently.", 19, "#5b6570", face="italic", align="centre")
    return canvas
