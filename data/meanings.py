"""What a label says of a person in a photo and what it does not, in words for page and report."""

import re
from typing import Literal

from data.labels import Label

Kind = Literal["gender", "age", "origin", "emotion", "judgment", "appearance"]
"""What a label is about; all but appearance call for care."""

_WORDS: dict[Kind, frozenset[str]] = {
    "gender": frozenset({"gender", "sex", "male", "female", "man", "woman"}),
    "age": frozenset({"age", "ages", "young", "old", "adult", "child"}),
    "origin": frozenset(
        {"race", "races", "ethnicity", "ethnic", "origin", "nationality", "skin", "ancestry"}
    ),
    "emotion": frozenset({"emotion", "emotions", "expression", "mood", "happy", "sad", "angry"}),
    "judgment": frozenset(
        {"attractive", "attractiveness", "beauty", "chubby", "weight", "criminal"}
    ),
}

_ORIGINS = frozenset(
    {"african", "arab", "asian", "caucasian", "hispanic", "indian", "latina", "latino"}
)  # as classes; black, white and brown are colors of hair and hats as well

_NOTICES: dict[Kind, str] = {
    "age": "The label '{name}' is how old annotators judged people in photos to look, not how old "
    "they are.",
    "origin": "The label '{name}' is what annotators assumed from a photo, not where a person "
    "comes from or how they see themselves; no photo shows that.",
    "emotion": "The label '{name}' is what annotators read in a face in a photo, not what a person "
    "feels.",
    "judgment": "The label '{name}' is annotators' judgment of a photo, and tells of their taste, "
    "not of a person.",
    "appearance": "The label '{name}' is what annotators saw in a photo; others may see it "
    "otherwise.",
}
_GENDER_NOTICE = (
    "The label is what annotators perceived in a photo (CelebA's 'Male', yes or no), "
    "not a person's gender."
)

_LIMITS: dict[Kind, str] = {
    "gender": "deciding about a person, addressing a person, or letting a person in",
    "age": "checking whether a person is of age, or deciding about a person",
    "origin": "sorting, finding, watching or judging people, or deciding anything about a person",
    "emotion": "judging what a person feels or intends, at work, in school or by the police",
    "judgment": "rating or ranking people, or deciding about a person",
    "appearance": "deciding about a person, or finding out who a person is",
}


def kind_of(label: Label) -> Kind:
    """Say what a label is about, by the words in its name; what has classes of origin is of origin.

    Example:
        >>> from data.labels import GENDER
        >>> kind_of(GENDER), kind_of(Label(name="Wearing_Hat", classes=("no", "yes")))
        ('gender', 'appearance')
        >>> kind_of(Label(name="Pale_Skin", classes=("no", "yes")))
        'origin'
        >>> kind_of(Label(name="folder", classes=("East Asian", "White")))
        'origin'
    """
    if any(_ORIGINS & _words_of(name) for name in label.classes):
        return "origin"
    words = _words_of(label.name)
    return next((kind for kind, known in _WORDS.items() if words & known), "appearance")


def _words_of(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # skinTone
    return set(re.findall(r"[a-z]+", apart.lower()))


def notice(label: Label) -> str:
    """Say in one sentence or two what a label means, and what it does not.

    Example:
        >>> print(notice(Label(name="Smiling", classes=("no", "yes"))))
        The label 'Smiling' is what annotators saw in a photo; others may see it otherwise.
    """
    kind = kind_of(label)
    return _GENDER_NOTICE if kind == "gender" else _NOTICES[kind].format(name=label.name)


def not_for(label: Label) -> str:
    """Say what a model of a label must not be used for: "… must not be used for <this>".

    Example:
        >>> from data.labels import GENDER
        >>> print(not_for(GENDER))
        deciding about a person, addressing a person, or letting a person in
    """
    return _LIMITS[kind_of(label)]
