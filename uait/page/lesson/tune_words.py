"""The lesson's steps 6 to 8 in words: from scores to a tuned model and its gate. Numbers come from the lesson only."""

from collections.abc import Sequence

from uait.method.prompts import target_text
from uait.page.lesson.figures import (
    QUADRANTS,
    curves,
    decision,
    dots,
    quadrant,
    quadrants,
    say,
)
from uait.page.lesson.record import Lesson
from uait.page.views.answer import NO_WORDS, Payload, percent
from uait.records import Action

# -- 6: which examples to keep -------------------------------------------------------------------


def keep(lesson: Lesson) -> Payload:
    """Step 6: which labels teach."""
    found, ours = dots(lesson), quadrant(lesson.example.label)
    kept = sum(dot["kept"] for dot in found)
    return {
        "says": [
            say("Steps 2 to 5, done for {n} questions whose answers are known, give each a number.", n=len(found)),
            say(
                "Keep what teaches honesty: right and sure, or wrong and unsure; that is {n} of them. "
                "A lucky guess or a confident mistake would teach the opposite.",
                n=kept,
            ),
            say(
                "Our question falls under “{w}”.",
                w=QUADRANTS[ours] if ours else "no number, so it is not kept",
            ),
        ],
        "figure": quadrants(found),
        "caption": say("Each sign is a question, further right is surer. Filled: kept. The large one is ours."),
        "task": say("Say which of the four groups you would check by hand first. Then drag the two lines in Label."),
        "note": [
            say("Ask: what does the model learn if we keep everything? And if we keep only right answers?"),
            say("The group to discuss is the confident mistake: the samples agree, and agree on something false."),
        ],
    }  # fmt: skip


# -- 7: watch it learn ---------------------------------------------------------------------------


def watch(lesson: Lesson) -> Payload:
    """Step 7: how the numbers move while the model learns."""
    probes, label = lesson.probes, lesson.example.label
    known, unknown = (
        [_last(q["said"]) for q in probes["questions"] if bool(q["right"]) is side] for side in (True, False)
    )
    caption = (
        "Each line is one question, asked again and again while the model learns. "
        "Solid: it was right at first. Dashed: it was wrong. The two kinds should part."
        if probes["source"] == "tuning"
        else "Each line is one question: what the untuned model claimed, and what the tuned one says. "
        "Solid: it was right at first. Dashed: it was wrong. The two kinds should part."
    )
    return {
        "says": [
            say(
                "Each kept example becomes a text to imitate, ending in the number: “{target}”.",
                target=target_text(label.answer, label.confidence or 0.0),
            ),
            say(
                "A small add-on to the model (LoRA: a few extra numbers, the rest stays as it is) is adjusted until it "
                "writes such endings by itself. No sampling is needed from then on."
            ),
            say(
                "At the end it says {w1} on average where it was right before, {w2} where it was wrong.",
                w1=_average(known), w2=_average(unknown),
            ),
        ],
        "figure": curves(probes),
        "caption": say(caption),
        "task": say("Which lines should fall? Find one that does the wrong thing. Then start a run in Tune."),
        "note": [
            say("Ask: does it learn facts here, or to judge itself? How could you tell? (Look at the answers.)"),
            say("Dwell on a line that goes the wrong way: the form of a confidence is learned before its content."),
        ],
    }  # fmt: skip


def _last(said: Sequence[float | None]) -> float | None:
    return said[-1] if said else None


def _average(values: Sequence[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    return percent(sum(numbers) / len(numbers)) if numbers else percent(None)


# -- 8: decide and look up -----------------------------------------------------------------------


def decide(lesson: Lesson) -> Payload:
    """Step 8: the gate, and reading."""
    reply = lesson.example.reply
    is_asked = reply.decision.action is Action.RETRIEVE
    after = (
        "It looks the question up, reads, and answers {final}."
        if reply.retrieved and reply.retrieved.passages
        else "It looked the question up and found nothing."
        if is_asked
        else "So it answers without looking anything up."
    )
    said = "{w} is below the threshold, {n}." if is_asked else "{w} is not below the threshold, {n}."
    return {
        "says": [
            say(
                "Asked once, the tuned model answers {answer} and says {w}.",
                answer=reply.first.text or NO_WORDS, w=percent(reply.decision.confidence),
            ),
            say(said, w=percent(reply.decision.confidence), n=percent(reply.decision.threshold)),
            say(after, final=reply.final.text or NO_WORDS),
        ],
        "figure": decision(reply, lesson.example.question.references, lesson.example.rule),
        "caption": say("From top to bottom: first answer, its number and the threshold, what was read, second answer."),
        "task": say("Ask a question of your own, then again with a threshold of 0 % and of 100 %. What goes wrong?"),
        "note": [
            say("Ask: where would you put the threshold for a quiz app, and where for a pharmacy?"),
            say("Close with a limit: if the passage is wrong, so is the second answer. Hence the source is shown."),
        ],
    }  # fmt: skip
