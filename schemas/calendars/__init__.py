"""iCalendar files whose events are lessons: read, unfolded within bounds, followed."""
