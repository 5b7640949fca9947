"""What following saves and loses on films: `python -m tests.studies.following FILM…`.

Each film is sampled five times a second and analysed with detection at every frame and with
following, frame by frame in turn; times are the processor's, in `fast`.
"""

import sys
from pathlib import Path

import numpy as np

from tests.film_following import watch

MOST_FRAMES = 40


def main() -> None:
    for film in map(Path, sys.argv[1:]):
        seen = watch(film, 5.0, MOST_FRAMES, "fast")
        median, most = np.percentile(seen.turned_deg or [np.nan], (50, 90))
        plain_s, followed_s = seen.cpu_s
        sys.stdout.write(
            f"{film.name}: {seen.frames} frames, {seen.looks} looks, {seen.detected} faces, "
            f"recall {seen.recall:.3f}, {seen.extra} extra, angle median {median:.2f}, "
            f"90 % {most:.2f}, times faster {plain_s / max(followed_s, 1e-9):.2f}\n"
        )


if __name__ == "__main__":
    main()
