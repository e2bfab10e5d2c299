"""Questions that answer back: ``quiz`` (one right answer, each wrong one explained) and ``predict``.

.. code-block:: md

    :::{quiz} What does `Dense(10)` make of an array of shape `(600, 28, 28)`?
    - right: `(600, 28, 10)`

      It acts on the last axis only.
    - wrong: `(600, 10)`

      That would need `Flatten` first.
    :::

(Colons, since a fence of backticks may hold no backtick in its first line.)

``predict`` has the same form, or no list at all. With ``:hide-next:`` the output of the code cell that follows stays
hidden until the reader has committed to an answer.

Everything works with the keyboard alone. Without scripts, and in print, the answers are an ordinary folded list.
"""

from __future__ import annotations

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from .html_element import HtmlElement, element, text
from .lesson_boxes import parse_markdown

MARKS = {"right:": True, "wrong:": False}


def unwrapped(paragraph: nodes.Node) -> list[nodes.Node]:
    """The inline children of a paragraph."""
    return list(paragraph.children)


class Quiz(SphinxDirective):
    """``{quiz} Question`` and a list of answers marked ``right:`` or ``wrong:``."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"hide-next": directives.flag}
    label = "Check yourself"
    must_have_answers = True

    def answers(self, options: nodes.Node) -> list[tuple[bool, list[nodes.Node], list[nodes.Node]]]:
        """Each answer: whether it is right, its text, and what to say to who picked it."""
        found = []
        for item in options.children:
            assert isinstance(item, nodes.Element)
            first = item.children[0]
            lead = first.children[0] if first.children else None
            mark = str(lead).split(" ", 1)[0] if isinstance(lead, nodes.Text) else ""
            if not isinstance(first, nodes.paragraph) or mark not in MARKS or len(item.children) < 2:
                raise self.error("each answer is `right: …` or `wrong: …`, then an indented explanation")
            first.replace(lead, nodes.Text(str(lead)[len(mark) :].lstrip()))  # type: ignore[arg-type]
            found.append((MARKS[mark], unwrapped(first), list(item.children[1:])))
        return found

    def run(self) -> list[nodes.Node]:
        """Build the question."""
        number = self.env.new_serialno("quiz")
        group = f"{self.name}-{number}"
        question = parse_markdown(self, [self.arguments[0]])
        content = parse_markdown(self, list(self.content))
        lists = [node for node in content if isinstance(node, nodes.bullet_list)]
        rest = [node for node in content if not isinstance(node, nodes.bullet_list)]
        answers = self.answers(lists[0]) if lists else []
        if self.must_have_answers and sum(right for right, _, _ in answers) != 1:
            raise self.error("a quiz has exactly one right answer")
        legend = element("legend", text("span", f"{self.label}: ", classes=("quiz-label",)), *unwrapped(question[0]))
        fieldset = element("fieldset", legend)
        explained = element("ul")
        for place, (right, answer, explanation) in enumerate(answers):
            name = f"{group}-{place}"
            button = element("input", type="radio", name=group, id=name, value="right" if right else "wrong")
            label = element("label", *answer, for_=name)
            fieldset += element("div", button, label, classes=("quiz-option",))
            verdict = text("strong", "Right. " if right else "Not so. ")
            again = [node.deepcopy() for node in answer]
            said = element("div", verdict, *explanation, classes=("quiz-explanation",))
            explained += element("li", element("p", *again, classes=("quiz-answer",)), said)
        folded = element("details", text("summary", "Show the answer"), classes=("quiz-answers",))
        if answers:
            folded += explained
        folded.extend(rest)
        classes: tuple[str, ...] = ("quiz", self.name)
        if "hide-next" in self.options:
            classes += ("hide-next",)
        block: HtmlElement = element("div", fieldset, classes=classes)
        block += text("p", "", classes=("quiz-feedback",), role="status")
        block += folded
        return [block]


class Predict(Quiz):
    """``{predict} Question``: as a quiz, asked before the answer is shown."""

    label = "Predict"
    must_have_answers = False


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("quiz", Quiz)
    app.add_directive("predict", Predict)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
