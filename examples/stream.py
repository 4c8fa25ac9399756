"""A text that goes on, many at once, and what each word surprised: a streaming language model from Python: `python examples/stream.py`."""

import tempfile
from pathlib import Path

import tritspike as ts

PROMPTS = ["The game", "The church", "In the first half of the season"]


def main(tokens=20):
    model = ts.load("lm-stream-ternary")
    for text in ts.generate(model, PROMPTS, tokens=tokens):  # one session of three streams, each as it would be alone
        print(" ".join(text.split()))

    talk = ts.Session(model)
    likely = talk.read("The game was released in Japan in 2011 .")
    odd = talk.read(" Fish the of purple in Japan was .")  # behind the first sentence, which is in the traces
    print(f"perplexity a token: {likely.per_token:.0f}, and {odd.per_token:.0f} of words in no order")

    with tempfile.TemporaryDirectory() as folder:
        talk.save(Path(folder) / "talk.state")  # a few kilobytes, however much was read
        later = ts.Session(model, Path(folder) / "talk.state")
        went_on, at_once = later.generate(tokens=tokens), talk.generate(tokens=tokens)
    print(f"from the file it goes on as it would have: {went_on == at_once}")
    print(ts.verify(model, ["The game was released"], executors=["fast", "lava"]))
    return went_on == at_once, likely.per_token < odd.per_token


if __name__ == "__main__":
    main()
