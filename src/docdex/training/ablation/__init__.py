"""Train many small variants of one recipe, to see which of its choices pay and which do not.

A plan (`plan.py`) says what is asked, `rows.py` trains and measures, a record (`record.py`) keeps what was
found, `effects.py` compares, `report.py` makes the tables of the docs. Only `rows.py` needs torch.
"""
