"""Constrained names and numbers that every other schema is built from.

The patterns end in `(?!\\n)$` because a bare `$` also matches before a
trailing newline, in Python as in other languages.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}(?!\n)$"
JOB_PATTERN = r"^j[a-z2-7]{12}(?!\n)$"
SWEEP_PATTERN = r"^s[a-z2-7]{12}(?!\n)$"
PARENT_PATTERN = r"^[js][a-z2-7]{12}(?!\n)$"
PIPELINE_PATTERN = r"^p[a-z2-7]{12}(?!\n)$"
STEP_PATTERN = r"^[a-z][a-z0-9-]{0,31}(?!\n)$"
PROJECT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?!\n)$"
ANY_PROJECT_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?(?!\n)$"
TAG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,39}(?!\n)$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,63}(?!\n)$"

#: The common name of a certificate: of an agent, a client or a service.
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description="Name of a principal, as in its certificate.")]
JobId = Annotated[str, Meta(pattern=JOB_PATTERN, description="Job id, given by HQ.")]
SweepId = Annotated[str, Meta(pattern=SWEEP_PATTERN, description="Sweep id, given by HQ.")]
PipelineId = Annotated[str, Meta(pattern=PIPELINE_PATTERN, description="Pipeline id, given by HQ.")]
ProjectName = Annotated[str, Meta(pattern=PROJECT_PATTERN, description="Name of a project.")]
#: Empty: of no project.
AnyProject = Annotated[str, Meta(pattern=ANY_PROJECT_PATTERN, description="A project, or none.")]
Tag = Annotated[str, Meta(pattern=TAG_PATTERN, description="A word to find things by, lower case.")]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=32)]
#: What a limit is of: jobs of a user, or jobs that name it.
LimitKind = Literal["user", "named"]
#: What others may wait for.
ParentId = Annotated[str, Meta(pattern=PARENT_PATTERN, description="Id of a job or of a sweep.")]
#: What random numbers are begun with: as much as numpy takes.
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", description="SHA-256, lower-case hex.")]
#: A path with `/` that stays below a folder; `schemas.paths` checks the rest.
ArtifactName = Annotated[str, Meta(min_length=1, max_length=255, description="Path below the results.")]
DATASET_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}(?!\n)$"
DatasetName = Annotated[str, Meta(pattern=DATASET_PATTERN, description="Name of a dataset.")]
ModelName = Annotated[str, Meta(pattern=DATASET_PATTERN, description="Name of a model.")]
ENVIRONMENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?!\n)$"
#: `script`: what the script's own header or files say. Anything else: an interpreter that machines name so.
EnvironmentName = Annotated[
    str, Meta(pattern=ENVIRONMENT_PATTERN, description="`script`, or the name of an interpreter.")
]
MAC_PATTERN = r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}(?!\n)$"
MacAddress = Annotated[str, Meta(pattern=MAC_PATTERN, description="Of a network card, lower case.")]
PYTHON_PATTERN = r"^3\.[0-9]{1,3}(?!\n)$"
PythonVersion = Annotated[str, Meta(pattern=PYTHON_PATTERN, description="Such as 3.11.")]
#: Fencing token: epoch * 2**20 + counter, so it fits a double exactly.
Token = Annotated[int, Meta(ge=1, le=2**53 - 1)]
#: How many bits of a token count the offers of a job within one epoch.
TOKEN_BITS = 20
Epoch = Annotated[int, Meta(ge=0, le=2**33)]
Boot = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Nonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}(?!\n)$", description="128 random bits, hex.")]
StandingNonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}(?!\n)$", description="96 random bits, hex.")]
SecretName = Annotated[str, Meta(pattern=VARIABLE_PATTERN, description="Name of a secret, as of a variable.")]
FunctionName = Annotated[str, Meta(pattern=VARIABLE_PATTERN, description="Name of a function of a module.")]
Key = Annotated[str, Meta(min_length=1, max_length=128, description="Idempotency key.")]
ShortText = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=8192)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Seconds = Annotated[float, Meta(ge=0)]

#: What a machine may be asked: to stand still, to take nothing new, or to go back to its owner's rules.
GuestCommand = Literal["pause", "drain", "resume"]

#: A free-form JSON object. `bus.codec` checks depth, integers and keys.
JsonObject = dict[str, Any]
