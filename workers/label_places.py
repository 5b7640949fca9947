"""Where labels stand in a picture: near their face, on no other label and, if possible, no face."""

from collections.abc import Sequence

Rectangle = tuple[int, int, int, int]
"""Left, top, width, height."""
_Corner = tuple[int, int]
_GAP_PX = 2


def place_labels(
    boxes: Sequence[Rectangle], sizes: Sequence[tuple[int, int]], picture: tuple[int, ...]
) -> list[_Corner]:
    """Return each label's left upper corner.

    Greedy, a label after the other: the nearest place that hides least, other labels counting far
    more than faces. Quadratic in the faces; 512 take about a second.

    Args:
        boxes: of the faces [px of the picture].
        sizes: width and height of their labels.
        picture: width and height.
    """
    taken: list[Rectangle] = []
    for box, size in zip(boxes, sizes, strict=True):
        best = min(
            ((x, y, *size) for x, y in _places(box, size, picture)),
            # min takes the first of equals, and the places are sorted by liking.
            key=lambda place: 20 * _hidden(place, taken) + _hidden(place, boxes),
        )
        taken.append(best)
    return [(left, top) for left, top, _, _ in taken]


def _places(box: Rectangle, size: tuple[int, int], picture: tuple[int, ...]) -> list[_Corner]:
    """Return places around a box, the best liked first, all inside the picture."""
    left, top, box_width, box_height = box
    right, bottom = left + box_width, top + box_height
    width, height = size
    above, below = top - height - _GAP_PX, bottom + _GAP_PX
    middle = left + (box_width - width) // 2
    beside_left, beside_right = left - width - _GAP_PX, right + _GAP_PX
    wanted = [
        (left, above), (right - width, above), (middle, above),
        (left, below), (right - width, below), (middle, below),
        (beside_right, top), (beside_left, top),
        (beside_right, bottom - height), (beside_left, bottom - height),
        (middle, above - height - _GAP_PX), (middle, below + height + _GAP_PX),
        (left, above - 2 * height), (left, below + 2 * height),
    ]  # fmt: skip
    return [
        (max(0, min(x, picture[0] - width)), max(0, min(y, picture[1] - height))) for x, y in wanted
    ]


def _hidden(place: Rectangle, others: Sequence[Rectangle]) -> int:
    """Return how many pixels of other rectangles a label would cover."""
    return sum(_shared(place, other) for other in others)


def _shared(a: Rectangle, b: Rectangle) -> int:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, wide) * max(0, high)
