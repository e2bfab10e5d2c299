"""Digits as a reader might draw them: lines on the 280 x 280 pad, in several styles, each time a little different.

They were written for this test, not collected from people. So the figure measured with them says how the whole chain of
pad, preparation and network does on clear handwriting, and not how it does on everybody's.
"""

from __future__ import annotations

import math
import random

Point = tuple[float, float]
Line = list[Point]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 14) -> Line:
    """A piece of an ellipse. Angles in degrees, clockwise on the screen, 0 to the right."""
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


#: Each digit's styles, in a box of 100 x 160, x to the right and y down.
STYLES: dict[int, list[list[Line]]] = {
    0: [[arc(50, 80, 46, 76, -90, 270)], [arc(50, 80, 36, 76, -70, 300)]],
    1: [[[(50, 4), (50, 156)]], [[(64, 4), (40, 156)]], [[(22, 40), (56, 4), (56, 156)]]],
    2: [
        [[*arc(50, 46, 44, 42, -170, 30), (8, 156), (96, 156)]],
        [[*arc(48, 44, 40, 40, -160, 50), (20, 130), *arc(22, 142, 14, 12, -90, 90), (50, 140), (98, 152)]],
    ],
    3: [
        [[*arc(46, 42, 40, 38, -150, 90), *arc(46, 118, 46, 38, -90, 150)]],
        [[(10, 6), (88, 6), (44, 66), *arc(46, 110, 44, 46, -80, 140)]],
    ],
    4: [
        [[(60, 4), (6, 104), (98, 104)], [(72, 50), (70, 156)]],
        [[(16, 6), (12, 84), (90, 84)], [(80, 6), (76, 156)]],
        [[(76, 156), (76, 4), (6, 108), (98, 108)]],
    ],
    5: [
        [[(18, 8), (14, 70), *arc(48, 106, 44, 48, -120, 140)], [(18, 8), (90, 6)]],
        [[(90, 6), (22, 8), (16, 72), *arc(48, 108, 42, 46, -110, 150)]],
    ],
    6: [
        [[(70, 4), (28, 62), *arc(50, 112, 42, 44, -160, 200)]],
        [[*arc(88, 78, 76, 74, -100, -178), *arc(50, 116, 38, 38, -180, 180)]],
    ],
    7: [
        [[(6, 8), (94, 8), (36, 156)]],
        [[(6, 12), (94, 8), (44, 156)], [(28, 80), (88, 76)]],
    ],
    8: [
        [[*arc(50, 40, 36, 36, 60, -240), *arc(50, 118, 42, 40, -60, 240)]],
        [arc(50, 40, 36, 36, -90, 270), arc(50, 118, 42, 40, -90, 270)],
    ],
    9: [
        [[*arc(48, 48, 40, 44, -10, -360), (88, 60), (76, 156)]],
        [[*arc(48, 46, 40, 42, 0, -360), (88, 100), *arc(50, 110, 38, 44, 0, 110)]],
    ],
}


def plain(digit: int, style: int = 0) -> list[Line]:
    """A digit as it stands in the table, in the middle of the pad."""
    return [[(90 + x, 60 + y) for x, y in line] for line in STYLES[digit][style]]


def drawn(digit: int, dice: random.Random) -> list[Line]:
    """A digit in a random style: bent, slanted, stretched, turned, of another size, somewhere on the pad."""
    lines = dice.choice(STYLES[digit])
    size = dice.uniform(0.8, 1.35)
    width = size * dice.uniform(0.75, 1.1)
    slant = dice.uniform(-0.08, 0.3)
    turn = math.radians(dice.uniform(-8, 8))
    waves = [(dice.uniform(-5, 5), dice.uniform(0, 6.3), dice.uniform(25, 60)) for _ in range(2)]
    shift = (140 + dice.uniform(-15, 15), 140 + dice.uniform(-15, 15))

    def place(x: float, y: float) -> Point:
        x += waves[0][0] * math.sin(waves[0][1] + y / waves[0][2]) - 50
        y += waves[1][0] * math.sin(waves[1][1] + x / waves[1][2]) - 80
        x, y = width * (x - slant * y), size * y
        across = x * math.cos(turn) - y * math.sin(turn)
        down = x * math.sin(turn) + y * math.cos(turn)
        return (min(268, max(12, shift[0] + across)), min(268, max(12, shift[1] + down)))

    return [[place(*point) for point in line] for line in lines]
