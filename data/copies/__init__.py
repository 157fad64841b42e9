"""Images that a data set has more than once: their hashes, who is alike, a manifest without."""
