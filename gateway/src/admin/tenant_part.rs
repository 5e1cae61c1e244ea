//! What of a revision is a tenant's own: its table in tenants.toml with its sources, and its policy file. Everything
//! else is another's, and what stands in the own part must not reach beyond it.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::{Table, Value};
use toml_edit::{DocumentMut, Item};

use crate::config::{FileTexts, TenantId};

const TENANTS_TOML: &str = "tenants.toml";

/// Keys of a tenant's table that are its own. What else there is says what the tenant is to the platform.
const OWN_KEYS: [&str; 3] = ["name", "limits", "sources"];

/// Keys of a source that are its tenant's own. What else there is names files and secrets of the gateway's machine, or
/// may come to: of those a tenant can use what it was given, and nothing new.
const OWN_SOURCE_KEYS: [&str; 13] = [
    "id",
    "adapter",
    "endpoint",
    "fiware_service",
    "fiware_servicepath",
    "scope_from_servicepath",
    "personal_data",
    "writable",
    "mode",
    "timeout",
    "poll",
    "limits",
    "provides",
];

/// The file of a tenant's policies.
fn policy_file(tenant: &TenantId) -> String {
    format!("policies/{tenant}.cedar")
}

/// The tenant's own part, by the same names: of tenants.toml its table alone.
pub(super) fn own_part(files: &FileTexts, tenant: &TenantId) -> FileTexts {
    let mut part = FileTexts::new();
    if let Some(table) = files.get(TENANTS_TOML).and_then(|text| own_table(text, tenant)) {
        part.insert(TENANTS_TOML.to_owned(), table.into());
    }
    let policies = policy_file(tenant);
    if let Some(text) = files.get(&policies) {
        part.insert(policies, Arc::clone(text));
    }
    part
}

/// tenants.toml with everything left out but one tenant's table.
pub(super) fn own_table(text: &str, tenant: &TenantId) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let tenants = document.get("tenants")?.as_table_like()?;
    let own = tenants.get(tenant.as_str())?.clone();
    let mut tenants = toml_edit::Table::new();
    tenants.set_implicit(true);
    tenants.insert(tenant.as_str(), own);
    document = DocumentMut::new();
    document.insert("tenants", Item::Table(tenants));
    Some(document.to_string().trim_start_matches('\n').to_owned())
}

/// The files with a tenant's own part changed. `None` for a file removes it.
///
/// # Errors
/// What is not the tenant's to change, in one sentence.
pub(super) fn with_own_part(
    files: &FileTexts,
    tenant: &TenantId,
    changes: BTreeMap<String, Option<Arc<str>>>,
) -> Result<FileTexts, String> {
    let mut changed = files.clone();
    for (name, text) in changes {
        if name == policy_file(tenant) {
            match text {
                Some(text) => changed.insert(name, text),
                None => changed.remove(&name),
            };
        } else if name == TENANTS_TOML {
            let text = text.ok_or("tenants.toml cannot be removed")?;
            let whole = files.get(TENANTS_TOML).map_or("", |text| text);
            changed.insert(name, with_own_table(whole, tenant, &text)?.into());
        } else {
            let own = policy_file(tenant);
            return Err(format!(
                "{name} is not a file of tenant `{tenant}`: its own are tenants.toml and {own}"
            ));
        }
    }
    Ok(changed)
}

/// tenants.toml with one tenant's table replaced.
fn with_own_table(whole: &str, tenant: &TenantId, part: &str) -> Result<String, String> {
    let not_toml = |error: toml::de::Error| format!("the part of tenants.toml is not TOML: {}", error.message());
    let proposed: Table = part.parse().map_err(not_toml)?;
    let proposed = only_table(&proposed, tenant)?;
    let before: Table = whole.parse().map_err(not_toml)?;
    let earlier = table_of(&before, tenant).ok_or_else(|| format!("there is no tenant `{tenant}`"))?;
    check_keys(earlier, proposed)?;

    let broken = || "the part cannot be put into tenants.toml: write it as `[tenants.<id>]` tables".to_owned();
    let mut document: DocumentMut = whole.parse().map_err(|_| broken())?;
    let part: DocumentMut = part.parse().map_err(|_| broken())?;
    let own = part.get("tenants").and_then(Item::as_table_like);
    let mut own = own
        .and_then(|tenants| tenants.get(tenant.as_str()))
        .ok_or_else(broken)?
        .clone();
    let tenants = document
        .get_mut("tenants")
        .and_then(Item::as_table_like_mut)
        .ok_or_else(broken)?;
    forget_positions(&mut own);
    let earlier = tenants.get(tenant.as_str()).and_then(Item::as_table);
    if let (Some(own), Some(earlier)) = (own.as_table_mut(), earlier) {
        own.set_position(earlier.position());
        let (own_lead, lead) = (lead_of(own), lead_of(earlier));
        let blank = lead.len() - lead.trim_start_matches('\n').len();
        own.decor_mut()
            .set_prefix(format!("{}{}", "\n".repeat(blank), own_lead.trim_start_matches('\n')));
    }
    tenants.insert(tenant.as_str(), own);
    let changed = document.to_string();

    // Whatever the text of the part was: nothing but this table has changed.
    let mut after: Table = changed.parse().map_err(|_| broken())?;
    let is_as_proposed = table_of(&after, tenant) == Some(proposed);
    let mut before = before.clone();
    for table in [&mut before, &mut after] {
        if let Some(tenants) = table.get_mut("tenants").and_then(Value::as_table_mut) {
            tenants.remove(tenant.as_str());
        }
    }
    if is_as_proposed && before == after {
        Ok(changed)
    } else {
        Err(broken())
    }
}

