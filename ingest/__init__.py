"""Cameras to frames: RTSP or films in, sampled JPEGs and statuses out."""
