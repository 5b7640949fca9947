"""Which of the 468 points of MediaPipe's face mesh lie where (its public point numbering).

Left and right are those of the picture, not of the person.
"""

from typing import Final

FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Each eye: corner, upper lid's edge, corner, and the same along the lower lid.
LEFT_UPPER_LID: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LOWER_LID: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_UPPER_LID: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362)
RIGHT_LOWER_LID: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362)

# The second ring above each eye.
LEFT_UPPER_FOLD: Final = (130, 247, 30, 29, 27, 28, 56, 190, 243)
RIGHT_UPPER_FOLD: Final = (359, 467, 260, 259, 257, 258, 286, 414, 463)

LEFT_BROW: Final = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW: Final = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)

OUTER_LIPS: Final = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291,
    375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
UPPER_INNER_LIP: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_LIP: Final = (
    14,
    87,
    178,
    88,
    95,
    317,
    402,
    318,
    324,
    17,
    84,
    181,
    91,
    146,
    314,
    405,
    321,
    375,
)
MOUTH_CORNERS: Final = (61, 291)
LEFT_CHEEK: Final = 50
RIGHT_CHEEK: Final = 280
NOSTRILS: Final = (98, 327)
NOSE_BASE: Final = 2
