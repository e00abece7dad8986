"""``demo``: the main job on 1,000 orders, with a crash in the middle, and what came of it."""
