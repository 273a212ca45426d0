"""What clients ask of HQ on `client/{client}/up/request`.

A request that changes something carries an idempotency key; without one the
envelope's id serves. A repeat within seven days gets the stored answer.
"""

from schemas.requests.base import Request
from schemas.requests.house import AskAgent, Audit, Label, Ping, ReadStatus, SetLimit
from schemas.requests.jobs import (
    Cancel,
    Delete,
    Explain,
    Hold,
    JobIds,
    Prune,
    Release,
    Retry,
    ShowStacks,
    Submit,
)
from schemas.requests.loops import AskTrial, ReportTrial, TellTrial, Told
from schemas.requests.models import PromoteModel, RemoveModel, StageModel
from schemas.requests.pipelines import CancelPipeline, DeletePipeline, RetryPipeline, SubmitPipeline
from schemas.requests.schedules import (
    AddSchedule,
    PauseSchedule,
    ReadSchedules,
    RemoveSchedule,
    ResumeSchedule,
    RunSchedule,
)
from schemas.requests.services import (
    CallService,
    DeployService,
    ReadServices,
    RollBackService,
    StopService,
)
from schemas.requests.sweeps import (
    AddTrials,
    CancelSweep,
    ChangeSweep,
    DeleteSweep,
    FinishSweep,
    PauseSweep,
    Propose,
    ReadPast,
    ReadSeries,
    ReadSweeps,
    ResumeSweep,
    SubmitSweep,
)

Change = (
    Submit
    | Cancel
    | Hold
    | Release
    | Retry
    | SubmitSweep
    | SubmitPipeline
    | RetryPipeline
    | CancelPipeline
    | DeletePipeline
    | CancelSweep
    | Delete
    | DeleteSweep
    | DeployService
    | RollBackService
    | StopService
    | AddSchedule
    | RemoveSchedule
    | PauseSchedule
    | ResumeSchedule
    | RunSchedule
    | PromoteModel
    | StageModel
    | RemoveModel
    | Propose
    | Prune
    | PauseSweep
    | ResumeSweep
    | ChangeSweep
    | FinishSweep
    | AddTrials
    | AskTrial
    | TellTrial
    | SetLimit
    | Label
    | Audit
)
Question = (
    Ping
    | ReadStatus
    | Explain
    | AskAgent
    | ShowStacks
    | ReadSweeps
    | ReadSeries
    | ReadPast
    | ReportTrial
    | CallService
    | ReadServices
    | ReadSchedules
)
AnyRequest = Change | Question

CHANGES: tuple[type[Request], ...] = Change.__args__

__all__ = [
    "CHANGES",
    "AddSchedule",
    "AddTrials",
    "AnyRequest",
    "AskAgent",
    "AskTrial",
    "Audit",
    "CallService",
    "Cancel",
    "CancelPipeline",
    "CancelSweep",
    "Change",
    "ChangeSweep",
    "Delete",
    "DeletePipeline",
    "DeleteSweep",
    "DeployService",
    "Explain",
    "FinishSweep",
    "Hold",
    "JobIds",
    "Label",
    "PauseSchedule",
    "PauseSweep",
    "Ping",
    "PromoteModel",
    "Propose",
    "Prune",
    "Question",
    "ReadPast",
    "ReadSchedules",
    "ReadSeries",
    "ReadServices",
    "ReadStatus",
    "ReadSweeps",
    "Release",
    "RemoveModel",
    "RemoveSchedule",
    "ReportTrial",
    "Request",
    "ResumeSchedule",
    "ResumeSweep",
    "Retry",
    "RetryPipeline",
    "RollBackService",
    "RunSchedule",
    "SetLimit",
    "ShowStacks",
    "StageModel",
    "StopService",
    "Submit",
    "SubmitPipeline",
    "SubmitSweep",
    "TellTrial",
    "Told",
]
