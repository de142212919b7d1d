"""The command `docdex`: each sub-command parses, calls the package, and prints."""

from docdex.cli.command import Group, Lazy

COMMANDS = {
    "register": Lazy("docdex.cli.register:register", "Register pages under a label."),
    "recognize": Lazy("docdex.cli.recognize:recognize", "Say which registered label each page has, if any."),
    "list": Lazy("docdex.cli.labels:list_", "List the labels that have samples, with how many."),
    "show": Lazy("docdex.cli.labels:show", "Show the samples of a label."),
    "rename": Lazy("docdex.cli.labels:rename", "Move a label with all below it."),
    "remove": Lazy("docdex.cli.labels:remove", "Remove a label, or single samples."),
    "check": Lazy("docdex.cli.check:check", "Find what will confuse answers."),
    "calibrate": Lazy("docdex.cli.calibrate:calibrate", "Measure and keep the threshold for this gallery."),
    "embed": Lazy("docdex.cli.embed:embed", "Write the vectors of pages to a NumPy file."),
    "model": Lazy("docdex.cli.model:model", "Look at models and their passports."),
    "gallery": Lazy("docdex.cli.gallery:gallery", "Look after the gallery file."),
    "doctor": Lazy(
        "docdex.cli.doctor:doctor", "Say whether everything works here: versions, model, gallery."
    ),
    "demo": Lazy("docdex.cli.demo:demo", "Try docdex on documents that come with it."),
    "evaluate": Lazy("docdex.cli.evaluate:evaluate", "Measure models and baselines on a benchmark folder."),
    "split": Lazy("docdex.cli.split:split", "Split a folder by types, to train and to measure."),
    "train": Lazy("docdex.cli.train:train", "Train a model."),
    "ablate": Lazy(
        "docdex.cli.ablate:ablate", "Train variants of a recipe, and measure what each choice gives."
    ),
    "study": Lazy("docdex.cli.study:study", "Compare classification with metric learning."),
}
"""Sub-commands in the order of the help, which is written from this table so that it loads none of them."""

main = Group(
    COMMANDS,
    name="docdex",
    help="""Recognise the type of a document from one registered sample of it.

    \b
    Example:
      docdex register claim/acme claim_acme.jpg
      docdex recognize inbox/*.jpg scan.pdf

    Exit codes: 0 all was done or answered; 1 an input was refused, or an answer or check is wrong; 2 the
    command line asks for something that is not allowed or not there; 130 interrupted.
    """,
)

__all__ = ["COMMANDS", "main"]
