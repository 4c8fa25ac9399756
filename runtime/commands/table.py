"""The commands of a device host: `python -m runtime NAME ...`, and part of `tritspike NAME ...`."""

from tritspike.runtime.command_line import Command

COMMANDS = (
    Command(__package__, "classify", "label texts", 'sst2.tsp "a warm and funny film" "an overlong mess"'),
    Command(__package__, "glue", "score a program on labelled texts", "sst2.tsp --task sst2 --data glue"),
    Command(__package__, "evaluate", "score programs, here or on a cluster", "sst2.tsp rte.tsp --task sst2 rte --data glue --cluster local"),
    Command(__package__, "generate", "continue a text", 'lm.tsp "The game" --tokens 40 --temperature 0.8 --top-p 0.9 --seed 1'),
    Command(__package__, "perplexity", "score a language model on a text", "lm.tsp --data wikitext-2/wiki.test.tokens"),
    Command(__package__, "verify", "compare executors spike by spike", "sst2.tsp --executor fast,lava --random 8"),
    Command(__package__, "inspect", "print the populations, and the mapping", "sst2.tsp --map"),
    Command(__package__, "run", "play arrays into a network of your own", "net.tsp --input spikes.npy --out answers.npz"),
    Command(__package__, "export", "write a program as an ONNX graph", "sst2.tsp --onnx sst2.onnx --length 24"),
    Command(__package__, "compare", "hold two models against each other", "a.tsp b.tsp --task sst2 --data glue --fail-below -1"),
    Command(
        __package__,
        "sweep",
        "train every combination of some settings",
        "models/configs/sst2.toml --over schedule.seed=0,1 --teacher out/teachers/sst2 --data glue --out out/sweep",
    ),
    Command(__package__, "report", "show a program as one HTML page", "sst2.tsp --data glue --out report.html"),
    Command(__package__, "deploy", "run on a board, or pack for one", "sst2.tsp --profile kapoho-point --bundle sst2.zip"),
    Command(__package__, "lava", "install Lava, or say whether it runs here", "check"),
)
