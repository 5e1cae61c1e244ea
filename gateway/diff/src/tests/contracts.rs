//! Who gains by a contract that it gets.

use super::super::compare;
use super::{TENANTS, files, loaded};

#[test]
fn a_comparison_tells_who_gains_by_a_contract() {
    let policy = r#"@contract("2026-017") permit(principal, action, resource in Tenant::"sano");"#;
    let stranger = "[consumers.stranger]\norganisation = \"Example\"\ncontracts = [\"2026-018\"]\n";
    let mut before = files(policy);
    before.insert("tenants.toml", format!("{TENANTS}{stranger}"));
    let mut after = before.clone();
    after.insert("tenants.toml", format!("{TENANTS}{}", stranger.replace("018", "017")));
    let difference = compare(&loaded(&before), &loaded(&after), None);
    let changes = &difference.changes;
    assert!(
        changes.iter().all(|change| change.consumers.names == ["stranger"]),
        "{difference}"
    );
    let gained = changes.iter().flat_map(|change| &change.gained);
    let conditions: Vec<&[String]> = gained.map(|access| access.conditions.as_slice()).collect();
    assert!(!conditions.is_empty(), "{difference}");
    assert!(
        conditions
            .iter()
            .all(|conditions| *conditions == ["under the contract 2026-017"]),
        "{difference}"
    );
}
