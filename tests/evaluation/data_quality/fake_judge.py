"""A judge whose truth is known."""


class FakeJudge:
    """The answer to everything is red; questions about shape are beyond it."""

    def knows(self, url):
        return url.startswith("known://")

    def verdict(self, url, question, answer):
        if "shape" in question:
            return "not_understood"
        return "correct" if answer == "red" else "wrong"

    def answer(self, url, question):
        return None if "shape" in question else "red"

    def kind(self, question):
        return None if "shape" in question else "colour"

    def is_true(self, url, box, caption):
        return "red" in caption
