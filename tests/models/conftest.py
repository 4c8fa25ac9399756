"""Text that language models learn from."""

from __future__ import annotations

import numpy as np
import pytest

ARTICLE = " \n = {name} = \n \n {text} \n \n = = Part = = \n \n More of {name} . \n"


@pytest.fixture(scope="session")
def wiki(tmp_path_factory):
    """WikiText's three files over a few words, in which the next word is easily guessed."""
    folder, rng = tmp_path_factory.mktemp("wiki"), np.random.default_rng(0)
    for split, count in (("train", 60), ("valid", 8), ("test", 8)):
        texts = [" ".join(["one two three four", "five six seven"][k] for k in rng.integers(0, 2, 12)) for _ in range(count)]
        (folder / f"wiki.{split}.tokens").write_text("".join(ARTICLE.format(name=f"Item {n}", text=t) for n, t in enumerate(texts)))
    return folder
