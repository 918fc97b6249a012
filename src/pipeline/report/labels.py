"""How names and figures of the metrics are said on the page."""

REASONS = {
    "empty": "empty",
    "reserved_token": "reserved token",
    "repetition": "repeats itself",
    "no_word": "no word",
    "answer_is_question": "answer is a question",
    "short_question": "question too short",
    "low_answer_confidence": "generator unsure",
    "duplicate": "duplicate",
    "disagreement": "second answer differs",
    "low_filter_confidence": "second model unsure",
    "over_type_limit": "too many of one type",
    "over_binary_share": "too many yes-or-no questions",
    "yes_no_balance": "yes and no out of balance",
    "low_confidence": "generator unsure",
}

VERDICTS = {
    "correct": "correct",
    "wrong": "wrong",
    "unanswerable": "unanswerable",
    "not_understood": "not understood",
}

DIRECTIONS = {"text_to_image": "text to image", "image_to_text": "image to text"}


def reason_words(reason: str) -> str:
    """A reason of rejection in words."""
    return REASONS.get(reason, reason.replace("_", " "))


def plain(name: str) -> str:
    """A metric's name in words: underscores are spaces, `binary` questions are those for yes or no."""
    return "yes/no" if name == "binary" else name.replace("_", " ")


def count(value: float) -> str:
    """A whole number with its thousands separated."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A percentage with one decimal, or two below one percent."""
    return f"{value:.1f} %" if value >= 1 or value == 0 else f"{value:.2f} %"
