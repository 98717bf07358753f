"""All task families. To add one: a builder in a module of this package, and its `Family` entry."""

from stages.synthetic.families import algorithms, circuits, questions
from stages.synthetic.sample import Family

CODE: list[Family] = [*circuits.FAMILIES, *algorithms.FAMILIES]
QUESTIONS: list[Family] = questions.FAMILIES
FAMILIES: list[Family] = [*CODE, *QUESTIONS]