/// The table of a tenant in a text that holds nothing else.
fn only_table<'a>(part: &'a Table, tenant: &TenantId) -> Result<&'a Table, String> {
    let others = part
        .keys()
        .filter(|key| *key != "tenants")
        .map(|key| format!("[{key}]"));
    let tenants = part.get("tenants").and_then(Value::as_table);
    let other_tenants = tenants.into_iter().flat_map(|tenants| tenants.keys());
    let other_tenants = other_tenants
        .filter(|key| *key != tenant.as_str())
        .map(|key| format!("[tenants.{key}]"));
    let others: Vec<String> = others.chain(other_tenants).collect();
    if !others.is_empty() {
        return Err(format!("{} is not of tenant `{tenant}`", others.join(", ")));
    }
    table_of(part, tenant).ok_or_else(|| format!("the part of tenants.toml has no [tenants.{tenant}]"))
}

fn table_of<'a>(document: &'a Table, tenant: &TenantId) -> Option<&'a Table> {
    document.get("tenants")?.as_table()?.get(tenant.as_str())?.as_table()
}

fn sources_of(table: &Table) -> impl Iterator<Item = &Table> {
    let sources = table.get("sources").and_then(Value::as_array);
    sources.into_iter().flatten().filter_map(Value::as_table)
}

/// What a tenant may not say of itself.
fn check_keys(earlier: &Table, proposed: &Table) -> Result<(), String> {
    for key in earlier.keys().chain(proposed.keys()) {
        if !OWN_KEYS.contains(&key.as_str()) && earlier.get(key) != proposed.get(key) {
            return Err(format!("`{key}` of a tenant is the operator's to change"));
        }
    }
    if proposed.get("sources").is_some_and(|sources| {
        sources
            .as_array()
            .is_none_or(|sources| sources.iter().any(|source| !source.is_table()))
    }) {
        return Err("`sources` must be tables: write [[tenants.<id>.sources]]".to_owned());
    }
    let is_store = |source: &&Table| source.get("adapter").and_then(Value::as_str) == Some("store");
    let stores = |table| sources_of(table).filter(is_store).cloned().collect::<Vec<Table>>();
    if stores(earlier) != stores(proposed) {
        return Err("the store holds partitions of other tenants: it is the operator's to change".to_owned());
    }
    let claims = |source: &Table| -> Vec<Value> {
        let provides = source.get("provides").and_then(Value::as_array);
        let is_claim = |entry: &&Value| entry.get("authoritative").and_then(Value::as_bool) == Some(true);
        provides.into_iter().flatten().filter(is_claim).cloned().collect()
    };
    for source in sources_of(proposed) {
        let id = source.get("id").and_then(Value::as_str).unwrap_or("");
        for (key, value) in source
            .iter()
            .filter(|(key, _)| !OWN_SOURCE_KEYS.contains(&key.as_str()))
        {
            if !sources_of(earlier).any(|earlier| earlier.get(key) == Some(value)) {
                return Err(format!(
                    "`{key}` of source `{id}` names a secret or a file that the tenant does not use yet: ask the operator"
                ));
            }
        }
        let new_claim = claims(source).into_iter().find(|claim| {
            let mut known = sources_of(earlier).flat_map(claims);
            !known.any(|known| known == *claim)
        });
        if new_claim.is_some() {
            return Err(format!(
                "source `{id}` claims authority that the tenant does not have yet, over entities that others may hold: \
                 ask the operator"
            ));
        }
    }
    Ok(())
}

/// What stands in front of a table's head: blank lines and comments.
fn lead_of(table: &toml_edit::Table) -> String {
    let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str());
    prefix.unwrap_or_default().to_owned()
}

