"""Synthetic newsgroup articles: the topic's own words tell the group.

An article has headers, which name the group; often a quote, full of the words of
another group; and a signature. So a model that reads everything is led astray by the
quotes and helped by the headers, as with the real articles, and `strip` takes away what
it takes away from them.
"""

import random

from experiments.datasets.imdb.sample import pick
from experiments.datasets.newsgroups.sources import GROUPS, Document, Documents

PER_GROUP, TRAIN_PER_GROUP = 50, 40
SEED = 1993

_WORDS = (  # in the order of GROUPS
    "atheist belief argument deity proof morality",
    "polygon shading bitmap renderer pixel raytracer",
    "windows driver icon desktop taskbar ini",
    "motherboard ide scsi bios jumper controller",
    "macintosh quadra powerbook centris simm nubus",
    "xterm widget motif server xlib colormap",
    "sale offer shipping condition manual bargain",
    "car engine sedan brakes dealer mileage",
    "motorcycle helmet rider bike countersteering leather",
    "pitcher inning batter homerun league bullpen",
    "goalie puck playoffs defenseman hockey rink",
    "encryption key cipher escrow clipper privacy",
    "voltage circuit resistor transistor amplifier diode",
    "patient doctor disease symptom treatment diet",
    "orbit shuttle satellite lunar rocket probe",
    "church gospel christ prayer scripture sin",
    "gun firearm rifle ammunition holster militia",
    "border village refugees treaty occupation minority",
    "president tax congress senate budget reform",
    "prophecy cult vision koresh spirit revelation",
)
TOPIC_WORDS = {
    group: tuple(words.split()) for group, words in zip(GROUPS, _WORDS, strict=True)
}

_SENTENCES = (
    "does anyone here know what the {0} has to do with the {1} ?",
    "i have been told that a {0} is better than any {1} .",
    "the {0} was all right until last week , then came the {1} .",
    "my {0} and my {1} are not what they used to be .",
    "there was an article about {0} and {1} some months ago .",
    "please tell me more about the {0} , and about {1} as well .",
)
_FILLERS = (
    "thanks in advance for any help .",
    "i am new to this group , so please bear with me .",
    "if there is interest i will post a summary .",
    "this has been asked before , i know .",
    "i could be wrong about all of this , of course .",
    "please reply by mail , as i do not read news every day .",
)
_PEOPLE = ("anna", "boris", "chen", "dora", "emil", "fatima", "george", "helen")
_PLACES = ("cs.north.edu", "lab.south.com", "math.east.edu", "dept.west.gov")


def generate(split: str) -> Documents:
    """PER_GROUP articles of every group, in the parts of a split; always the same."""
    rng = random.Random(SEED)  # noqa: S311 - nothing secret
    documents = {
        group: [
            Document(group, str(number), _article(rng, group))
            for number in range(10_000, 10_000 + PER_GROUP)
        ]
        for group in GROUPS
    }
    if split == "random":
        return {"all": [one for part in documents.values() for one in part]}
    return {
        "train": [one for part in documents.values() for one in part[:TRAIN_PER_GROUP]],
        "test": [one for part in documents.values() for one in part[TRAIN_PER_GROUP:]],
    }


def _article(rng: random.Random, group: str) -> str:
    person, place = pick(rng, _PEOPLE), pick(rng, _PLACES)
    words = TOPIC_WORDS[group]
    lines = [
        f"From: {person}@{place}",
        f"Newsgroups: {group}",
        f"Subject: {pick(rng, words)} and {pick(rng, words)}",
        "",
    ]
    if rng.random() < 0.5:
        other = TOPIC_WORDS[pick(rng, GROUPS)]
        lines.append(f"{pick(rng, _PEOPLE)}@{pick(rng, _PLACES)} writes:")
        lines += [f"> {_sentence(rng, other)}" for _ in range(2)]
    for _ in range(pick(rng, range(4, 12))):
        lines.append(_sentence(rng, words))
        if rng.random() < 0.5:
            lines.append(pick(rng, _FILLERS))
    return "\n".join([*lines, "--", person, f"{place}, opinions are my own", ""])


def _sentence(rng: random.Random, words: tuple[str, ...]) -> str:
    return pick(rng, _SENTENCES).format(pick(rng, words), pick(rng, words))
