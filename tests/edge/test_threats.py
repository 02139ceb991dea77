"""Who may wish this program ill, what stands against each, and the tests that show it: the threat model as a table.

The tests a row names run with all others; here it is checked that they exist and are not skipped.
"""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Threat(NamedTuple):
    who: str
    control: str
    proofs: tuple[str, ...]
    """`FILE::TEST` below tests/."""
    unbuilt: str = ""
    """What of it has no test, as what it threatens is not built."""


THREATS = [
    Threat(
        "a rogue agent announces itself as rig2, at a better address",
        "announcements only add candidates; a node is whoever proves its key, before anything is sent",
        (
            "wire/test_pairing_links.py::test_who_has_taken_the_agents_address_is_asked_nothing",
            "wire/test_pairing_rogues.py::test_another_agent_at_the_address_of_the_one_that_was_chosen",
            "wire/test_pairing_rogues.py::test_an_agent_that_claims_the_id_of_another",
            "edge/test_sightings.py::test_the_last_good_address_comes_first_and_then_the_newest",
            "edge/test_sightings.py::test_a_flood_of_names_is_cut_short_and_paired_nodes_are_still_heard",
        ),
    ),
    Threat(
        "a rogue client drives an agent",
        "a paired agent's handshake succeeds with its daemon alone; an unpaired one only pairs, by its code",
        (
            "wire/test_pairing_pinned.py::test_nobody_else_gets_through_the_handshake",
            "wire/test_pairing_pinned.py::test_a_mixed_up_trust_store_is_not_enough",
            "wire/test_pairing_pinned.py::test_a_daemon_that_was_left_is_not_answered_any_more",
            "wire/test_pairing_agent.py::test_nothing_but_pairing_answers_who_is_not_paired",
            "wire/test_agent_network.py::test_once_paired_it_works_for_that_daemon_and_answers_nobody_else",
        ),
    ),
    Threat(
        "somebody guesses the code",
        "five tries, each used up before it is computed, then a new code and a lock that doubles; each is told",
        (
            "wire/test_pairing_agent.py::test_after_five_wrong_tries_the_code_is_gone_and_the_lock_doubles",
            "wire/test_pairing_agent.py::test_a_try_is_used_up_before_anything_is_computed",
            "wire/test_pairing_agent.py::test_a_run_that_is_recorded_is_worth_nothing_again",
        ),
    ),
    Threat(
        "a machine in the middle",
        "TLS 1.3 with pins on both sides; while pairing, SPAKE2 bound to both certificates",
        (
            "wire/test_pairing_middle.py::test_a_relay_with_a_certificate_of_its_own_is_found_out_by_both_sides",
            "wire/test_pairing_middle.py::test_a_certificate_that_is_swapped_between_two_calls",
            "wire/test_pairing_messages.py::test_no_byte_of_any_message_can_be_changed",
        ),
    ),
    Threat(
        "a copied disk: one key on two machines",
        "both are found out by instance while they live, and neither is given anything",
        (
            "wire/test_fleet_local.py::test_two_agents_of_one_id_are_told_apart_and_the_second_is_not_used",
            "wire/test_fleet_discovery.py::test_a_copied_disk_on_the_network_is_noticed_by_itself",
        ),
    ),
    Threat(
        "a malicious picture",
        "capped and hashed while it streams, three formats, decoded in a bounded process, written anew under its hash",
        (
            "edge/test_artifact_hostile.py::test_every_hostile_picture_is_refused_with_a_sentence_and_leaves_nothing",
            "edge/test_artifact_hostile.py::test_a_decoder_cannot_write_files_or_take_more_than_a_gigabyte",
            "edge/test_artifact_store.py::test_the_cap_holds_while_streaming",
            "wire/test_hostile_agents.py::test_a_bomb_whose_hash_is_right",
            "wire/test_hostile_agents.py::test_bytes_that_are_not_what_was_claimed",
        ),
    ),
    Threat(
        "an agent that lies about numbers, names, sizes, or attempts of others",
        "bounds on all it says, before the log; attempts count by token, node and name; nothing unasked is fetched",
        (
            "wire/test_hostile_agents.py::test_a_card_that_no_machine_has_is_not_used_and_is_named",
            "wire/test_hostile_agents.py::test_a_result_out_of_all_bounds_fails_its_own_attempt",
            "wire/test_hostile_agents.py::test_numbers_that_are_none_are_not_written_into_the_log",
            "wire/test_hostile_attempts.py::test_nobody_answers_for_an_attempt_of_another_node",
            "wire/test_hostile_attempts.py::test_results_that_nobody_asked_for_are_not_fetched_and_end_the_connection",
            "core/test_decide_stages.py::test_a_late_result_counts_only_from_the_node_it_was_given_to",
        ),
    ),
    Threat(
        "names that are paths, from agents, manifests, packs and lists of models",
        "names are labels; files are named by their hash; what becomes a file name goes through one function",
        (
            "edge/test_artifact_hostile.py::test_what_an_agent_says_of_a_picture_never_becomes_a_path",
            "edge/test_artifact_store.py::test_links_in_the_store_are_not_followed",
            "edge/test_results.py::test_every_safe_name_is_one_harmless_component",
            "edge/test_results.py::test_a_folder_name_that_leaves_the_root_is_refused",
            "edge/test_results.py::test_results_are_not_written_through_a_link",
            "edge/test_library_shelf.py::test_no_name_leads_out_of_the_folder",
            "wire/test_agent_refusals.py::test_hostile_names_reach_no_file",
            "wire/test_hostile_agents.py::test_a_name_is_a_label_and_never_more",
            "edge/test_library_shelf.py::test_a_name_that_no_file_may_have_is_one_nobody_gave",
            "edge/test_library_keeping.py::test_wildcards_have_folders_and_never_leave_theirs",
            "edge/test_library_keeping.py::test_other_names_have_no_path_parts",
            "edge/test_library_words.py::test_no_link_is_followed_out_of_the_library",
            "edge/test_library_words.py::test_links_out_of_any_folder_of_the_library_are_passed_over_and_told",
            "edge/test_library_words.py::test_names_that_would_steer_a_terminal_are_no_wildcards",
            "edge/test_library_taking.py::test_links_and_hostile_names_do_not_lead_out",
        ),
    ),
    Threat(
        "requests that are sent elsewhere: a backend's address, redirects",
        "the agent's own settings name its servers; neither side follows a redirect or uses a proxy",
        (
            "wire/test_pairing_links.py::test_no_answer_sends_the_daemon_elsewhere",
            "wire/test_pairing_rogues.py::test_a_greeting_that_points_to_another_agent_is_not_followed",
            "wire/test_agent_http.py::test_the_environments_proxies_are_not_used",
            "wire/test_agent_http.py::test_a_password_in_a_redirect_is_not_repeated",
            "wire/test_gallery.py::test_a_gallery_that_will_not_be_spoken_to_is_left_alone",
        ),
    ),
    Threat(
        "a site of models, or where it sends one",
        "off until switched on; each hop by https to a public address, looked up as it is connected to; bounded; "
        "a file gets its name when it is whole and what was promised, and is of no kind that runs code",
        (
            "edge/test_models_remote.py::test_nobody_is_asked_unless_a_person_switched_it_on",
            "edge/test_models_remote.py::test_no_redirect_leads_into_a_private_network",
            "edge/test_models_remote.py::test_a_name_that_resolves_to_a_private_address_is_not_asked",
            "edge/test_models_remote.py::test_a_name_that_was_public_a_moment_ago_is_looked_up_again",
            "edge/test_models_remote.py::test_another_port_of_the_sites_own_machine_is_as_private_as_any",
            "edge/test_models_remote.py::test_a_circle_of_redirects_ends",
            "edge/test_models_remote.py::test_whatever_a_site_answers_is_a_list_or_a_sentence",
            "edge/test_models_remote.py::test_an_answer_that_is_packed_is_not_unpacked",
            "edge/test_models_remote.py::test_a_site_that_never_answers_is_left_after_a_while",
            "edge/test_models_remote.py::test_more_than_the_limit_is_not_taken",
            "edge/test_models_remote.py::test_another_content_than_was_promised_is_thrown_away",
            "edge/test_models_named.py::test_names_of_sites_are_made_plain",
            "edge/test_models_remote.py::test_a_name_that_is_a_path_or_no_name_leaves_nothing",
            "edge/test_models_named.py::test_a_link_out_of_the_folder_is_not_followed",
        ),
    ),
    Threat(
        "a gallery that answers whatever it likes",
        "nothing is sent before a person names it; answers are read whole, bounded and plain, or refused",
        (
            "wire/test_gallery.py::test_nothing_goes_anywhere_until_a_gallery_is_named",
            "wire/test_gallery.py::test_what_a_gallery_calls_a_picture_is_a_plain_short_name",
            "wire/test_gallery.py::test_a_refusal_of_a_stranger_is_told_without_what_drives_a_terminal",
            "wire/test_gallery.py::test_a_list_that_is_none_is_refused_and_changes_nothing",
            "wire/test_gallery.py::test_a_list_that_never_ends_is_left",
            "wire/test_gallery.py::test_an_answer_that_unpacks_itself_is_not_unpacked",
            "wire/test_gallery.py::test_no_gallery_makes_one_wait_for_long",
        ),
    ),
    Threat(
        "keys of galleries, sites and servers that come to light",
        "shown as set; in no fault, event, answer or log; each goes to its own server and to no child process",
        (
            "edge/test_library_verbs.py::test_secrets_are_shown_as_set_and_never_repeated",
            "edge/test_library_verbs.py::test_a_secret_that_cannot_be_one_is_refused_without_repeating_it",
            "edge/test_models_remote.py::test_the_key_of_a_site_goes_to_that_site_only",
            "edge/test_models_remote.py::test_no_key_is_in_what_is_told_of_a_failure",
            "wire/test_gallery.py::test_the_token_is_in_no_event_no_answer_and_no_log",
            "edge/test_secrets_stay.py::test_who_reads_strangers_pictures_finds_no_key_in_its_environment",
            "edge/test_secrets_stay.py::test_the_agent_beside_the_daemon_is_given_its_own_password_and_no_other",
            "edge/test_source_rules.py::test_secrets_of_the_settings_are_read_where_they_belong_and_nowhere_else",
        ),
    ),
    Threat(
        "a file of another program: pictures, films, records, models and what lies beside them",
        "read by a child under limits, every length checked; headers bounded; previews are shrunk by such a child",
        (
            "edge/test_foreign_child.py::test_one_that_hangs_is_ended_and_told",
            "edge/test_foreign_files.py::test_a_bomb_costs_no_memory",
            "edge/test_foreign_files.py::test_files_that_are_not_what_their_names_say",
            "edge/test_foreign_files.py::test_nothing_of_a_picture_reaches_the_terminal_as_a_command",
            "edge/test_foreign_graphs.py::test_cycles_end",
            "wire/test_api_foreign.py::test_nothing_in_a_prompt_that_came_along_is_expanded",
            "edge/test_models_headers.py::test_a_hostile_header_is_told_and_costs_nothing",
            "wire/test_api_models.py::test_a_strangers_preview_is_not_decoded_in_the_daemon",
            "wire/test_api_models.py::test_a_preview_that_unpacks_to_gigapixels_is_refused",
            "edge/test_source_rules.py::test_what_nobody_has_verified_is_read_in_bounded_processes",
        ),
    ),
    Threat(
        "records, spaces of knobs and proposed presets that somebody else wrote",
        "typed and bounded before the log; all of a file or nothing; no path comes in, no zip is opened; a proposal is "
        "shown as a difference and applied by the person alone",
        (
            "core/test_learning_files.py::test_a_wrong_line_is_one_sentence_with_its_place",
            "core/test_learning_anything.py::test_anything_is_answered",
            "edge/test_records_incoming.py::test_what_is_broken_is_told_with_its_place_and_nothing_is_taken",
            "edge/test_records_incoming.py::test_no_path_of_theirs_comes_in",
            "edge/test_records_incoming.py::test_a_zip_is_not_looked_into",
            "edge/test_records_incoming.py::test_what_would_stand_in_the_log_for_ever_is_looked_at_first",
            "edge/test_records_incoming.py::test_a_proposal_that_is_none_is_refused_with_its_place",
            "edge/test_lab.py::test_a_wrong_space_is_one_sentence",
            "edge/test_learning_verb.py::test_names_steer_no_terminal",
            "wire/test_api_adopting.py::test_a_suggestion_is_shown_against_what_is_used_and_never_applied_by_itself",
            "wire/test_cli_learnfiles.py::test_with_one_broken_file_nothing_of_any_is_sent",
        ),
    ),
    Threat(
        "a bundle for a language model that tells more than its owner meant",
        "machines and folders are never told; redacted, every word of a person is an id under this home's own salt",
        (
            "edge/test_records_bundle.py::test_machines_and_folders_are_never_told",
            "edge/test_records_bundle.py::test_redaction_leaves_no_word_of_the_persons_anywhere",
            "edge/test_records_bundle.py::test_ids_are_of_this_installation_alone",
            "edge/test_records_bundle.py::test_a_packs_name_leads_nowhere",
            "edge/test_records_home.py::test_nothing_of_a_home_is_in_its_redacted_bundle",
        ),
    ),
    Threat(
        "a language model that answers whatever it likes, or hears what is nobody's business",
        "told settings, bounds and claims only; its answer is values within these bounds, kept as a proposal",
        (
            "wire/test_api_asking.py::test_the_model_is_told_settings_bounds_and_what_is_known_and_nothing_private",
            "wire/test_api_asking.py::test_nonsense_gives_one_sentence_and_nothing_is_kept",
            "wire/test_api_asking.py::test_an_answer_becomes_a_suggestion_shown_against_the_pack_and_applied_by_nobody",
            "wire/test_api_asking.py::test_only_runs_that_asked_have_an_answer_and_only_for_their_pack",
        ),
    ),
    Threat(
        "a web page in a browser on the same machine or network",
        "a Unix socket; over TCP exact names, no Origin, no cookies, no CORS, JSON alone; the agents' ports too",
        (
            "wire/test_api_guard.py::test_no_route_answers_a_web_page",
            "wire/test_api_tcp_guard.py::test_each_wrong_way_is_refused_on_every_route",
            "wire/test_api_tcp_guard.py::test_each_wrong_way_is_refused_on_some_route",
            "wire/test_api_tcp_guard.py::test_methods_that_a_route_does_not_have_are_refused",
            "wire/test_api_tcp_guard.py::test_bodies_of_forms_and_packed_ones_are_refused_whoever_asks",
            "wire/test_pairing_agent.py::test_a_request_that_no_daemon_sends",
        ),
    ),
    Threat(
        "a program on the network that asks the daemon's API",
        "nobody listens there unless settings say so; a secret of 256 bits on every request, before anything of it is "
        "read, for routes that are none as well",
        (
            "wire/test_api_tcp.py::test_nobody_listens_unless_settings_say_where",
            "wire/test_api_tcp_guard.py::test_each_wrong_way_is_refused_on_every_route",
            "wire/test_api_tcp.py::test_who_is_not_let_in_is_not_read",
            "wire/test_api_tcp.py::test_half_a_request_is_not_waited_for",
            "wire/test_api_tcp.py::test_crowds_at_one_door_keep_nobody_from_the_other",
        ),
    ),
    Threat(
        "a secret of the API that comes to light, or a program that does more than it was let in for",
        "told once and kept as its hash; a scope that each route names; revoked or expired from the next request on, "
        "streams too; nobody over TCP lets others in",
        (
            "wire/test_api_tcp.py::test_a_secret_is_told_once_and_the_log_holds_what_it_is_recognised_by",
            "wire/test_api_tcp.py::test_what_it_is_being_sent_ends_with_the_access",
            "wire/test_api_tcp.py::test_too_many_requests_are_told_to_come_later",
            "wire/test_api_tcp_guard.py::test_each_scope_reaches_its_routes_and_no_others",
            "wire/test_api_tcp_guard.py::test_every_route_says_whom_it_is_for",
            "wire/test_api_tcp_guard.py::test_scopes_are_as_they_are_listed_here",
        ),
    ),
    Threat(
        "requests that nobody thought of",
        "made from the API's own page: each is answered as it says, or refused in its words",
        (
            "wire/test_api_fuzz.py::test_no_request_breaks_it_and_every_answer_is_as_described",
            "wire/test_api_fuzz.py::test_no_request_breaks_a_route",
        ),
    ),
    Threat(
        "clients that hang up, ask again, or never read what they are sent",
        "a wish happens once for its key, whenever it was cut off; who reads nothing holds one connection",
        (
            "wire/test_api_again.py::test_whatever_is_sent_again_happens_once",
            "wire/test_api_again.py::test_a_thousand_wishes_sent_up_to_five_times_and_cut_off_happen_once",
            "wire/test_api_tcp.py::test_one_that_leaves_what_it_is_sent_unread_is_closed",
            "wire/test_api_tcp.py::test_a_frame_of_a_gigabyte_ends_its_feed",
        ),
    ),
    Threat(
        "text from outside that drives a terminal",
        "control characters and writing directions are taken out where text is shown; never rendered as markup",
        (
            "screen/test_hostile_text.py::test_a_hostile_name_is_text_in_its_place",
            "screen/test_hostile_text.py::test_nothing_plain_steers_a_terminal",
            "wire/test_cli_verbs.py::test_names_from_outside_cannot_drive_the_terminal",
            "core/test_pack_dialects.py::test_control_characters_never_reach_a_terminal",
            "edge/test_sightings.py::test_names_are_shown_without_what_drives_a_terminal",
        ),
    ),
    Threat(
        "packs, prompts and workflows that would run something",
        "they are values: nothing evaluates them; workflows come from a local folder only; no pickle is opened",
        (
            "edge/test_planner.py::test_a_workflow_that_is_not_there_or_none_is_refused",
            "core/test_pack_dialects.py::test_no_text_makes_the_search_for_slots_slow",
            "core/test_pack_dialects.py::test_any_text_is_a_pack_or_is_refused",
            "wire/test_backend_diffusers_folder.py::test_pickles_beside_safetensors_need_not_be_opened",
            "core/test_variation_syntax.py::test_any_text_is_read_or_refused",
            "core/test_variation_syntax.py::test_cycles_name_their_way",
            "core/test_variation_syntax.py::test_values_that_grow_beyond_measure_are_refused_at_once",
            "core/test_variation_syntax.py::test_long_texts_are_read_at_once",
            "core/test_variation_counts.py::test_a_space_beyond_any_integer_is_counted_and_sampled",
            "core/test_readers_wildcards.py::test_a_cycle_is_told_exactly_where_there_is_one",
        ),
    ),
    Threat(
        "YAML, JSON and msgpack that explode: aliases, nesting, huge numbers",
        "plain values only, few aliases, bounded size and depth, typed decoding",
        (
            "core/test_pipeline_reading.py::test_any_yaml_is_a_pipeline_or_is_refused",
            "core/test_pipeline_reading.py::test_any_json_is_a_pipeline_or_is_refused",
            "wire/test_api_guard.py::test_no_route_takes_a_body_that_is_not_its_json",
            "wire/test_pairing_agent.py::test_a_body_that_is_no_message",
            "wire/test_hostile_attempts.py::test_a_frame_that_is_none_ends_the_connection_and_not_the_daemon",
            "core/test_readers_marked.py::test_presets_and_pipelines_hold_no_bombs_either",
            "core/test_readers_marked.py::test_a_file_beyond_its_limit_is_not_read",
            "edge/test_library_words.py::test_a_broken_or_hostile_file_is_named_and_the_others_are_there",
        ),
    ),
    Threat(
        "bodies that unpack themselves, or never end",
        "no Content-Encoding in either direction, limits per route, WebSockets without compression",
        (
            "wire/test_api_guard.py::test_no_route_takes_encoded_bodies",
            "wire/test_api_guard.py::test_a_chunked_body_is_cut_off_at_the_limit",
            "wire/test_api_guard.py::test_a_file_that_drips_is_given_up",
            "wire/test_api_guard.py::test_a_websocket_frame_of_a_gigabyte_is_refused_by_its_length",
            "wire/test_agent_refusals.py::test_a_compressed_body_is_not_unpacked",
            "wire/test_pairing_links.py::test_an_answer_that_unpacks_itself_is_not_unpacked",
            "wire/test_pairing_agent.py::test_a_body_that_never_ends_is_cut_off",
        ),
    ),
    Threat(
        "another user of the same machine",
        "folders 0700, sockets, keys and log 0600, and the caller's user is asked for",
        (
            "wire/test_api_guard.py::test_no_route_answers_another_user",
            "edge/test_claim.py::test_the_socket_is_private_listens_and_is_named_by_the_endpoint",
            "wire/test_agent_refusals.py::test_the_socket_belongs_to_one_user",
            "wire/test_agent_process.py::test_its_folders_are_closed_to_others_from_the_start",
            "wire/test_pairing_files.py::test_a_key_is_made_once_and_is_this_users_alone",
        ),
    ),
    Threat(
        "a log that was changed",
        "each event holds the hash of the one before; the newest stands outside the database",
        (
            "edge/test_log_damage.py::test_flipped_bits_are_found",
            "edge/test_log_damage.py::test_a_damaged_tail_is_told_with_its_numbers",
            "edge/test_log_chain.py::test_every_column_is_covered",
        ),
    ),
]


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.who)
def test_each_threat_has_a_control_and_tests_that_run(threat):
    assert threat.control and threat.proofs
    for proof in threat.proofs:
        file, _, name = proof.partition("::")
        found = [
            node
            for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        ]
        assert found, f"{proof} is not there"
        marks = " ".join(ast.unparse(mark) for mark in found[0].decorator_list)
        assert "mark.skip(" not in marks and "xfail" not in marks, proof
