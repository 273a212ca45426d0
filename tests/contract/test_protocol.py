"""docs/protocol.md: fields, topics and requests are those of the code; every numbered sentence has a test."""

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec

from bus import topics
from schemas import (
    audit,
    early_stopping,
    events,
    facts,
    messages,
    objectives,
    pipelines,
    requests,
    samplers,
    schedules,
    spaces,
    specs,
    trials,
)
from tests.contract import (  # noqa: F401 - they note what they prove
    test_protocol_asking,
    test_protocol_boots,
    test_protocol_claiming_ahead,
    test_protocol_claims,
    test_protocol_dependencies,
    test_protocol_duties,
    test_protocol_envelopes,
    test_protocol_leases,
    test_protocol_models,
    test_protocol_requests,
    test_protocol_results,
    test_protocol_schedules,
    test_protocol_services,
    test_protocol_sweeps,
    test_protocol_unwilling,
    test_protocol_watching,
    test_signatures,
)
from tests.contract.protocol_house import PROVEN

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()

_IDENTITY = "tests/e2e/test_broker_identity.py"
#: Sentences that tests elsewhere cover, on the real broker or the real server.
ELSEWHERE: dict[str, dict[str, tuple[str, ...]]] = {
    "P1": {
        _IDENTITY: (
            "test_a_certificate_of_the_house_opens_the_door",
            "test_without_a_certificate_nobody_gets_in",
            "test_without_tls_nobody_gets_in",
            "test_tls_before_1_3_is_refused",
            "test_a_certificate_of_another_house_is_refused",
        ),
        "tests/unit/idlehands/cli/test_command_line.py": ("test_a_certificate_is_what_mosquitto_takes",),
    },
    "P2": {
        "tests/unit/idlehands/house/test_pki.py": (
            "test_the_brokers_certificate_names_every_way_to_reach_it",
        ),
        "tests/unit/bus/test_paho_bus.py": ("test_a_broker_of_another_house_is_not_trusted",),
    },
    "P3": {_IDENTITY: ("test_a_claimed_user_name_is_not_an_identity",)},
    "P4": {
        _IDENTITY: (
            "test_an_operator_sees_what_agents_say",
            "test_an_operator_sees_what_hq_says_to_agents_and_everybody",
            "test_a_request_reaches_hq_and_its_reply_only_who_asked",
            "test_an_agent_cannot_publish_what_is_not_its_own",
            "test_an_agent_reads_its_own_orders_and_nobody_elses",
            "test_a_viewer_watches_jobs_and_machines_but_not_what_they_say_to_hq",
            "test_a_viewer_can_ask_for_nothing",
        )
    },
    "P5": {
        "tests/unit/idlehands/house/test_broker.py": ("test_the_broker_is_closed_and_keeps_nothing",),
        "tests/contract/test_bus.py": (
            "test_two_clients_with_one_name_live_side_by_side",
            "test_everybody_comes_back_after_the_broker_was_killed",
        ),
    },
    "P6": {
        "tests/unit/bus/test_paho_bus.py": ("test_a_request_of_others_at_qos_1_arrives_with_its_properties",)
    },
    "P9": {"tests/unit/bus/test_router.py": ("test_free_form_values_that_cannot_be_stored_are_refused",)},
    "P79": {
        "tests/unit/hq/test_home_assistant.py": (
            "test_the_message_fits_the_schema",
            "test_what_is_pressed_is_a_request_on_the_topic_of_one_certificate",
            "test_a_machine_that_was_removed_is_taken_back_and_again_for_who_was_away",
            "test_a_new_broker_and_a_new_hq_are_told_everything_and_what_is_gone",
        ),
        "tests/unit/hq/test_house_device.py": (
            "test_the_announcement_fits_the_schema_and_is_no_machines",
            "test_what_is_not_known_is_unknown_there_and_not_zero",
            "test_the_house_is_announced_and_its_state_is_said_when_it_changed",
        ),
        "tests/contract/test_bus.py": (
            "test_what_is_none_of_the_houses_topics_is_retained_until_it_is_taken_back",
        ),
    },
    "P14": {"tests/contract/test_bus.py": ("test_the_will_is_published_on_stop_and_retained",)},
    "P24": {
        "tests/contract/test_event_log_under_kills.py": (
            "test_appends_survive_kills_of_mongod_in_the_middle",
        )
    },
    "P57": {
        "tests/unit/dash_app/test_blobs_over_rest.py": (
            "test_content_comes_back_as_it_was_sent",
            "test_wrong_content_is_refused_and_leaves_nothing",
            "test_a_blob_over_the_limit_is_refused_before_it_is_sent",
        )
    },
    "P76": {
        "tests/unit/dash_app/test_blobs_over_rest.py": (
            "test_a_part_is_what_was_asked_for",
            "test_a_blob_that_comes_in_pieces_is_whole_at_the_last_one",
            "test_pieces_of_wrong_content_leave_nothing",
        )
    },
    "P77": {
        "tests/unit/dash_app/test_datasets_over_rest.py": (
            "test_a_file_becomes_the_newest_version_and_comes_back",
        ),
        "tests/unit/agents/runner/test_inputs.py": (
            "test_a_parameter_becomes_a_path_and_the_result_says_which_version",
            "test_words_and_lists_name_datasets_too",
        ),
    },
    "P82": {
        "tests/unit/agents/runner/test_inputs.py": (
            "test_a_blob_becomes_a_path_called_by_its_hash",
            "test_what_is_no_blob_is_a_named_failure",
        ),
    },
    "P58": {
        "tests/unit/agents/runner/test_bundles.py": (
            "test_a_path_that_leaves_the_folder_is_refused",
            "test_links_and_devices_are_refused",
            "test_what_is_no_whole_archive_is_refused",
        )
    },
    "P89": {
        "tests/unit/agents/runner/test_arguments.py": (
            "test_a_parameter_becomes_a_flag_with_dashes",
            "test_true_is_a_bare_flag_and_false_and_none_are_left_out",
            "test_a_list_becomes_several_values",
            "test_positional_values_come_in_order_after_the_raw_words",
            "test_stdin_carries_one_json_object_and_the_command_line_only_the_raw_words",
        ),
        "tests/contract/test_conformance.py": ("test_our_agent_keeps_the_whole_protocol",),
    },
    "P90": {
        "tests/contract/test_conformance.py": ("test_the_example_in_python_does_all_that_an_agent_must",),
    },
    "P67": {
        "tests/unit/hq/core/test_isolation.py": (
            "test_a_job_gets_the_weakest_level_that_will_do_and_never_a_weaker_one",
            "test_hq_offers_a_job_only_where_its_isolation_is",
            "test_a_machine_that_says_nothing_of_isolation_is_basic",
        ),
        "tests/unit/agents/runner/test_isolation.py": (
            "test_a_job_whose_isolation_is_not_here_is_handed_back",
        ),
    },
    "P78": {
        "tests/unit/hq/core/test_explain.py": ("test_when_nobody_fits_it_names_the_need_of_each_machine",),
        "tests/unit/agents/environments/test_environments.py": (
            "test_requirements_with_includes_and_a_project_are_built_and_another_pin_is_another_environment",
            "test_the_owner_names_interpreters_and_scripts_run_in_them",
        ),
    },
    "P68": {
        "tests/unit/hq/test_sealing.py": (
            "test_a_job_that_asks_for_an_unknown_secret_is_refused",
            "test_a_job_that_asks_for_a_known_secret_is_taken_and_who_asked_is_on_record",
        )
    },
    "P69": {
        "tests/unit/hq/test_sealing.py": (
            "test_the_agent_that_was_granted_the_job_opens_its_secrets",
            "test_nobody_else_does_and_not_for_another_attempt",
        ),
        "tests/e2e/test_secrets_and_isolation.py": ("test_a_secret_is_nowhere_but_in_its_script",),
    },
    "P70": {
        "tests/unit/agents/runner/test_masking.py": (
            "test_values_are_hidden_whole_by_line_and_as_they_are_written",
            "test_nothing_that_is_reported_has_a_value",
        )
    },
}


