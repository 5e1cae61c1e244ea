//! What of a revision is a tenant's own: its table in tenants.toml with its sources, and its policy file. Everything
//! else is another's, and what stands in the own part must not reach beyond it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kakehashi_config::AdministratorRole;
use kakehashi_core::names::TenantId;
use kakehashi_documents::files::FileTexts;
use kakehashi_policy::area_files_named;
use toml::{Table, Value};
use toml_edit::{DocumentMut, Item};

use super::floor;
use super::tenant_table::{TENANTS_TOML, table_of, table_of_mut};

/// The file of a tenant's policies.
fn policy_file(tenant: &TenantId) -> String {
    format!("policies/{tenant}.cedar")
}

/// What of a revision somebody may see.
pub(super) fn visible_files(files: &FileTexts, role: &AdministratorRole) -> FileTexts {
    match role {
        AdministratorRole::Operator | AdministratorRole::Auditor => files.clone(),
        AdministratorRole::Tenant(tenant) => own_part(files, tenant),
    }
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
                Some(text) => {
                    check_areas(files.get(&name).map_or("", |text| text), &text, tenant)?;
                    changed.insert(name, text)
                }
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

/// The files of areas are the operator's, and what its policies do tells a tenant what stands in one that it names: those of
/// other tenants are none of its business, not even whether they are there.
///
/// # Errors
/// That it names one that it was not given, in one sentence.
fn check_areas(earlier: &str, proposed: &str, tenant: &TenantId) -> Result<(), String> {
    let given = area_files_named(earlier);
    let (own, below) = (format!("areas/{tenant}.geojson"), format!("areas/{tenant}/"));
    let is_own = |name: &String| given.contains(name) || *name == own || name.starts_with(&below);
    match area_files_named(proposed).into_iter().find(|name| !is_own(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "@area(\"{name}\") is no file of tenant `{tenant}`: name one that its policies name already, {own}, or one below \
             {below}; or write the GeoJSON into the permit"
        )),
    }
}

