//! What the platform promises, tried on the real binary: every test starts `kakehashi` as a process of its own, on
//! real sockets, with stand-ins for the upstreams running here, where their faults are set and their request logs read.
//!
//! One module per behaviour. `harness` starts and asks; whatever it starts, it also watches: no answer, file, log line
//! or metric of any test may hold a personal value, no process may panic, and the personal-data module is never asked.

// As a test module its helpers may unwrap and index, as tests may.
#[cfg(test)]
mod behaviour {
    mod harness;

    mod additions;
    mod administration;
    mod administration_bounds;
    mod administrators;
    mod architecture_page;
    mod asked_again_later;
    mod asked_at_once;
    mod browsers;
    mod canaries;
    mod changes_from_the_outbox;
    mod client_certificates;
    mod clients;
    mod command_line;
    mod compared_revisions;
    mod connections;
    mod contexts;
    mod contexts_in_bodies;
    mod contexts_relative;
    mod contexts_stored;
    mod cors;
    mod credentials;
    mod dates_of_what_is_seen;
    mod demo;
    mod documented;
    mod every_route;
    mod explained_requests;
    mod explaining;
    mod fail_closed;
    mod faults;
    mod full_disk;
    mod guarded_spellings;
    mod guide_for_administrators;
    mod held_sources;
    mod hidden;
    mod hidden_by_class;
    mod ids_that_repeat;
    mod ids_when_writing;
    mod inspection;
    mod isolation;
    mod judged_policies;
    mod languages;
    mod left_out;
    mod linked_conditions;
    mod linked_entities;
    mod linked_hidden;
    mod lying;
    mod malformed;
    mod masked_relationships;
    mod merging;
    mod mutations;
    mod narrowing;
    mod near;
    mod not_offered;
    mod notifications;
    mod openapi;
    mod ordering;
    mod outbox;
    mod overload;
    mod overload_page;
    mod own_ids;
    mod paging;
    mod peers_are_wrong;
    mod periodic_limits;
    mod permits;
    mod personal_data;
    mod personal_relay;
    mod privacy_promise;
    mod proposed_secrets;
    mod protocols;
    mod provision;
    mod purposes;
    mod query_by_post;
    mod random_queries;
    mod rate_limits;
    mod read_only_disk;
    mod refused_start;
    mod reload;
    mod reload_under_load;
    mod representations;
    mod requests_of_a_question;
    mod same_by_id;
    mod scopes;
    mod secrets;
    mod service_paths;
    mod shared_requests;
    mod shown_members;
    mod side_doors;
    mod source_credentials;
    mod source_filters;
    mod spoofed_cities;
    mod stopping;
    mod streaming;
    mod subscriptions;
    mod tenant_addresses;
    mod tenant_floor;
    mod tenants;
    mod terminals;
    mod text_of_every_script;
    mod tls;
    mod tokens;
    mod too_wide;
    mod types;
    mod wire;
    mod withdrawn;
    mod writes_are_told;
}
