"""Exercise 3, dense networks: answers that learners really give."""

from __future__ import annotations

from catalogue import Right, Wrong

WRONG = [
    Wrong(
        "the biases are forgotten",
        {"counted-answer": "hidden_parameters = 784 * 10\noutput_parameters = 30\nall_parameters = 7870"},
        check="counted",
        hint="Each of the 10 units has a bias",
    ),
]
RIGHT = [
    Right("one line", {"counted-answer": "hidden_parameters, output_parameters, all_parameters = 7850, 33, 7883"}),
]