# --- the page itself ---------------------------------------------------------------------


def test_every_numbered_sentence_has_a_test_and_every_test_a_sentence() -> None:
    numbered = re.findall(r"^\*\*(P\d+)\*\*", PAGE, re.MULTILINE)

    # Each once, and none left out.
    assert sorted(numbered, key=_number) == [f"P{number + 1}" for number in range(len(numbered))]
    assert sorted({*PROVEN, *ELSEWHERE}, key=_number) == sorted(numbered, key=_number)


def _number(sentence: str) -> int:
    return int(sentence[1:])


def test_the_tests_elsewhere_are_there() -> None:
    for named in ELSEWHERE.values():
        for path, wanted in named.items():
            tree = ast.parse((ROOT / path).read_text())
            there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert set(wanted) <= there, f"{path} lost {sorted(set(wanted) - there)}"


def _documented() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, table in re.findall(r"#### `(\w+)`\n((?:\|.*\n)+)", PAGE):
        found[name] = re.findall(r"^\| `(\w+)` \|", table, re.M)
    return found


def _structs() -> dict[str, list[str]]:
    inside = {"Message", "Fact", "Spec", "Request", "WhyWaiting", "Option"}
    kinds = [
        kind
        for module in (
            audit,
            messages,
            facts,
            specs,
            requests,
            early_stopping,
            spaces,
            samplers,
            schedules,
            objectives,
            trials,
            pipelines,
        )
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and _is_of(kind, module)
    ]
    return {kind.__name__: _fields(kind) for kind in kinds if kind.__name__ not in inside}


def _is_of(kind: type, module: ModuleType) -> bool:
    return f"{kind.__module__}.".startswith(f"{module.__name__}.")


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    config = kind.__struct_config__
    tag = [str(config.tag_field)] if config.tag_field else []
    # Stated once for all requests.
    shared = {"key", "on_behalf_of"} if issubclass(kind, requests.Request) else set()
    return tag + [name for name in kind.__struct_encode_fields__ if name not in shared]


def test_every_message_and_field_is_documented_in_its_order() -> None:
    assert _documented() == _structs()


def test_every_event_and_its_fields_are_documented() -> None:
    documented = {
        name: re.findall(r"`(\w+)`", fields)
        for name, fields in re.findall(
            r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", PAGE.split("### Events")[1], re.M
        )
    }

    assert documented == {kind.__name__: list(kind.__struct_fields__) for kind in get_args(events.AnyEvent)}


def test_every_topic_is_documented_with_its_type_and_payload() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)`[^|]* \| \w+ \| `(idlehands[^`]+)` \|", PAGE, re.M))

    assert rows == {topic.template: topic.type for topic in topics.ALL_TOPICS}


def test_every_kind_of_request_is_documented() -> None:
    table = PAGE.split("| kind | does |")[1].split("\n\n")[0]
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(requests.AnyRequest)}

    assert set(re.findall(r"^\| (`\w+`(?:, `\w+`)*) ", table, re.M)) >= {"`submit`", "`hold`, `release`"}
    assert {
        kind for cell in re.findall(r"^\| ([^|]+) \|", table, re.M) for kind in re.findall(r"`(\w+)`", cell)
    } == kinds


# --- the envelope ------------------------------------------------------------------------------
