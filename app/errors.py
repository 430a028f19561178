"""The exception tree: a class docstring is the message a person reads; it knows no HTTP."""

from __future__ import annotations

import inspect
from typing import ClassVar


class InitscopeError(Exception):
    """The product failed at this request; the upload is kept, try again."""

    code: ClassVar[str] = "failed"
    hint: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        template = inspect.cleandoc(type(self).__doc__ or "").replace("\n", " ")
        self.message = template.format(**facts)
        super().__init__(self.message)


class Refused(InitscopeError):
    """The input was refused: {reason}."""

    code = "refused"


class NotACheckpoint(Refused):
    """Expected a torch or safetensors file, but it starts with {first_bytes}: {reason}"""  # noqa: D415

    code = "not_a_checkpoint"
    hint = "Save one with torch.save(model.state_dict(), 'model.pt') or safetensors' save_file."


class EmptyFile(Refused):
    """Expected a checkpoint, but the file is empty (0 bytes)."""

    code = "empty_file"
    hint = "Check that the download or save finished, then send the file again."


class Truncated(Refused):
    """The file ends too early: expected {expected}, found {found}."""

    code = "truncated"
    hint = "Compare the size with the original and send the whole file again."


class Malformed(Refused):
    """The file is not a well-formed {format} file: {reason}"""  # noqa: D415

    code = "malformed"
    hint = "Save it again with a current version of the library that wrote it."


class TooLarge(Refused):
    """{what} is larger than this service allows: limit {limit}, got {got}."""

    code = "too_large"
    hint = "Use `initscope analyze PATH` on the machine that has the file, or raise the setting."


class NoTensors(Refused):
    """The file was read, but it holds no tensors{detail}."""

    code = "no_tensors"
    hint = "Upload the file that holds the weights: torch.save(model.state_dict(), 'model.pt')."


class UnsupportedFormat(Refused):
    """This is a {format} file, which initscope does not read."""

    code = "unsupported_format"
    hint = "Convert it to safetensors, or save it with torch.save(model.state_dict(), 'model.pt')."


class OutOfMemory(InitscopeError):
    """The analysis needs more than the {limit} allowed per worker process."""

    code = "out_of_memory"
    hint = "Raise INITSCOPE_CHILD_MEMORY_BYTES and analyse the file again."


class OutOfTime(InitscopeError):
    """The analysis did not finish within {limit}."""

    code = "out_of_time"
    hint = "Raise INITSCOPE_PART_SECONDS and analyse the file again."


class ChildLost(InitscopeError):
    """The process reading the file ended without an answer ({reason})."""

    code = "child_lost"
    hint = "The upload is kept: analyse it again. If it happens twice, the file is at fault."


class Cancelled(InitscopeError):
    """The analysis was cancelled."""

    code = "cancelled"
    hint = "The upload is kept: analyse it again when you like."


class NotFound(InitscopeError):
    """There is no {what} at this address."""

    code = "not_found"
    hint = "It may have been deleted. Upload the file again to see its report."


class UnknownTopic(NotFound):
    """There is no explanation of {topic}; there is one of {known}."""

    code = "unknown_topic"
    hint = "Open one that there is; each leads to the others."


class NotReady(InitscopeError):
    """The analysis has not finished: it is {state}."""

    code = "not_ready"
    hint = "Wait for it on its page, or follow /api/v1/runs/ID/events."


class NoReport(InitscopeError):
    """There is no report: the analysis has {state}."""

    code = "no_report"
    hint = "GET /api/v1/runs/ID says why; POST /api/v1/runs analyses the file again."


class Invalid(InitscopeError):
    """{what} is not valid: expected {expected}, got {got}."""

    code = "invalid"


class StorageFull(InitscopeError):
    """There is no room to keep this upload: it needs {needed}, {free} is free."""

    code = "storage_full"
    hint = "Delete reports that are no longer needed, or point INITSCOPE_DATA_DIR at a larger disk."


class DiskFull(InitscopeError):
    """The disk that keeps the reports takes no more data: it is full, or it fails."""

    code = "disk_full"
    hint = "Make room on it: delete reports that are no longer needed. Then try again."


class DatabaseAway(InitscopeError):
    """The database does not answer at the moment."""

    code = "database_away"
    hint = (
        "Nothing accepted is lost. Try again in a minute; if it stays so, look after the database."
    )


