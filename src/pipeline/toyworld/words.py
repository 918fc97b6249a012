"""The closed set of attributes that the toy world's things have, and the words for them."""

SHAPES = ("circle", "square", "triangle", "diamond", "star", "heart", "cross", "moon")
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SIZES = ("small", "large")
PATTERNS = ("solid", "striped", "dotted")
TONES = ("light", "dark")
ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "pattern": PATTERNS}

WARM = frozenset({"red", "orange", "yellow", "pink"})
CURVED = frozenset({"circle", "heart", "moon"})
