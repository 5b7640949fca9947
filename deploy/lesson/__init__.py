"""`facepose lesson`: a scripted lesson through the aggregator, judged against what was scripted."""
