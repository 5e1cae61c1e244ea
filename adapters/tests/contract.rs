//! What every adapter must do, whatever it speaks: one suite, run against each adapter and a source of its kind.
//!
//! # To add an adapter
//!
//! 1. Write `contract/<adapter>.rs` with a type that implements [`fixture::Fixture`]: it starts a source (a
//!    stand-in on a real socket, or a store in a temporary folder), puts [`sample::SITES`] into it in the source's
//!    own language, and says which entities of the view those are.
//! 2. Add its module below, and `contract_suite!(<module>::<Fixture>)` in it; where it takes writes, `contract_of_writes!`, too.
//!
//! Each sentence of the contract is then a test named `contract_<sentence>` in that module. A sentence that
//! cannot be broken by a kind of source (a local store cannot answer HTML) passes by saying so:
//! [`fixture::Fixture::set_fault`] gives `false`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "contract/example.rs"]
mod example;
#[path = "contract/fixture.rs"]
mod fixture;
#[path = "contract/held.rs"]
mod held;
#[path = "contract/ngsi_v2.rs"]
mod ngsi_v2;
#[path = "contract/open_data.rs"]
mod open_data;
#[path = "contract/rest.rs"]
mod rest;
#[path = "contract/sample.rs"]
mod sample;
#[path = "contract/sentences.rs"]
mod sentences;
#[path = "contract/store.rs"]
mod store;
#[path = "kinds/table.rs"]
mod table;
#[path = "contract/writes.rs"]
mod writes;

/// Makes a test of every sentence of the contract, for one fixture.
#[macro_export]
macro_rules! contract_suite {
    ($fixture:ty) => {
        $crate::contract_suite!(
            $fixture:
            contract_an_entity_is_found_by_its_id => an_entity_is_found_by_its_id,
            contract_what_is_not_there_is_no_error => what_is_not_there_is_no_error,
            contract_types_select_and_nothing_else_is_returned => types_select_and_nothing_else_is_returned,
            contract_ids_and_patterns_select => ids_and_patterns_select,
            contract_filters_mean_what_the_evaluator_says => filters_mean_what_the_evaluator_says,
            contract_areas_mean_what_the_evaluator_says => areas_mean_what_the_evaluator_says,
            contract_attributes_beyond_the_selection_are_neither_returned_nor_asked_for
                => attributes_beyond_the_selection_are_neither_returned_nor_asked_for,
            contract_one_of_some_attributes_must_exist => one_of_some_attributes_must_exist,
            contract_pages_have_no_gaps_and_no_repeats => pages_have_no_gaps_and_no_repeats,
            contract_candidates_stand_in_one_list => candidates_stand_in_one_list,
            contract_counts_are_exact => counts_are_exact,
            contract_faults_are_named_and_end_within_the_deadline => faults_are_named_and_end_within_the_deadline,
            contract_the_callers_deadline_holds => the_callers_deadline_holds,
            contract_the_source_gets_its_credential => the_source_gets_its_credential,
            contract_a_source_that_recovers_is_asked_again => a_source_that_recovers_is_asked_again,
        );
    };
    ($fixture:ty: $($name:ident => $sentence:ident),* $(,)?) => {
        $crate::contract_sentences!($fixture, sentences: $($name => $sentence),*);
    };
}

/// Makes a test of every sentence of the contract of writing, for a fixture whose adapter takes writes.
#[macro_export]
macro_rules! contract_of_writes {
    ($fixture:ty) => {
        $crate::contract_sentences!(
            $fixture, writes:
            contract_what_is_offered_is_done_and_nothing_else => what_is_offered_is_done_and_nothing_else,
            contract_what_is_created_is_found_and_created_once => what_is_created_is_found_and_created_once,
            contract_what_is_put_takes_the_place_of_the_whole => what_is_put_takes_the_place_of_the_whole,
            contract_what_is_deleted_is_gone => what_is_deleted_is_gone,
            contract_the_decision_sees_what_is_there => the_decision_sees_what_is_there,
            contract_a_late_write_changes_nothing => a_late_write_changes_nothing,
            contract_writes_together_have_an_end_each => writes_together_have_an_end_each,
            contract_a_write_is_told_of_where_it_says => a_write_is_told_of_where_it_says,
            contract_what_is_kept_says_whether_it_is_all => what_is_kept_says_whether_it_is_all
        );
    };
}

/// A test for each sentence of one module.
#[macro_export]
macro_rules! contract_sentences {
    ($fixture:ty, $module:ident: $($name:ident => $sentence:ident),*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let fixture = <$fixture as $crate::fixture::Fixture>::start().await;
                $crate::$module::$sentence(&fixture).await;
            }
        )*
    };
}
