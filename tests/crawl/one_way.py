"""The tests of tests/crawl that run only in one process, not by workers, and why."""

from __future__ import annotations

__all__ = ["ONE_WAY"]

#: By reason: whole modules, and single tests of other modules.
_BY_REASON = {
    "functions and classes: not a crawl": (
        "test_image_state",
        "test_outage_rules",
        "test_requirements",
    ),
    "an archive: a worker's answers are not kept once their page is committed, nor read again": (
        "test_archive",
        "test_budget::test_after_a_kill_at_most_the_budget",
        "test_clock",
        "test_conversion::test_a_damaged_file_stops_before_more_is_paid",
        "test_conversion::test_a_kill_in_the_middle_pays_for_no_conversion_twice",
        "test_hostile_answers::test_an_archive_that_is_not_what_was_written_costs_no_call",
        "test_hostile_answers::test_what_cant_be_read_for_want_of_memory_is_not_paid_again",
        "test_kill",
        "test_kill_projects",
        "test_stopping::test_a_killed_job_can_be_run_again",
        "test_stopping::test_a_signal_before_the_first_replay_leaves_every_line",
        "test_stopping::test_an_interrupted_replay_writes_every_line_again",
        "test_stopping::test_ending_a_replay_at_once_keeps_the_last_complete_files",
        "test_storage",
        "test_usage::test_a_running_job_is_refused",
    ),
    "seeds that share an image: workers pay for each of them, as their plan says": (
        "test_own_keys::test_a_row_that_asks_for_more_than_the_one_before_it",
        "test_own_keys::test_rows_that_share_a_picture_have_their_outcomes_when_the_budget_ends",
        "test_own_keys::test_the_users_keys_are_on_every_line",
        "test_own_keys::test_what_is_paid_for_is_not_called_not_started",
        "test_own_keys::test_what_rows_with_one_picture_ask_is_paid_for_once",
    ),
    "other arguments for the same job: a job on Redis has only one set of arguments": (
        "test_conversion::test_is_replayed_to_its_end_when_another_query_is_no_longer_called",
        "test_own_keys::test_another_picture_under_an_old_id_is_searched",
        "test_results::test_a_job_run_again_has_the_files_of_the_last_run",
    ),
    "names that a crawl gives its job: workers share a job by a given name": (
        "test_results::test_new_jobs_of_one_second_do_not_share_a_folder",
        "test_results::test_series_names_its_jobs",
        "test_usage::test_one_problem",
    ),
    "feeds of a project: they are off in workers": (
        "test_hostile::test_feeds_that_cant_work_are_refused",
        "test_plugin::test_a_project_without_feed_exporter_is_refused",
    ),
    "outcomes of a crawl that is ended at once: other workers continue the job": (
        "test_hostile::test_a_query_whose_products_were_cut_off_is_not_complete",
        "test_results::test_queries_are_taken_up_one_by_one",
        "test_stopping::test_a_signal_at_an_awkward_moment",
    ),
    "the exact text of the announcement and the summary": (
        "test_results::test_the_summary_is_last_and_nothing_is_printed_per_item",
        "test_usage::test_the_first_line_says_what_will_run",
    ),
    "streams, terminals and limits of a process: tests/distributed tests those of workers": (
        "test_closed_streams",
        "test_display",
        "test_file_limit",
        "test_seed_limits",
        "test_stopping::test_a_terminal_that_is_closed",
    ),
    "an order that workers don't keep: near the end their queries take turns": (
        "test_order::test_a_query_that_has_most_pages_left_goes_first_near_the_end",
    ),
    "a command, a profile or a script: not a crawl, or one that workers don't have": (
        "test_budget::test_estimate",
        "test_budget::test_what_can_not_be_estimated",
        "test_own_keys::test_an_estimate_counts_each_row_with_its_own_arguments",
        "test_plugin::test_the_project_has_the_command",
        "test_profiles::test_a_real_token_is_not_given_to_the_sandbox",
        "test_profiles::test_the_sandbox_profile_needs_no_token_and_says_it_is_made_up",
        "test_scripts::test_a_script_learns_how_to_resume",
        "test_scripts::test_runspider_is_refused_without_the_add_on_and_has_an_exit_status_with_it",
        "test_scripts::test_the_example_of_a_script",
        "test_scripts::test_without_the_add_on_a_script_is_refused",
        "test_secrets::test_a_password_of_redis",
        "test_secrets::test_a_webhook",
        "test_secrets::test_secrets_in_other_places",
        "test_usage::test_a_mistyped_profile",
        "test_usage::test_a_mistyped_subcommand",
        "test_usage::test_outside_of_a_project",
        "test_written_json::test_no_other_module_writes_json",
    ),
}

#: Why, by module or test.
ONE_WAY = {entry: reason for reason, entries in _BY_REASON.items() for entry in entries}
