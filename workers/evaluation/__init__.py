"""Accuracy on the field's own data sets, read in their own file formats (`facepose evaluate`)."""