/// Tables are written in the order of their positions; those of a part belong where the earlier part was.
fn forget_positions(item: &mut Item) {
    match item {
        Item::Table(table) => {
            table.set_position(None);
            for (_, item) in table.iter_mut() {
                forget_positions(item);
            }
        }
        Item::ArrayOfTables(tables) => {
            for table in tables.iter_mut() {
                table.set_position(None);
                for (_, item) in table.iter_mut() {
                    forget_positions(item);
                }
            }
        }
        Item::None | Item::Value(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"# The platform.
[gateway]
listen = "127.0.0.1:0"

[tenants.tochigi]
role = "operator"

# Sano's own.
[tenants.sano]
name = "佐野市"   # as it calls itself
code = "092045"

[[tenants.sano.sources]]
id = "sano-map"
adapter = "rest"
endpoint = "https://a.example"
mapping = "mappings/sano.toml"
credential = { header = "x-api-key", value = { env = "SANO" } }
provides = [{ type = "AED" }, { type = "EvacuationSite", id_pattern = "E09204", authoritative = true }]

[[tenants.yaita.sources]]
id = "yaita-orion"
adapter = "ngsi-v2"
endpoint = "https://b.example"
credential = { bearer = { env = "YAITA" } }
provides = [{ type = "AED" }]

[consumers.app]
organisation = "x"
"#;

    fn sano() -> TenantId {
        TenantId::new("sano")
    }

    fn part() -> String {
        own_table(WHOLE, &sano()).unwrap()
    }

    #[test]
    fn a_part_holds_the_own_table_with_its_comments_and_nothing_else() {
        let part = part();
        assert!(
            part.contains("# Sano's own.") && part.contains("as it calls itself"),
            "{part}"
        );
        for others in ["gateway", "tochigi", "yaita", "YAITA", "consumers"] {
            assert!(!part.contains(others), "{part}");
        }
    }

    #[test]
    fn an_unchanged_part_changes_nothing_and_a_changed_one_nothing_else() {
        assert_eq!(with_own_table(WHOLE, &sano(), &part()).unwrap(), WHOLE);
        let changed = with_own_table(WHOLE, &sano(), &part().replace("a.example", "c.example")).unwrap();
        assert_eq!(changed, WHOLE.replace("a.example", "c.example"));
        let without = part().split("[[").next().unwrap().to_owned();
        let more = format!(
            "{without}[[tenants.sano.sources]]\nid = \"one\"\nadapter = \"ngsi-v2\"\nendpoint = \"https://o\"\n\
             provides = [{{ type = \"AED\" }}]\n[[tenants.sano.sources]]\nid = \"two\"\nprovides = []\n"
        );
        let changed: Table = with_own_table(WHOLE, &sano(), &more).unwrap().parse().unwrap();
        let ids: Vec<_> = sources_of(table_of(&changed, &sano()).unwrap())
            .map(|source| source["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["one", "two"]);
    }

    #[test]
    fn what_reaches_beyond_the_own_part_is_refused() {
        let part = part();
        let source =
            "[[tenants.sano.sources]]\nid = \"more\"\nadapter = \"ngsi-v2\"\nendpoint = \"https://evil.example\"\n";
        for (attack, says) in [
            (
                part.replace("code = \"092045\"", "code = \"092045\"\nrole = \"operator\""),
                "`role`",
            ),
            (part.replace("code = \"092045\"\n", ""), "`code`"),
            (format!("{part}\n[tenants.yaita]\nname = \"mine\"\n"), "[tenants.yaita]"),
            (
                format!("{part}\n[consumers.sano]\nroles = [\"reader\"]\n"),
                "[consumers]",
            ),
            (format!("{part}\n[gateway]\nlisten = \"0.0.0.0:80\"\n"), "[gateway]"),
            (
                format!("{part}\n{source}credential = {{ bearer = {{ env = \"YAITA\" }} }}\n"),
                "`credential`",
            ),
            (
                format!("{part}\n{source}credential = {{ bearer = {{ file = \"/etc/shadow\" }} }}\n"),
                "`credential`",
            ),
            (
                format!("{part}\n{source}mapping = \"/run/secrets/other\"\n"),
                "`mapping`",
            ),
            (format!("{part}\n{source}ca = \"/etc/passwd\"\n"), "`ca`"),
            (
                format!("{part}\n{source}provides = [{{ type = \"AED\", authoritative = true }}]\n"),
                "authority",
            ),
            (
                format!("{part}\n[[tenants.sano.sources]]\nid = \"s\"\nadapter = \"store\"\nendpoint = \"sqlite:x\"\n"),
                "the store",
            ),
            ("tenants = 1".to_owned(), "no [tenants.sano]"),
            ("tenants.sano = 1".to_owned(), "no [tenants.sano]"),
            ("[tenants.sano".to_owned(), "not TOML"),
            (
                "[tenants.sano]\ncode = \"092045\"\nsources = [1]".to_owned(),
                "must be tables",
            ),
        ] {
            let refused = with_own_table(WHOLE, &sano(), &attack).expect_err(&attack);
            assert!(refused.contains(says), "{attack}: {refused}");
        }
        let files = FileTexts::from([("tenants.toml".to_owned(), Arc::from(WHOLE))]);
        for name in [
            "policies/yaita.cedar",
            "policies/platform.cedar",
            "mappings/sano.toml",
            "../x",
        ] {
            let changes = BTreeMap::from([(name.to_owned(), Some(Arc::from("x")))]);
            assert!(with_own_part(&files, &sano(), changes).is_err(), "{name}");
        }
    }

    #[test]
    fn what_the_tenant_was_given_it_may_use_again() {
        let part = part();
        let more = format!(
            "{part}\n[[tenants.sano.sources]]\nid = \"more\"\nadapter = \"rest\"\nendpoint = \"https://d.example\"\n\
             mapping = \"mappings/sano.toml\"\ncredential = {{ header = \"x-api-key\", value = {{ env = \"SANO\" }} }}\n"
        );
        assert!(with_own_table(WHOLE, &sano(), &more).is_ok());
    }
}