class Unreadable(InitscopeError):
    """The upload could not be read from this machine's disk: {reason}."""

    code = "unreadable"
    hint = "Look after the disk, delete the report, and send the file again."


class UploadInterrupted(InitscopeError):
    """The upload ended early: expected {expected} bytes, received {received}."""

    code = "upload_interrupted"
    hint = "Send the file again."


class BodyTooLarge(InitscopeError):
    """The request's JSON body is too large: expected at most {limit} bytes, got {got}."""

    code = "body_too_large"
    hint = "A file goes to POST /api/v1/files; a JSON body only names it by its id."


class NoWorker(InitscopeError):
    """No worker is alive: expected a sign of life in the last {seconds} seconds, found none."""

    code = "no_worker"
    hint = "Start one with `initscope worker`; what is on the queue waits for it."


class NoGpuWorker(NoWorker):
    """No GPU worker is alive, and the order asks for one: its device is cuda."""

    code = "no_gpu_worker"
    hint = "Start one with `initscope worker --queue gpu --device cuda:0`, or order device auto."


class DeviceFailed(InitscopeError):
    """The GPU could not be used: {reason}."""

    code = "device_failed"
    hint = "Look after its driver and its memory, or order the CPU: device cpu."


class CrossSite(InitscopeError):
    """This request came from another site ({origin}) and was not carried out."""

    code = "cross_site"
    hint = "Open the service's own address and try again."


class NotSignedIn(InitscopeError):
    """Expected an access token, got {got}."""

    code = "not_signed_in"
    hint = "Sign in on the start page, or send the header Authorization: Bearer TOKEN."


class TooManyTries(InitscopeError):
    """Too many tokens from this address were wrong: at most {limit} a minute are looked at."""

    code = "too_many_tries"
    hint = "Wait a minute, then try the right one. `initscope token add NAME` makes a new one."


class QueueFull(InitscopeError):
    """The queue is full: no more than {most} may wait at once."""

    code = "queue_full"
    hint = "What was uploaded is kept. Order it again when some of the jobs are done."


class TooManyOrders(InitscopeError):
    """Too many orders: at most {limit} a minute are taken from one access token."""

    code = "too_many_orders"
    hint = "Nothing accepted is lost. Go on after the seconds that Retry-After names."


class NoToken(InitscopeError):
    """The service would answer {host}, and nobody holds an access token for it."""

    code = "no_token"
    hint = "Run `initscope token add NAME` first, or set INITSCOPE_ACCESS=open if it is meant so."


class WorkerExtraMissing(InitscopeError):
    """This installation cannot run analyses: expected numba beside initscope, found none."""

    code = "worker_extra_missing"
    hint = "Install the worker part: pip install 'initscope[worker]'."


class NotANetwork(Refused):
    """The network was not understood: {reason}"""  # noqa: D415

    code = "not_a_network"
    hint = "Correct it, or start from one of the examples of the spec editor."


class NotPython(Refused):
    """The code was not read: {reason}"""  # noqa: D415

    code = "not_python"
    hint = "Paste the init function as it stands in your file; it is only read, never run."


class CannotRun(Refused):
    """This network cannot be run: {reason}"""  # noqa: D415

    code = "cannot_run"
    hint = "Send a .pt2 made by torch.export.save, or a spec; the spec editor suggests one."


class NotAnInput(Refused):
    """The inputs do not fit: expected {expected}, got {got}."""

    code = "not_an_input"
    hint = "Send a .npy or .safetensors file with one array of numbers, [n, *shape of an input]."


class PropagationTooLarge(OutOfMemory):
    """The measurement needs more than the {limit} allowed per propagation."""

    code = "propagation_out_of_memory"
    hint = "Order a smaller batch, or raise INITSCOPE_PROPAGATION_MEMORY_BYTES."


class PropagationTooSlow(OutOfTime):
    """The measurement did not finish within {limit}."""

    code = "propagation_out_of_time"
    hint = "Order fewer seeds or schemes, or raise INITSCOPE_PROPAGATION_SECONDS."


class DoesNotFit(Refused):
    """The measurement needs {needed} at {where}; this worker may use {limit}: {cure}."""

    code = "does_not_fit"
    hint = "The dry run found it before anything ran."


class UnknownOperators(Refused):
    """This network uses operations that initscope does not run: {names}."""

    code = "unknown_operators"
    hint = (
        "GET /api/v1/operators lists those that run. Write the others in terms of them, then "
        "export the network again."
    )