/// tenants.toml with one tenant's table replaced.
fn with_own_table(whole: &str, tenant: &TenantId, part: &str) -> Result<String, String> {
    let not_toml = |error: toml::de::Error| format!("the part of tenants.toml is not TOML: {}", error.message());
    let mut proposed: Table = part.parse().map_err(not_toml)?;
    only_table(&proposed, tenant)?;
    let before: Table = whole.parse().map_err(not_toml)?;
    let earlier = table_of(&before, tenant).ok_or_else(|| format!("there is no tenant `{tenant}`"))?;
    let broken = || "the part cannot be put into tenants.toml: write it as `[tenants.<id>]` tables".to_owned();
    let proposed = table_of_mut(&mut proposed, tenant).ok_or_else(broken)?;
    floor::check_keys(earlier, proposed)?;
    let named = floor::named_by_tenant(earlier, proposed)?;

    let mut document: DocumentMut = whole.parse().map_err(|_| broken())?;
    let part: DocumentMut = part.parse().map_err(|_| broken())?;
    let own = part.get("tenants").and_then(Item::as_table_like);
    let mut own = own
        .and_then(|tenants| tenants.get(tenant.as_str()))
        .ok_or_else(broken)?
        .clone();
    floor::mark(&mut own, proposed, &named);
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
    let is_as_proposed = table_of(&after, tenant) == Some(&*proposed);
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

/// Whether a text holds the table of a tenant and nothing else.
fn only_table(part: &Table, tenant: &TenantId) -> Result<(), String> {
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
    match table_of(part, tenant) {
        Some(_) => Ok(()),
        None => Err(format!("the part of tenants.toml has no [tenants.{tenant}]")),
    }
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
    use super::super::floor::sources_of;
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
        // Where it is asked is the tenant's word now, and the text says so.
        let marked = "authoritative = true }]\nnamed_by = \"tenant\"\n";
        let expected = WHOLE
            .replace("a.example", "c.example")
            .replacen("authoritative = true }]\n", marked, 1);
        assert_eq!(changed, expected);
        let kept = with_own_table(&changed, &sano(), &own_table(&changed, &sano()).unwrap());
        assert_eq!(kept.unwrap(), changed);
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
    fn an_address_that_the_tenant_has_named_is_marked_however_its_table_is_written() {
        let own = |text: &str| {
            let whole: Table = with_own_table(WHOLE, &sano(), text).unwrap().parse().unwrap();
            let sources: Vec<_> = sources_of(table_of(&whole, &sano()).unwrap()).cloned().collect();
            sources
        };
        let is_marked = |source: &Table| source.get("named_by").and_then(Value::as_str) == Some("tenant");
        let inline = "[tenants.sano]\ncode = \"092045\"\nsources = [{ id = \"a\", adapter = \"ngsi-v2\", endpoint = \"https://x\" }]";
        let dotted = "[tenants]\nsano.code = \"092045\"\nsano.sources = [{ id = \"a\", endpoint = \"https://x\" }]";
        let quoted = "[\"tenants\".sano]\ncode = \"092045\"\n[[\"tenants\".'sano'.sources]]\nid = \"a\"\n\"endpoint\" = 'https://x'";
        for text in [inline, dotted, quoted] {
            let sources = own(text);
            assert!(
                sources.len() == 1 && sources.iter().all(is_marked),
                "{text}: {sources:?}"
            );
        }
        // One vouches for one: a copy is the tenant's word. A name says nothing of the place.
        let table = part();
        let source = format!("[[{}", table.split_once("[[").unwrap().1);
        let copied = own(&format!("{table}\n{}", source.replace("sano-map", "copy")));
        assert_eq!(copied.iter().map(is_marked).collect::<Vec<_>>(), [false, true]);
        let renamed = own(&table.replace("sano-map", "renamed"));
        assert_eq!(renamed.iter().map(is_marked).collect::<Vec<_>>(), [false]);
        let refused = with_own_table(
            WHOLE,
            &sano(),
            &table.replace("https://a.example\"", "https://b\"\nnamed_by = \"operator\""),
        );
        assert!(refused.unwrap_err().contains("`named_by`"));
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
    fn files_of_areas_that_a_tenant_was_not_given_are_refused_whether_they_are_there_or_not() {
        let permit = |area: &str| {
            format!("@area({area}) permit (principal, action in Action::\"read\", resource in Tenant::\"sano\");\n")
        };
        let files = |policies: &str| {
            FileTexts::from([
                ("tenants.toml".to_owned(), Arc::from(WHOLE)),
                ("policies/sano.cedar".to_owned(), Arc::from(policies)),
                ("policies/areas/yaita.geojson".to_owned(), Arc::from("{}")),
            ])
        };
        let propose = |running: &str, area: &str| {
            let text = format!("// first\n{}{}", permit("\"areas/sano.geojson\""), permit(area));
            let changes = BTreeMap::from([("policies/sano.cedar".to_owned(), Some(Arc::from(text)))]);
            with_own_part(&files(running), &sano(), changes)
        };
        let mut told = Vec::new();
        for (written, name) in [
            (r#""areas/yaita.geojson""#, "areas/yaita.geojson"),
            (r#""areas/nothing.geojson""#, "areas/nothing.geojson"),
            (r#""areas/\u{79}aita.geojson""#, "areas/yaita.geojson"),
            (r#""areas/sanoother.geojson""#, "areas/sanoother.geojson"),
            (r#""areas/sano.geojson.json""#, "areas/sano.geojson.json"),
            (r#"" areas/sano.geojson""#, " areas/sano.geojson"),
            (r#""../secret.json""#, "../secret.json"),
            (r#""""#, ""),
        ] {
            let refused = propose("", written).expect_err(written);
            told.push(refused.replace(&format!("\"{name}\""), "it"));
        }
        assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
        for own in [
            r#""areas/sano.geojson""#,
            r#""areas/sano/north.geojson""#,
            r#""{\"type\": \"Polygon\", \"coordinates\": []}""#,
        ] {
            assert!(propose("", own).is_ok(), "{own}");
        }
        // The operator has given it one by naming it there.
        let given = permit("\"areas/yaita.geojson\"");
        assert!(propose(&given, r#""areas/yaita.geojson""#).is_ok());
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
