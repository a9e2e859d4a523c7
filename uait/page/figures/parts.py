"""What a component of the page consists of: headings, sentences, tables, figures, one below the other; plain data."""

from uait.page.figures.style import Figure, Payload, Table, table_payload


def heading(text: str) -> Payload:
    """A heading."""
    return {"heading": text}


def text(kind: str, sentence: str) -> list[Payload]:
    """A paragraph of a kind that the styles know; none where there is nothing to say."""
    return [{"text": sentence, "kind": kind}] if sentence else []


def table(label: str, rows: Table, kind: str = "") -> Payload:
    """A table with its name."""
    return {"table": table_payload(rows), "label": label, "kind": kind}


def folded(summary: str, *parts: Payload) -> Payload:
    """Parts that are opened by who wants them."""
    return {"folded": summary, "parts": list(parts)}


def figures(drawn: tuple[Figure, ...]) -> list[Payload]:
    """Figures beside each other, where there is room."""
    return [{"figures": [one.payload() for one in drawn]}] if drawn else []


def section(title: str, *parts: Payload) -> Payload:
    """Parts under a title."""
    return {"section": title, "parts": list(parts)}
