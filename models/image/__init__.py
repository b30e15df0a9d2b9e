"""The image side of CLIP: branches, backbone families, frozen features."""
