"""What a lesson asks its readers to do is a *challenge*, so that nobody takes it for one of the graded exercises.

sphinx-exercise calls it "Exercise (Title)" and its answer "Solution to Exercise (Title)", and gives every box on a
page the same id. The titles are set here; ``accessibility`` takes the ids away.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata
from sphinx_exercise.nodes import exercise_node, solution_node


class NameChallenges(SphinxPostTransform):
    """Sets the titles after sphinx-exercise has set its own (priorities 20 and 21)."""

    default_priority = 25

    def run(self, **kwargs: object) -> None:
        """Go through the page's challenges and solutions."""
        for challenge in self.document.findall(exercise_node):
            title = challenge.children[0]
            assert isinstance(title, nodes.title)
            # "Exercise", " (", the title's own words, ")"
            words = [child.deepcopy() for child in title.children[2:-1]]
            title.clear()
            title += [nodes.Text("Challenge: "), *words]
        for solution in self.document.findall(solution_node):
            title = solution.children[0]
            assert isinstance(title, nodes.title)
            title.clear()
            title += nodes.Text("Solution")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(NameChallenges)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
