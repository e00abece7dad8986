"""The fraud benchmark: a published simulation made anew, and what Paykeel finds in it."""
