//! Whatever goes wrong in the policies denies, and is counted: no fault ever shows more.

use stand_ins::Fault;

use super::harness::{Platform, nasushiobara_sites, yaita_sites};

async fn metric(platform: &Platform, name: &str) -> f64 {
    let text = platform.gateway().admin("nobody").get("/metrics").await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// Waits until an edit was refused.
async fn refused(platform: &Platform) {
    let refused = async { while metric(platform, "kakehashi_config_reloads_total{outcome=\"refused\"").await < 1.0 {} };
    assert!(tokio::time::timeout(super::harness::PATIENCE, refused).await.is_ok());
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_denies_its_tenants_data_and_is_counted() {
    // It is a forbid that fails: skipping it would show what it hides.
    let faulty = "forbid (principal, action, resource in Tenant::\"yaita\") when { 9223372036854775807 + 1 == 0 };";
    let builder = Platform::builder().await;
    let platform = builder.policy("yaita.cedar", faulty).start().await;
    assert!(metric(&platform, "kakehashi_policy_faults_total").await.abs() < f64::EPSILON);
    let list = platform
        .entities("type=EvacuationSite&count=true&limit=1000")
        .await
        .ok();
    let ids = list.ids();
    assert!(yaita_sites().iter().all(|site| !ids.contains(&site.id)));
    assert!(
        nasushiobara_sites().iter().all(|site| ids.contains(&site.id)),
        "others are not concerned"
    );
    assert_eq!(platform.entity(&yaita_sites()[0].id).await.status, 404);
    assert!(metric(&platform, "kakehashi_policy_faults_total").await >= 1.0);
}

#[tokio::test]
async fn without_its_classification_no_revision_takes_over() {
    let platform = Platform::start().await;
    let shelters = "type=DesignatedShelter&limit=1000";
    let before = platform.entities(shelters).tenant("nasushiobara").await.ok().body;
    platform.files().remove("policies/classification.toml");
    refused(&platform).await;
    let after = platform.entities(shelters).tenant("nasushiobara").await.ok().body;
    assert_eq!(before, after, "what ran before still holds, whole");
}

#[tokio::test]
async fn half_of_a_revision_never_holds() {
    let platform = Platform::start().await;
    // The one file shows more, the other is wrong: neither holds.
    platform.files().append(
        "policies/yaita.cedar",
        "permit (principal in Role::\"limited\", action in Action::\"read\", resource in Tenant::\"yaita\");",
    );
    platform.files().append("policies/sano.cedar", "permit (principal");
    refused(&platform).await;
    let shown = platform
        .entity(&yaita_sites()[0].id)
        .by("limited-app")
        .await
        .ok()
        .json();
    assert!(shown.get("fullAddress").is_none(), "{shown}");
}

#[tokio::test]
async fn a_source_of_which_nothing_is_granted_is_neither_asked_nor_named_when_it_fails() {
    let permit = "@purpose(\"disaster-response\")\npermit (principal in Role::\"narrowed\", action, \
                  resource == EntityType::\"nasushiobara/EvacuationSite\");";
    let yaita = "permit (principal in Role::\"narrowed\", action, resource == EntityType::\"yaita/EvacuationSite\");";
    let builder = Platform::builder().await.consumer("narrowed");
    let platform = builder
        .policy("nasushiobara.cedar", permit)
        .policy("yaita.cedar", yaita)
        .start()
        .await;
    platform.demo().orion().set_fault(Fault::Status(500));
    let list = platform
        .entities("type=EvacuationSite&count=true")
        .by("narrowed")
        .await
        .ok();
    assert_eq!((list.count(), list.warnings().len()), (25, 0));
    assert!(platform.asked().is_empty());
}
