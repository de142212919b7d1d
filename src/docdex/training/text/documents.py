"""Make up documents as text: who issued one and what is printed stays, what is filled in changes.

Sentences with labels say nothing of this: that a firm's name and its printed words make a type, while dates,
sums, names and goods do not, though they are most of the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docdex.training.templates.sheet import invent_number, invent_words

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADINGS = (
    "Invoice", "Tax Invoice", "Receipt", "Cash Receipt", "Delivery Note", "Order Confirmation", "Quotation",
    "Statement of Account", "Credit Note", "Reminder", "Application Form", "Certificate", "Payslip",
    "Claim Form", "Prescription", "Rechnung", "Quittung", "Lieferschein", "Mahnung", "Antrag", "Kassenbon",
    "Facture", "Reçu", "Bon de livraison", "Factura", "Recibo", "Fattura", "Ricevuta", "Resit", "Invois",
)  # fmt: skip
_FORMS = ("Ltd", "Inc", "GmbH", "AG", "Sdn Bhd", "S.A.", "S.r.l.", "& Sons", "LLC", "PLC", "B.V.", "e.V.", "")
_LABELS = (
    "Date", "No.", "Invoice no", "Document no", "Customer", "Name", "Address", "Tel", "Fax", "Cashier",
    "Till", "Qty", "Description", "Price", "Amount", "Unit price", "Discount", "Subtotal", "Total",
    "Total incl. tax", "Rounding", "Cash", "Change", "Card", "Tax", "GST", "VAT", "Tax ID", "Reg. No",
    "Due date", "Order no", "Bank account", "IBAN", "Reference", "Page", "Time", "Item", "Code",
    "Salesperson", "Signature", "Date of birth", "Place", "Valid until", "Datum", "Nr.", "Kunde", "Betrag",
    "Summe", "MwSt", "Menge", "Preis", "Montant", "Quantité", "Total TTC", "TVA", "Fecha", "Importe", "IVA",
    "Data", "Jumlah", "Tarikh",
)  # fmt: skip
_FOOTERS = (
    "Thank you", "Please come again", "Goods sold are not returnable", "Have a nice day",
    "Please keep this receipt", "Payable within 30 days", "Errors and omissions excepted",
    "This is a computer generated document", "No signature required", "Vielen Dank für Ihren Einkauf",
    "Merci de votre visite", "Gracias por su compra", "Terima kasih", "All rights reserved",
)  # fmt: skip


@dataclass(frozen=True)
class DocumentWriter:
    """Writes copies of templates. words: of real texts, of which issuers and goods are named beside made-up
    ones; may be empty.
    """

    words: Sequence[str] = ()

    def write(self, template: int, vary: np.random.Generator) -> str:
        """One filled-in copy of a template, lines of text.

        template: any non-negative number; 2 n and 2 n + 1 are printed alike in half of the cases, by
        different issuers. vary: whose data.
        """
        issuer = np.random.default_rng([template, 11])
        twin = np.random.default_rng([template // 2, 12]).random() < 0.5
        layout = np.random.default_rng([template // 2 if twin else template, 13, int(twin)])
        head = self._issuer(issuer)
        title = [str(layout.choice(_HEADINGS))]
        body = self._fields(layout, vary) + self._items(layout, vary) + self._fields(layout, vary)
        feet = [str(layout.choice(_FOOTERS)) for _ in range(int(layout.integers(0, 4)))]
        if layout.random() < 0.3:
            feet.append(self._name(layout, 6))
        if issuer.random() < 0.3:
            feet.append(head[0])
        parts = title + head if layout.random() < 0.2 else head + title
        lines = parts + body + feet
        return "\n".join(line.upper() for line in lines) if layout.random() < 0.4 else "\n".join(lines)

    def _issuer(self, rng: np.random.Generator) -> list[str]:
        lines = [f"{self._name(rng, int(rng.integers(1, 4))).title()} {rng.choice(_FORMS)}".strip()]
        if rng.random() < 0.7:
            lines.append(f"No {rng.integers(1, 300)} {self._name(rng, 2).title()}")
            lines.append(f"{invent_number(rng, 5)} {invent_words(rng, 1).title()}")
        for label in ("Tel", "Reg No", "Tax ID", "www"):
            if rng.random() < 0.5:
                number = invent_number(rng, int(rng.integers(6, 13)))
                lines.append(f"{label} {number if label != 'www' else invent_words(rng, 1)}")
        return lines

    def _fields(self, layout: np.random.Generator, vary: np.random.Generator) -> list[str]:
        lines = []
        for label in layout.choice(_LABELS, size=int(layout.integers(1, 8)), replace=False):
            beside = layout.random() < 0.6
            if vary.random() < 0.1:
                continue
            value = self._value(vary)
            lines += [f"{label}: {value}"] if beside else [str(label), value]
        return lines

    def _items(self, layout: np.random.Generator, vary: np.random.Generator) -> list[str]:
        heads = layout.choice(_LABELS, size=int(layout.integers(0, 5)), replace=False)
        lines = [" ".join(heads)] if layout.random() < 0.5 else list(map(str, heads))
        broken = layout.random() < 0.4
        for _ in range(int(vary.integers(0, 12))):
            parts = [self._name(vary, int(vary.integers(1, 5))), str(vary.integers(1, 20)), self._sum(vary)]
            lines += parts if broken else [" ".join(parts)]
        return lines

    def _value(self, rng: np.random.Generator) -> str:
        kind = rng.random()
        if kind < 0.25:
            year, month, day = rng.integers(1990, 2030), rng.integers(1, 13), rng.integers(1, 29)
            return f"{day:02}/{month:02}/{year}" if rng.random() < 0.6 else f"{year}-{month:02}-{day:02}"
        if kind < 0.5:
            return self._sum(rng)
        if kind < 0.75:
            return invent_number(rng, int(rng.integers(3, 11)))
        return self._name(rng, int(rng.integers(1, 4))).title()

    def _sum(self, rng: np.random.Generator) -> str:
        return f"{rng.lognormal(3, 1.5):.2f}"

    def _name(self, rng: np.random.Generator, count: int) -> str:
        return " ".join(
            str(self.words[int(rng.integers(len(self.words)))])
            if self.words and rng.random() < 0.6
            else invent_words(rng, 1)
            for _ in range(count)
        )
