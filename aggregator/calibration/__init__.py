"""Which direction is the front, for a camera and a seat: SCORE §2.

`looks` gathers where heads point, `modes` and `plane` make directions of it, `drift` notices that
they moved, `measuring` does all of it when a meeting closes, `by_hand` takes what a person set,
`in_force` says which direction counts, and `ranges` keeps them in the database.
"""
