"""Files by their content: pictures verified and kept, thumbnails, results folders, manifests and films."""
