"""Synthetic film reviews in which the order of the words decides the label.

Every review has a twin with exactly the same words and the opposite label: in each
opinion the praising and the blaming word have changed places.

    the acting was good but the ending was bad                 0   (contrast)
    the story was good and the music was not bad at all        1   (negation)
    at first i found it bad . in the end it was good           1   (a turn)

Whatever a classifier makes of the word counts, it says the same of both twins, so a
bag of words is right about exactly one half of the test reviews. Measured accuracies:

    logistic regression on word counts             0.500
    keras.layers.GRU(32), after two epochs         1.000
"""

import random
from collections.abc import Sequence
from typing import TypeVar

TRAIN, TEST = 2_000, 1_000
SEED = 113

_GOOD = ("good", "great", "wonderful", "superb", "brilliant", "charming", "clever")
_BAD = ("bad", "terrible", "awful", "boring", "dull", "silly", "clumsy")

# {verdict} praises in a positive review and blames in a negative one, {other} the
# other way round. The last of the two words is not always the verdict.
_OPINIONS = (
    "the {aspect} was {other} but the {aspect2} was {verdict} .",
    "at first i found the {aspect} {other} . in the end it was {verdict} .",
    "the {aspect} was {verdict} and the {aspect2} was not {other} at all .",
)
_FILLERS = (
    "i saw this {film} with {friend} {day} .",
    "{friend} had told me about it before .",
    "the {film} is set in {place} and runs for two hours .",
    "it tells of {person} who comes back to {place} after the war .",
    "{person} meets {person2} there and they talk for a while .",
    "most of it was shot in {place} , or so i read .",
    "there were not many people in the cinema {day} .",
    "the director has made one other {film} about {place} .",
    "we talked about the {aspect} on the way home .",
    "i do not know the book that the {film} is taken from .",
)
_SLOTS = {
    "aspect": ["acting", "story", "music", "cast", "script", "lighting"],
    "aspect2": ["ending", "dialogue", "camera", "pace", "humour", "plot"],
    "film": ["film", "movie", "picture", "feature"],
    "friend": ["my brother", "a friend", "my wife", "two colleagues", "our neighbour"],
    "day": ["last night", "on sunday", "a week ago", "in spring", "on its first day"],
    "place": ["paris", "a small town", "the desert", "new york", "a village school"],
    "person": ["a soldier", "a young doctor", "a singer", "an old king", "a thief"],
    "person2": ["a lawyer", "her sister", "a stranger", "his father", "the mayor"],
}

T = TypeVar("T")
Example = tuple[str, int]


def generate() -> tuple[list[Example], list[Example]]:
    """TRAIN and TEST labelled reviews, half of them positive; always the same."""
    rng = random.Random(SEED)  # noqa: S311 - nothing secret
    reviews = [review for _ in range((TRAIN + TEST) // 2) for review in _twins(rng)]
    return reviews[:TRAIN], reviews[TRAIN:]


def _twins(rng: random.Random) -> tuple[Example, Example]:
    """A negative and a positive review with the same words."""
    templates = [pick(rng, _FILLERS) for _ in range(pick(rng, range(1, 9)))]
    templates.insert(pick(rng, range(len(templates))), pick(rng, _OPINIONS))
    templates.append(pick(rng, _OPINIONS))
    negative, positive = [], []
    for template in templates:
        good, bad = pick(rng, _GOOD), pick(rng, _BAD)
        slots = {name: pick(rng, options) for name, options in _SLOTS.items()}
        positive.append(template.format(verdict=good, other=bad, **slots))
        negative.append(template.format(verdict=bad, other=good, **slots))
    return (" ".join(negative), 0), (" ".join(positive), 1)


def pick(rng: random.Random, options: Sequence[T]) -> T:
    """One of the options, the same one in every Python."""
    # Of all the generator's methods only random() never changes.
    return options[int(rng.random() * len(options))]
