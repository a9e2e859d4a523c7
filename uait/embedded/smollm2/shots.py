"""The few-shot prompt that SmolLM2 answers best with: eight questions of our own, one line each."""

SHOTS: tuple[tuple[str, str], ...] = (
    ("What is the capital of Kenya?", "Nairobi"),
    ("Who wrote Robinson Crusoe?", "Daniel Defoe"),
    ("What do pandas mainly eat?", "bamboo"),
    ("Which country is Sapporo in?", "Japan"),
    ("In which sport does one use a puck?", "ice hockey"),
    ("On which continent is Bolivia?", "South America"),
    ("What is the opposite of cold?", "hot"),
    ("How many wheels does a tricycle have?", "three"),
)
FEW_SHOT = "\n".join(f"Question: {question}\nAnswer: {answer}\n" for question, answer in SHOTS)


def few_shot_question(text: str) -> str:
    """What follows the shots; the answer goes on after it, with a leading space, and ends at the newline."""
    return f"\nQuestion: {text}\nAnswer:"  # the newline here, so that the two parts are tokenised as the whole is
