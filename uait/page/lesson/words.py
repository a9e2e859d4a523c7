"""The lesson in words: eight steps of a few sentences, a figure, a task and a note for the lecturer, 45 minutes in all.

In: a recorded lesson. Out: plain data; the figures come from `lesson.figures`. Numbers come from the lesson only.
"""

from functools import partial

from uait.page.lesson.record import Lesson
from uait.page.lesson.score_words import agreement, ask_again, claim, number, tokens
from uait.page.lesson.slides import slides
from uait.page.lesson.tune_words import decide, keep, watch
from uait.page.views.answer import Payload

TITLES = (
    "An overconfident answer",
    "Asking five times",
    "Which word matters",
    "Agreeing samples",
    "A number from it",
    "Which examples to keep",
    "Watch it learn",
    "Decide and look up",
)
MINUTES = (5, 6, 6, 6, 7, 5, 5, 5)
ASK, COMPARE, LABEL, TUNE = "ask", "compare", "label", "tune"
TABS = (COMPARE, ASK, ASK, ASK, COMPARE, LABEL, TUNE, ASK)
LINKS = {
    ASK: "Open Ask with this question",
    COMPARE: "Open Compare",
    LABEL: "Open Label",
    TUNE: "Open Tune",
}


def steps(lesson: Lesson, about_verbalized: str = "", can_tune: bool = True) -> list[Payload]:
    """The eight steps in their order; `about_verbalized` is what is known of the numbers that this model claims.

    `can_tune`: whether a run may be started on this page.
    """
    first, seventh = partial(claim, about=about_verbalized), partial(watch, can_tune=can_tune)
    tellers = (first, ask_again, tokens, agreement, number, keep, seventh, decide)
    return [
        {
            "number": i,
            "title": TITLES[i - 1],
            "minutes": MINUTES[i - 1],
            "tab": TABS[i - 1],
            "link": LINKS[TABS[i - 1]],
            "slide": slide,
            **tell(lesson),
        }
        for i, (tell, slide) in enumerate(zip(tellers, slides(lesson), strict=True), start=1)
    ]
