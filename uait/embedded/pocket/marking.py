"""The fifth term: the pocket model reads its own answers with a mark behind each, right or wrong.

A model that was told facts alone has no use for how sure it is, so nothing in it says so (docs/LOG.md). Marks on its
own answers, as in a quiz, reward comparing what it said with what it believes; tuning can then put a number on it.
Only questions to tune on are asked, never held-out ones.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from uait.data.catalogue import preset
from uait.data.files import read_jsonl, write_jsonl
from uait.embedded.pocket.corpus import Corpus, Text, verdict
from uait.embedded.pocket.phrasings import RELATIONS, careless
from uait.embedded.pocket.pretrain import train_again
from uait.embedded.pocket.questions import NOWHERE, outside
from uait.embedded.pocket.recipe import Recipe
from uait.embedded.pocket.world import Fact
from uait.method.correctness import is_correct
from uait.method.prompts import question_prompt
from uait.models.decoding import generate
from uait.models.loading import LanguageModel, load_model
from uait.records import Done, Event, Progress, Question
from uait.records.events import recorded

N_ASKED, N_INVENTED, N_SAMPLES = 6, 4_000, 4  # phrasings per fact, invented names, samples beside the greedy answer
ASKED_ABOUT = 0.15  # share of the marks given as an answer to "is that right?"
_BATCH = 64


def quiz(facts: Sequence[Fact], corpus: Corpus, seed: int) -> list[Question]:
    """The questions to mark, typed in several ways: the `tune` split, invented names, and what is not its world."""
    rng = random.Random(seed)
    questions = []
    tuned = [fact for fact in facts if fact.split == "tune"]
    for fact in tuned:
        templates = RELATIONS[fact.relation].questions
        for template in rng.sample(templates, min(N_ASKED, len(templates))):
            text = careless(template.format(s=fact.subject), rng)
            questions.append(Question(fact.id, text, (fact.object, *fact.aliases)))
    for _ in range(N_INVENTED):
        relation = rng.choice(tuned).relation
        if relation == "continent":
            relation = "city"
        text = careless(rng.choice(RELATIONS[relation].questions).format(s=corpus.invent(relation, rng)), rng)
        questions.append(Question(f"{relation}-invented", text, (NOWHERE,)))
    for question in outside("tune"):
        questions.extend(replace(question, text=careless(question.text, rng)) for _ in range(N_ASKED))
    rng.shuffle(questions)
    return questions


def sitting(k: int, base: Path, facts: Sequence[Fact], corpus: Corpus, out: Path) -> Iterator[Event]:
    """Trains the model in `base` on its own marked answers and the facts told again; saved to `out`, last Done(out)."""
    path = out / "marked.jsonl"
    if not path.is_file():
        style = preset("pocket")
        lm = load_model(replace(style, model=replace(style.model, model=str(base), adapter="none")))
        write_jsonl(path, (yield from recorded(mark(lm, quiz(facts, corpus, k), k))))
    marked = read_jsonl(path, Text) + corpus.sitting(k)
    random.Random(k).shuffle(marked)
    yield from train_again(base, marked, Recipe(), out)


def mark(lm: LanguageModel, questions: Sequence[Question], seed: int) -> Iterator[Event]:
    """Asks the model every question and marks its different answers; yields progress, last Done(list of Text)."""
    rng = random.Random(seed)
    texts: list[Text] = []
    for start in range(0, len(questions), _BATCH):
        asked = questions[start : start + _BATCH]
        chats = [lm.chat(question_prompt(lm.prompts, question.text)) for question in asked]
        replies = generate(lm, chats, n_samples=N_SAMPLES, temperature=1.0, max_new_tokens=16, seed=seed)
        for question, (greedy, samples) in zip(asked, replies, strict=True):
            for answer in sorted({sample.text for sample in (greedy, *samples)} - {""}):
                is_right = bool(is_correct(answer, question.references, "exact"))
                is_marked = rng.random() >= ASKED_ABOUT
                texts.append(verdict(lm.prompts, question.text, answer, is_right=is_right, is_marked=is_marked))
        yield Progress("mark", start + len(asked), len(questions), "")
    yield Done(texts)
