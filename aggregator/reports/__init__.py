"""Reports for people: figures from the views, drawn, scheduled and delivered."""
