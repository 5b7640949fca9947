"""dlib as in `dlib_68`, but without enlarging: faces under 80 px are mostly missed."""

from functools import partial

from dlib_68 import load
from protocol import serve

serve(partial(load, enlargements=0))
