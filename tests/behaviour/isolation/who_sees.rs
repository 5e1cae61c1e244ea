//! `who-can-see` in random worlds: that a consumer sees an attribute, for one of its purposes, is said exactly where the rules
//! grant it; and what a tenant's administrator is told depends on nothing that only others have.

use std::cell::Cell;
use std::collections::BTreeSet;

use kakehashi::config::today_in_japan;
use kakehashi::core::names::TenantId;
use kakehashi::explain::who_can_see::{WhoCanSee, who_can_see};
use ngsi_ld::context::Context;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::chances::world;
use super::model::{Bound, Caller, Operation};
use super::world::{TYPES, World, names};
use super::{Rig, cases, runner, written};

impl Rig {
    /// What is told of a type of a tenant's, or of an attribute of it.
    fn who_sees(&self, tenant: usize, r#type: &str, attribute: Option<&str>, told_to: Option<&TenantId>) -> Value {
        let revision = self.gateway.revision();
        let r#type = Context::kakehashi().expand_type(r#type).unwrap();
        let asked = WhoCanSee {
            tenant: &written::tenant_id(tenant),
            r#type: r#type.as_str(),
            attribute,
            today: today_in_japan(),
            told_to,
        };
        let told = who_can_see(&revision.config, &revision.registry, &asked, &CancellationToken::new());
        let mut told = json!(told.unwrap());
        told.as_object_mut().unwrap().remove("revision");
        told
    }
}

/// Whether it says that a consumer sees it by queryEntity, stating that purpose.
fn says_yes(told: &Value, consumer: usize, purpose: Option<&str>) -> bool {
    let has = |list: &Value, text: &str| list.as_array().unwrap().iter().any(|one| one == text);
    let id = format!("c{consumer}");
    let mut ways = told["seenBy"].as_array().unwrap().iter();
    ways.any(|way| {
        let by_query = has(&way["operations"], "read") || has(&way["operations"], "queryEntity");
        let purposes = &way["purposes"];
        by_query
            && (purposes.is_null() || has(purposes, purpose.unwrap_or("(none)")))
            && has(&way["consumers"]["names"], &id)
            && way["onlyIdentified"].is_null()
    })
}

/// Whether the rules grant a consumer an attribute of a type of a tenant's, or anything of the type.
fn grants(caller: &Caller<'_>, tenant: usize, r#type: &str, attribute: Option<&str>) -> bool {
    let sources = caller.world.tenants[tenant].sources.iter();
    let mut providing = sources.filter(|source| source.provides.contains(&r#type));
    providing.any(|source| {
        let permits = caller.permits(Operation::Query, tenant, source, r#type);
        permits
            .iter()
            .any(|permit| attribute.is_none_or(|name| caller.grants(permit, tenant, source, r#type, name)))
    })
}

/// The world in which the others have no data, say nothing of it, and nothing is classified for it.
fn without_others(world: &World, tenant: usize) -> World {
    let mut less = world.clone();
    for (place, other) in less.tenants.iter_mut().enumerate() {
        if place != tenant {
            (other.sources, other.permits, other.forbids) = (Vec::new(), Vec::new(), Vec::new());
        }
    }
    let own: BTreeSet<&str> = less.tenants[tenant]
        .sources
        .iter()
        .flat_map(|source| source.provides.iter().copied())
        .collect();
    for (classes, r#type) in less.classes.iter_mut().zip(TYPES) {
        if !own.contains(r#type) {
            *classes = None;
        }
    }
    less
}

#[test]
fn it_is_said_who_sees_what_exactly_where_the_rules_grant_it() {
    let rig = Rig::new();
    let mut runner = runner(cases(), "who_sees.txt");
    let (yes, no, compared) = (Cell::new(0_usize), Cell::new(0_usize), Cell::new(0_usize));
    let worlds = world().prop_map(written::allowed);
    let outcome = runner.run(&worlds, |world| {
        rig.enter(&world)?;
        let attributes: Vec<Option<&str>> = [None].into_iter().chain(names().into_iter().map(Some)).collect();
        for tenant in 0..world.tenants.len() {
            for (r#type, attribute) in TYPES
                .iter()
                .flat_map(|name| attributes.iter().map(move |one| (*name, *one)))
            {
                let told = rig.who_sees(tenant, r#type, attribute, None);
                for (consumer, of) in world.consumers.iter().enumerate() {
                    let stated = [None].into_iter().chain(of.purposes.iter().copied().map(Some));
                    // Whoever has one purpose always asks for that.
                    for purpose in stated.filter(|purpose| purpose.is_some() || of.purposes.len() != 1) {
                        let caller = Caller::new(&world, Bound::Most, consumer, purpose);
                        let expected = grants(&caller, tenant, r#type, attribute);
                        let counted = if expected { &yes } else { &no };
                        counted.set(counted.get() + 1);
                        prop_assert_eq!(
                            says_yes(&told, consumer, purpose),
                            expected,
                            "c{} for {:?} sees {:?} of {} of t{}\n{:#}\n{}",
                            consumer,
                            purpose,
                            attribute,
                            r#type,
                            tenant,
                            told,
                            written::shown(&world)
                        );
                    }
                }
            }
        }
        let own = TenantId::new(written::tenant_id(0));
        let asked: Vec<(&str, Option<&str>)> = TYPES
            .iter()
            .flat_map(|name| attributes.iter().map(move |one| (*name, *one)))
            .collect();
        let told = || -> Vec<Value> {
            let told = asked
                .iter()
                .map(|(r#type, attribute)| rig.who_sees(0, r#type, *attribute, Some(&own)));
            told.collect()
        };
        let with = told();
        let less = without_others(&world, 0);
        // What nobody classifies any more may be refused where a policy speaks of it.
        if rig.enter(&less).is_err() {
            return Ok(());
        }
        for ((with, without), asked) in with.iter().zip(told()).zip(&asked) {
            compared.set(compared.get() + 1);
            prop_assert_eq!(
                with,
                &without,
                "{:?}\nwith what others have: {}\nwithout: {}",
                asked,
                written::shown(&world),
                written::shown(&less)
            );
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (yes, no, compared) = (yes.get(), no.get(), compared.get());
    assert!(
        yes > cases() / 2 && no > cases() && compared > cases() / 4,
        "{yes} were granted and {no} were not; {compared} answers were compared"
    );
}
