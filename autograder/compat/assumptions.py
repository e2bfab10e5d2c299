"""What the kit assumes about other packages beyond what they promise, how that is tested, and what if it fails.

One table, `TABLE`. A `Use` is one thing that the kit does with another package's internals; each `Assumption`
of a use is tested before the use is made (`fallen`), or the use says why it can do without that (`unasked`). Where one
does not hold, what happens then is the use's `otherwise`: grading is slower, never different and never down. A few
things cannot be done in another way; those are `needed`. `python -m autograder.compat` prints the table as it holds
here, and `autograder doctor` names what does not.

Public names are not listed, if it is documented that they may be used as they are used here; nor is Python's own
library, nor what is written for one version of a package that comes along, as in the page's engine. What is private to
Keras models and layers that a student made is looked at when they train (`keras_own`); whatever is odd there means
plain Keras.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from autograder.language import _, say

KERAS = "keras.src."
_TRAINER = KERAS + "backend.tensorflow.trainer:"
_EPOCHS = KERAS + "trainers.epoch_iterator:EpochIterator."
_ADAPTER = KERAS + "trainers.data_adapters.array_data_adapter:ArrayDataAdapter."
_CALLBACKS = KERAS + "callbacks."


@dataclass(frozen=True)
class Assumption:
    """Something of another project's that has to be there, and to be what it was.

    Attributes:
        name: ``module:qualified.name``, or that of a module.
        attributes: what this function sets or reads, parameters of it, or what this class has; looked for in it.
        what: what is assumed of it, besides that it is there.
        digest: of its source where it was seen to be so; '' where its presence is all that matters.
    """

    name: str
    what: str = ""
    digest: str = ""
    attributes: str = ""


@dataclass(frozen=True)
class Use:
    """One thing the kit does with another package's internals.

    Attributes:
        name: what a teacher would call it.
        package: whose parts these are, as on the package index.
        seen: the version with which it was seen to hold (`fallen` found nothing), or the first and the last of them.
        otherwise: what happens where an assumption does not hold.
        where: the file that does it, in the package or in the repository.
        unasked: why the use is made without asking `fallen` first; '' where that is asked.
        needed: whether something does not work at all without it. The version's upper bound in pyproject.toml, or the
            canary of `autograder doctor`, keeps anybody from learning that in the middle of a class.
    """

    name: str
    package: str
    seen: str
    otherwise: str
    where: str
    assumptions: tuple[Assumption, ...]
    unasked: str = ""
    needed: bool = False


FASTER_TRAINING = Use(
    _("the faster training"),
    "keras",
    "3.15.0 to 3.15.1",
    _("grading is slower, grades are the same"),
    "compat/keras_training.py",
    (
        Assumption(
            _TRAINER + "TensorFlowTrainer.fit",
            "passes what an epoch yields to `train_function`, and does nothing else",
            digest="a9a6dc02a7ddafa8",
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer.evaluate",
            "passes what an epoch yields to `test_function`, and does nothing else",
            digest="a1facf6528168e8d",
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer.predict", "feeds arrays through `TFEpochIterator`", digest="ee5831d7d2179667"
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer._make_function",
            "trains on whatever batch an iterator gives",
            digest="bb33b7a0da3d2740",
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer.make_train_function",
            "keeps a function that was already made",
            digest="a9703da4a49beb28",
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer.make_test_function",
            "keeps a function that was already made",
            digest="ad5e9155b9298ef1",
        ),
        Assumption(
            _TRAINER + "TensorFlowTrainer.train_step",
            "builds the optimizer when it applies gradients",
            digest="debf0efab9d5794b",
        ),
        Assumption(_TRAINER + "TensorFlowTrainer.test_step", digest="a8f04a25512e74e2"),
        Assumption(
            _TRAINER + "TFEpochIterator.__init__", "makes one dataset for all epochs", digest="901af2700297156f"
        ),
        Assumption(_TRAINER + "TFEpochIterator._get_iterator", digest="b986aa8a9d2264d9"),
        Assumption(
            _TRAINER + "TFEpochIterator.__next__", "yields what `_enumerate_iterator` yields", digest="bbaac0291856627f"
        ),
        Assumption(_TRAINER + "TFEpochIterator.catch_stop_iteration", digest="d8f649ef492b3c36"),
        Assumption(_EPOCHS + "__init__", digest="5b15c9c9f4e57786"),
        Assumption(_EPOCHS + "reset", digest="b73c9f2daadc29b4"),
        Assumption(
            _EPOCHS + "_enumerate_iterator",
            "opens one iterator for an epoch, and one more after it",
            digest="376e3e16a928107a",
        ),
        Assumption(_ADAPTER + "__init__", digest="b226a565230e7f45"),
        Assumption(
            _ADAPTER + "get_tf_dataset",
            "shuffles with one operation; otherwise keeps the order",
            digest="2ab7c0854bf89cd1",
        ),
        Assumption(KERAS + "trainers.trainer:Trainer.compute_metrics", digest="8c5a423878e01a48"),
        Assumption(
            KERAS + "trainers.trainer:Trainer.get_metrics_result", "changes no state", digest="89f313bc35c1b9c1"
        ),
        Assumption(
            KERAS + "trainers.compile_utils:CompileMetrics.build", "looks only at shapes", digest="0a086a9bd9415237"
        ),
        Assumption(
            KERAS + "optimizers.base_optimizer:BaseOptimizer.apply",
            "builds what has not been built yet",
            digest="43097be63b919d03",
        ),
        Assumption(
            _CALLBACKS + "callback_list:CallbackList.on_train_batch_end",
            "tells callbacks about batches, and does nothing else",
            digest="e719177bc8b3e667",
        ),
        Assumption(
            _CALLBACKS + "callback_list:CallbackList.on_test_batch_end",
            "tells callbacks about batches, and does nothing else",
            digest="df214d9506ae27a0",
        ),
        Assumption(
            _CALLBACKS + "early_stopping:EarlyStopping.on_epoch_end",
            "looks only at the end of an epoch",
            digest="106592b800ba17ab",
        ),
        Assumption(
            _CALLBACKS + "progbar_logger:ProgbarLogger._update_progbar",
            "shows the last batch that it was told of",
            digest="c23660c0a745e7e8",
        ),
        Assumption(
            KERAS + "utils.traceback_utils:filter_traceback",
            "leaves out frames in Keras's files",
            digest="3cb3e48983bea0af",
        ),
        Assumption(
            KERAS + "layers.layer:Layer.__new__",
            "wraps `build` and `quantize` of each layer, and nothing else",
            digest="5a00b053e996b36c",
        ),
        Assumption(KERAS + "trainers.data_adapters.array_slicing:convert_to_sliceable", digest="7a07fa6641b3fc08"),
        Assumption(KERAS + "models.functional:Functional", "is what `keras.Model(inputs, outputs)` makes"),
        *(
            Assumption(KERAS + function, attributes=attributes)
            for function, attributes in {
                "models.sequential:Sequential.__init__": "_functional",
                "ops.function:Function.__init__": "_inputs_struct _outputs_struct",
                "layers.layer:Layer.metrics": "_metrics",
                "layers.layer:Layer.__init__": "_losses",
                "ops.operation:Operation.__init__": "_remat_mode",
                "backend.tensorflow.trainer:TensorFlowTrainer.__init__": "_distribute_strategy",
                "trainers.trainer:Trainer.__init__": "_initial_epoch",
                "trainers.trainer:Trainer.run_eagerly": "_run_eagerly",
                "trainers.trainer:Trainer.compile": "_compile_loss _compile_metrics",
                "trainers.compile_utils:CompileLoss.__init__": "_user_loss _user_loss_weights",
                "trainers.compile_utils:CompileMetrics.__init__": "_user_metrics _user_weighted_metrics",
                "losses.losses:LossFunctionWrapper.__init__": "_fn_kwargs",
                "optimizers.base_optimizer:BaseOptimizer.__init__": "_learning_rate",
                "callbacks.callback:Callback.set_model": "_model",
                "trainers.epoch_iterator:EpochIterator.__init__": "_num_batches _steps_seen",
                "trainers.data_adapters.array_data_adapter:ArrayDataAdapter.__init__": "_inputs _num_samples"
                " _batch_size _partial_batch_size _shuffle",
            }.items()
        ),
        Assumption("tensorflow.python.eager.context:global_seed", "gives the seed that `tf.random.set_seed` set"),
    ),
)

FASTER_FIGURES = Use(
    _("measuring each text of a figure only once"),
    "matplotlib",
    "3.11.0 to 3.11.2",
    _("figures are drawn more slowly, and look the same"),
    "compat/matplotlib_figures.py",
    (
        Assumption(
            "matplotlib.text:Text._get_layout",
            "depends only on what `_measured` lists",
            digest="4c79896b10ada776",
        ),
        Assumption("matplotlib.text:Text._get_multialignment", digest="b1af7a8d3ae03315"),
    ),
)
NO_PIPE = Use(
    _("having no port for what child processes print"),
    "ipykernel",
    "7.0.0 to 7.4.0",
    _("without a sandbox, each kernel opens a port on this computer while it runs"),
    "compat/ipython_kernel.py",
    (Assumption("ipykernel.iostream:IOPubThread.__init__", "opens the port if `pipe` is true", attributes="pipe"),),
)
SHORT_RECURSIONS = Use(
    _("showing only the first frames of an endless recursion"),
    "ipython",
    "9.10.0 to 9.18.1",
    _("a cell that recurses without end takes a few seconds longer"),
    "compat/ipython_kernel.py",
    (
        Assumption(
            "IPython.core.interactiveshell:InteractiveShell._showtraceback",
            "shows lines that are given",
            digest="0865d6b37c32d98d",
        ),
    ),
)
KEPT_EXCEPTIONS = Use(
    _("describing an error once, not twice"),
    "ipython",
    "9.18.1",
    _("a cell that fails takes a little longer"),
    "compat/ipython_kernel.py",
    (
        Assumption(
            "IPython.core.interactiveshell:InteractiveShell._format_exception_for_storage",
            "only fills its history",
            digest="62ed535c61a1bd11",
        ),
    ),
)
OPEN_STREAMS = Use(
    _("keeping what a cell prints with after the cell closes it"),
    "ipykernel",
    "7.0.0 to 7.4.0",
    _("it is kept in another way, and nothing else changes"),
    "compat/ipython_kernel.py",
    (Assumption("ipykernel.iostream:OutStream", "takes another `close`", attributes="close flush"),),
    unasked="where it takes none, there is a stream of ours around it",
)
NO_DEBUGGER = Use(
    _("kernels without a debugger"),
    "ipykernel",
    "7.0.0 to 7.4.0",
    _("a debugger that nobody uses is imported, so each worker starts a little later"),
    "compat/ipython_kernel.py",
    (Assumption("ipykernel.debugger:_is_debugpy_available", "is false, and no error, where there is no debugpy"),),
)
NO_TENSORBOARD = Use(
    _("training with a callback for TensorBoard that is not installed"),
    "keras",
    "3.13.2 to 3.15.1",
    _("a training with that callback ends with an error if TensorBoard is not installed"),
    "compat/keras_callbacks.py",
    (
        Assumption(
            "keras.callbacks:TensorBoard",
            "does all it does in methods that every callback has",
            attributes="set_model",
        ),
        Assumption("keras.callbacks:Callback", "does nothing in these methods", attributes="set_model"),
    ),
    unasked="every method that all callbacks have is replaced, whatever it is called",
)
IMPORTED_AHEAD = Use(
    _("importing ahead what a kernel imports when it starts"),
    "ipython",
    "8.23.0 to 9.18.1",
    _("each kernel starts a little later"),
    "compat/ipython_kernel.py",
    tuple(
        Assumption(module)
        for module in (
            "IPython.core.completerlib",
            "IPython.core.debugger",
            "IPython.core.logger",
            "IPython.core.magics.execution",
            "IPython.core.oinspect",
            "IPython.extensions.storemagic",
            "ipykernel.debugger",
        )
    ),
    unasked="each is imported for itself, and passed over where it is not there",
)
EXIT_STAYS = Use(
    _("letting a notebook go on after `exit()`"),
    "ipython",
    "8.23.0 to 9.18.1",
    _("`exit` and `quit` have other values in a notebook, and it goes on all the same"),
    "compat/ipython_kernel.py",
    (Assumption("IPython.core.autocall:ZMQExitAutocall.__call__", "asks the shell", attributes="ask_exit"),),
)
LATE_WRAPPERS = Use(
    _("importing Keras's wrappers for scikit-learn when they are used"),
    "keras",
    "3.13.2 to 3.15.1",
    _("the first import of Keras takes a second longer"),
    "learner/first_import.py",
    (Assumption("keras.wrappers"), Assumption("keras._tf_keras.keras.wrappers")),
    unasked="it only waits for modules of these names, and nobody asks for them where there are none",
)
ADDRESS_GRAMMAR = Use(
    _("leaving out a grammar of addresses"),
    "jsonschema",
    "4.26.0",
    _("each process starts a second later"),
    "compat/address_grammar.py",
    (Assumption("jsonschema._format:FormatChecker", "can be imported without `rfc3987_syntax`"),),
    unasked="jsonschema has that package in one of its extras alone, so it has to do without",
)
PROVISIONER = Use(
    _("kernels that are forks"),
    "jupyter_client",
    "8.6.0 to 8.10.0",
    _("nobody can be graded"),
    "grading/kernel.py",
    (
        Assumption(
            "jupyter_client.manager:KernelManager._async_pre_start_kernel",
            "keeps a provisioner that is already there",
            attributes="provisioner",
        ),
    ),
    needed=True,
)
PLAIN_PAGES = Use(
    _("making a feedback page without reading it once more"),
    "nbconvert",
    "7.16.0 to 7.17.2",
    _("feedback pages are made without the notebook"),
    "grading/feedback.py",
    (
        Assumption(
            "nbconvert.exporters.html:HTMLExporter.from_notebook_node",
            "only adds to the page that `TemplateExporter` makes",
        ),
        Assumption("nbconvert.exporters.html:HTMLExporter.markdown2html", "is a filter that needs the context"),
        Assumption(
            "nbconvert.exporters.templateexporter:TemplateExporter.get_prefix_root_dirs",
            "finds classic/base.html.j2, which has a `codecell` around that of the template before it",
        ),
    ),
    unasked="`grading/pages.py` makes do with a page of the checks where one with the notebook cannot be made",
)
BRACKETS_IN_PATHS = Use(
    _("checks in a folder whose path holds `[` or `::`"),
    "pytest",
    "9.0.0 to 9.2.0",
    _("such checks cannot be run, and all others can"),
    "exercise/checking.py",
    (Assumption("_pytest.config:Config.__init__", "may get another value later", attributes="invocation_params"),),
    unasked="it is assigned only where a path needs it",
)
BRACKETS_IN_NAMES = Use(
    _("exercises whose name holds `[` or `?`"),
    "nbgrader",
    "0.9.6",
    _("such an exercise cannot be released, and all others can"),
    "course/release.py",
    (
        Assumption(
            "nbgrader.converters.base:BaseConverter",
            "`init_notebooks` finds a folder and its notebooks, and puts them into `assignments`",
            attributes="init_notebooks assignments",
        ),
    ),
)
DATABASE_VERSION = Use(
    _("making a gradebook without running another program"),
    "nbgrader",
    "0.9.6",
    _("nbgrader runs the program `alembic`, which has to be where it looks for programs"),
    "compat/nbgrader_database.py",
    (Assumption("nbgrader.api:get_alembic_version"), Assumption("nbgrader.dbutil:ALEMBIC_DIR")),
)
ROWS = Use(
    _("entering a class in the gradebook in a few statements"),
    "nbgrader",
    "0.9.6",
    _("no class can be graded"),
    "course/gradebook.py",
    tuple(
        Assumption(f"nbgrader.api:{table}", "is a table; a row with these columns is complete", attributes=columns)
        for table, columns in {
            "Student": "id",
            "Assignment": "id duedate",
            "SubmittedAssignment": "id assignment_id student_id timestamp extension",
            "SubmittedNotebook": "id assignment_id notebook_id flagged late_submission_penalty",
            "Grade": "id notebook_id cell_id auto_score manual_score extra_credit needs_manual_grade",
            "Comment": "id notebook_id cell_id auto_comment manual_comment",
        }.items()
    ),
    unasked="there is no other way",
    needed=True,
)
FORGED_SUBMISSIONS = Use(
    _("passing over forged folders before the newest is chosen"),
    "nbgrader",
    "0.9.6",
    _("a forged folder is still not collected, but it hides the one that it imitates, and is reported"),
    "jupyter/collect.py",
    (
        Assumption(
            "nbgrader.exchange.default.collect:ExchangeCollect._path_to_record",
            "reads a folder's name",
        ),
    ),
)
_EXCHANGE = "nbgrader.exchange."
COLLECTED_SAFELY = Use(
    _("collecting only plain files that belong to the learner"),
    "nbgrader",
    "0.9.6",
    _("nothing is collected from nbgrader's exchange, because a link could bring in somebody else's file"),
    "jupyter/collect.py",
    (
        Assumption(
            _EXCHANGE + "default.exchange:Exchange.start",
            "has the steps of a collect made by the one below",
            digest="a52280a6d563f1a4",
            attributes="start",
        ),
        Assumption(
            _EXCHANGE + "abc.exchange:Exchange.start",
            "calls `init_src`, then `copy_files`, and nothing else that copies",
            digest="9e2a681ddcb0a5c3",
            attributes="init_src copy_files",
        ),
        Assumption(
            _EXCHANGE + "default.collect:ExchangeCollect.copy_files",
            "copies what `src_records` lists, from `inbound_path`, with `do_copy` and in no other way; asks who owns it"
            " only if `check_owner` is true",
            digest="856a7e996467fdf3",
            attributes="src_records inbound_path do_copy check_owner",
        ),
        Assumption(
            _EXCHANGE + "default.collect:ExchangeCollect.init_src",
            "says in these which folders are to be copied",
            attributes="src_records inbound_path",
        ),
    ),
    needed=True,
)
SLOW_SERVICES = Use(
    _("letting a Hub's services take their time to start"),
    "jupyterhub",
    "5.4.0 to 6.1.1",
    _("a Hub on a busy machine may have to be started twice"),
    "deploy/hub/jupyterhub_config.py",
    (Assumption("jupyterhub.objects:Server.wait_up", attributes="timeout"),),
    unasked="the Hub's configuration looks for it, and runs where the package need not be installed",
)
EXACT_GROUPS = Use(
    _("removing people who are no longer on the list from the Hub's groups"),
    "jupyterhub",
    "5.5.4 to 6.1.1",
    _("the Hub does not start"),
    "deploy/hub/exact_groups.py",
    (Assumption("jupyterhub.app:JupyterHub.init_groups", attributes="load_groups"),),
    unasked="the Hub stops, and says which name is missing",
    needed=True,
)
ONE_COURSE = Use(
    _("letting only one course of the LMS enter a Hub, each person under their own name"),
    "jupyterhub-ltiauthenticator",
    "1.6.3",
    _("a Hub that is entered from an LMS does not start"),
    "deploy/hub/course_lti.py",
    (
        Assumption(
            "ltiauthenticator.lti13.handlers:LTI13CallbackHandler.post",
            "verifies a launch, and has it logged in by what the Hub calls `authenticate` for",
            digest="b1381fe32645621c",
            attributes="decode_and_validate_launch_request login_user",
        ),
        Assumption(
            "ltiauthenticator.lti13.auth:LTI13Authenticator.authenticate",
            "is all that says who it is",
            attributes="get_username",
        ),
        Assumption("jupyterhub.auth:Authenticator.get_authenticated_user", attributes="authenticate"),
    ),
    unasked="the Hub's configuration looks for these names itself, as it runs where the package need not be installed",
    needed=True,
)
LESSONS = Use(
    _("reading the book's lessons as notebooks"),
    "myst-nb",
    "1.4.0",
    _("the book is not built; grading is not affected"),
    "book/_ext/kitbook/notebooks.py",
    (
        Assumption("myst_nb.core.read:read_myst_markdown_notebook", "turns a page into a notebook"),
        Assumption("myst_nb.sphinx_:NbMetadataCollector.get_exec_data", "says how a page's run ended"),
    ),
    unasked="Sphinx stops, and says which name is missing",
    needed=True,
)

TABLE: tuple[Use, ...] = (
    FASTER_TRAINING,
    FASTER_FIGURES,
    NO_DEBUGGER,
    IMPORTED_AHEAD,
    NO_PIPE,
    OPEN_STREAMS,
    SHORT_RECURSIONS,
    KEPT_EXCEPTIONS,
    EXIT_STAYS,
    NO_TENSORBOARD,
    LATE_WRAPPERS,
    ADDRESS_GRAMMAR,
    PROVISIONER,
    PLAIN_PAGES,
    BRACKETS_IN_PATHS,
    BRACKETS_IN_NAMES,
    DATABASE_VERSION,
    ROWS,
    FORGED_SUBMISSIONS,
    COLLECTED_SAFELY,
    SLOW_SERVICES,
    EXACT_GROUPS,
    ONE_COURSE,
    LESSONS,
)


def fallen(use: Use) -> str:
    """The first of a use's assumptions that does not hold, and how; '' where all hold."""
    for assumption in use.assumptions:
        short = assumption.name.partition(":")[2] or assumption.name
        try:
            there = found(assumption.name)
        except Exception:  # a module that cannot be imported, a name that is not there
            return _("{name} is missing", name=short)
        if assumption.digest and digest(there) != assumption.digest:
            return _("{name} has changed", name=short)
        for attribute in assumption.attributes.split():
            if attribute not in _names_in(there):
                return _("{name} has no {attribute}", name=short, attribute=attribute)
    return ""


