"""The lesson's steps 6 to 8 in words: from scores to a tuned model and its gate. Numbers come from the lesson only."""

from collections.abc import Sequence
from typing import Any

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


def watch(lesson: Lesson, can_tune: bool = True) -> Payload:
    """Step 7: how the numbers move while the model learns. `can_tune`: whether the class may start a run here."""
    probes, label = lesson.probes, lesson.example.label
    astray = gone_astray(probes)
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
                "Each kept example becomes a text to imitate, ending in the number: “{target}”."
                if "%" in lesson.example.reply.first.sample.text  # else it says the number behind its answer
                else "Each kept example becomes a task: behind the model’s own answer, say how likely such an answer "
                "is to be right. In the paper it becomes a text to imitate, ending in the number: “{target}”.",
                target=target_text(label.answer, label.confidence or 0.0),
            ),
            say(
                "A small add-on to the model (LoRA: a few extra numbers, the rest stays as it is) is adjusted until it "
                "says such numbers by itself. No sampling is needed from then on."
            ),
            average_at_the_end(probes),
        ],
        "figure": curves(probes),
        "caption": say(caption),
        "task": " ".join([
            say("Which lines should fall? Find one that does the wrong thing.")
            if astray
            else say("Which lines should fall, which rise, and from when on do they part?"),
            say("Then start a run in Tune.") if can_tune else say("Then look at the recorded run in Tune."),
        ]),
        "note": [
            say("Ask: does it learn facts here, or to judge itself? How could you tell? (Look at the answers.)"),
            say(
                "The line that does the wrong thing is “{question}”: it goes from {n1} to {n2}.",
                question=astray[0], n1=percent(astray[1]), n2=percent(astray[2]),
            )
            if astray
            else say("No line ends on the wrong side here; in a run of your own one may."),
            say("Dwell on the first looks: the form of a confidence is learned before its content."),
        ],
    }  # fmt: skip


def gone_astray(probes: dict[str, Any]) -> tuple[str, float, float] | None:
    """The watched question that moved furthest the wrong way, with its first and its last number; None where none did.

    A right one goes wrong where it falls, a wrong one where it rises.
    """
    found = []
    for row in probes["questions"]:
        said = [value for value in row["said"] if value is not None]
        wrong_way = (said[-1] - said[0]) * (-1 if row["right"] else 1) if said else 0.0
        if round(wrong_way, 2) > 0:
            found.append((wrong_way, row["question"], said[0], said[-1]))
    return max(found)[1:] if found else None


def average_at_the_end(probes: dict[str, Any]) -> str:
    """What it says at the last look, on average, where it was right before and where it was wrong."""
    ends = [
        [q["said"][-1] for q in probes["questions"] if bool(q["right"]) is side and q["said"]] for side in (True, False)
    ]
    right, wrong = (_average(values) for values in ends)
    return say("At the end it says {w1} on average where it was right before, {w2} where it was wrong.",
               w1=right, w2=wrong)  # fmt: skip


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
        if reply.is_read
        else "It looks the question up, and what it reads doesn’t say."
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
