"""Checks what a learner built in a Keras exercise, in the notebook and for a whole class.

In an exercise notebook::

    from autograder import start
    check, hint = start("03-dense-networks")

For everything else see ``autograder --help``.
"""

from autograder.parts import warn_of_other_autograder

__version__ = "0.2.0"
__all__ = ["__version__", "start"]

warn_of_other_autograder()


def __getattr__(name: str) -> object:
    # `start` pulls in pytest; the command line and the sandbox do not need it to answer.
    if name == "start":
        import sys

        if sys.platform == "emscripten":  # in a page: Keras trains with the engine that comes with the page
            import keras_in_page

            keras_in_page.install()
        from autograder.learner.notebook import start

        return start
    raise AttributeError(f"module 'autograder' has no attribute {name!r}")