def line(use: Use, gone: str) -> str:
    """What to say where a use is off, in the reader's language."""
    return say(
        "{package} {version}: {use} is off: {gone}; {otherwise}",
        package=_TITLES.get(use.package, use.package),
        version=version(use),
        use=use.name,
        gone=gone,
        otherwise=use.otherwise,
    )


_TITLES = {"keras": "Keras", "matplotlib": "Matplotlib", "ipython": "IPython"}


def version(use: Use) -> str:
    """Of the package that a use is about; '' where it is not installed."""
    try:
        return importlib.metadata.version(use.package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def found(name: str) -> Any:
    """What ``module:qualified.name`` names, or a module's name.

    Raises:
        ImportError, AttributeError: it is not there.
    """
    module, _, path = name.partition(":")
    return reduce(getattr, filter(None, path.split(".")), importlib.import_module(module))


def _names_in(thing: Any) -> Sequence[str]:
    """The attributes and global names that a function's code uses, and its parameters; or all that a class has."""
    if isinstance(thing, type):
        return dir(thing)
    plain: Any = thing.fget if isinstance(thing, property) else thing
    code = inspect.unwrap(plain).__code__
    return (*code.co_names, *code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def digest(function: Any) -> str:
    """Of a function's source; '' if that is not there."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        return ""
