//! Each kind that is built in, and the one of the example, as whoever reads a configuration meets it: its keys as data, its
//! table, its findings, its factory.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "kinds/table.rs"]
mod table;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::kind::{Floor, Kind, Opening, Settings, Transport, Value, WhenAbsent};
use kakehashi_adapters::store::StoreSource;
use kakehashi_adapters::{KINDS, SourceId, kind_named};
use kakehashi_example_adapter::FileKind;
use ngsi_ld::context::Context;

use table::Written;

const MAPPING: &str =
    "[types.Room]\npath = \"/rooms\"\nrecords = \"$[*]\"\nid = \"urn:x:{id}\"\n[types.Room.attributes]\n";

/// A source of each kind with nothing but what it needs.
fn least(kind: &dyn Kind) -> Written {
    match kind.name() {
        "rest" => Written::new("endpoint = \"http://h:1/\"\nmapping = \"m.toml\"").with_file("m.toml", MAPPING),
        "ngsi-v2" | "open-data" => Written::new("endpoint = \"http://h:1/\""),
        "store" => Written::new("endpoint = \"sqlite:store/\""),
        "entity-file" => Written::new("endpoint = \"file:\"\nentities = \"e.json\"").with_file("e.json", "[]"),
        other => panic!("nobody says what a source of the kind {other} needs"),
    }
}

fn every_kind() -> Vec<&'static dyn Kind> {
    KINDS.into_iter().chain([&FileKind as &dyn Kind]).collect()
}

fn read(kind: &dyn Kind, table: &Written) -> Arc<dyn Settings> {
    kind.read(table).unwrap_or_else(|| panic!("{:?}", table.findings()))
}

#[test]
fn each_kind_has_a_name_of_its_own_and_is_found_by_it() {
    let names: BTreeSet<&str> = every_kind().iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), every_kind().len());
    for kind in KINDS {
        assert_eq!(kind_named(kind.name()).unwrap().name(), kind.name());
    }
    assert!(kind_named("entity-file").is_none(), "an example is not built in");
}

#[test]
fn each_kind_asks_for_the_keys_that_it_lists_and_for_no_others() {
    for kind in every_kind() {
        let table = least(kind);
        read(kind, &table);
        assert_eq!(table.findings(), Vec::<String>::new(), "{}", kind.name());
        let mut listed: BTreeSet<&str> = kind.keys().iter().map(|key| key.name).collect();
        listed.insert("endpoint");
        assert_eq!(table.asked(), listed, "{}", kind.name());
    }
}

#[test]
fn what_is_required_is_missed_and_what_is_not_may_be_absent() {
    for kind in every_kind() {
        let empty = Written::new("");
        // A kind may do without an address; what it lists as required it does not do without.
        let findings = match kind.read(&empty) {
            Some(_) => Vec::new(),
            None => empty.findings(),
        };
        for key in kind.keys() {
            let is_missed = findings
                .iter()
                .any(|finding| finding.starts_with(&format!("{}: missing", key.name)));
            assert_eq!(is_missed, key.required, "{} {}: {findings:?}", kind.name(), key.name);
        }
    }
}

#[test]
fn a_value_of_another_type_is_told_for_every_key() {
    for kind in every_kind() {
        for key in kind.keys() {
            let wrong = match key.value {
                Value::Text | Value::Texts | Value::NamedTexts => "true",
                Value::Boolean => "\"yes\"",
            };
            let table = Written::new(&format!("{} = {wrong}", key.name));
            let _refused = kind.read(&table);
            let told = format!("{}: of another type", key.name);
            assert!(
                table.findings().contains(&told),
                "{} {:?}",
                kind.name(),
                table.findings()
            );
        }
    }
}

#[test]
fn the_default_that_is_listed_is_the_one_that_holds() {
    for kind in every_kind() {
        let shown = |table: &Written| format!("{:?}", read(kind, table));
        for key in kind.keys() {
            let default = match key.default {
                WhenAbsent::Nothing => continue,
                WhenAbsent::Is(default) => default,
                WhenAbsent::EveryTenant => "[\"tochigi\", \"sano\", \"yaita\"]",
            };
            let endpoint = if kind.has_partitions() {
                "sqlite:store/"
            } else {
                "http://h:1/"
            };
            let written = format!("endpoint = \"{endpoint}\"\n{} = {default}", key.name);
            assert_eq!(shown(&Written::new(&written)), shown(&least(kind)), "{}", key.name);
        }
    }
}

#[test]
fn what_a_tenants_administrator_may_say_is_nothing_until_the_operator_allows_it() {
    let mut judged = Vec::new();
    for kind in every_kind() {
        for key in kind.keys() {
            let Floor::Judged(floor) = key.floor else { continue };
            for value in [None, Some(""), Some("/#"), Some("sano")] {
                assert!(!(floor.allows)(&[], value), "{} {value:?}", key.name);
            }
            judged.push((key.name, floor.allowed, floor.binds_credential));
        }
    }
    assert_eq!(
        judged,
        [
            ("fiware_service", "fiware_services", true),
            ("fiware_servicepath", "fiware_servicepaths", false)
        ]
    );
}

#[test]
fn what_rests_here_has_an_address_in_a_folder_and_reads_it() {
    for kind in every_kind() {
        let Some(endpoint) = kind.resting_in(std::path::Path::new("store/")) else {
            assert!(!kind.has_partitions(), "{}", kind.name());
            continue;
        };
        let written = Written::new(&format!("endpoint = \"{endpoint}\""));
        let settings = read(kind, &written);
        assert_eq!(
            settings.upstream(),
            read(kind, &least(kind)).upstream(),
            "{}",
            kind.name()
        );
        assert_eq!(settings.partitions().is_some(), kind.has_partitions());
    }
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    for (name, text, expected) in [
        (
            "rest",
            "endpoint = \"ftp://h\"\nmapping = \"m.toml\"",
            "endpoint: `endpoint` in source `written`: must begin with http:// or https://",
        ),
        (
            "rest",
            "endpoint = \"http://h\"\nmapping = \"none.toml\"",
            "mapping: none.toml cannot be read",
        ),
        (
            "rest",
            "endpoint = \"http://h\"\nmapping = \"bad.toml\"",
            "bad.toml:2:1: types.Room: unknown key `pth`; did you mean `path`?",
        ),
        (
            "ngsi-v2",
            "endpoint = \"http://u:p@h\"",
            "endpoint: `endpoint` in source `written`: must hold no user or password: use `credential`",
        ),
        (
            "ngsi-v2",
            "endpoint = \"http://h\"\nfiware_service = \"Sano\"",
            "fiware_service: `fiware_service` in source `written`: \"Sano\" is no Fiware-Service: write a-z, 0-9 and _, at most 50",
        ),
        (
            "ngsi-v2",
            "endpoint = \"http://h\"\nfiware_servicepath = \"park\"",
            "fiware_servicepath: `fiware_servicepath` in source `written`: \"park\" is no Fiware-ServicePath: write one to ten paths such as \"/#\" or \"/park/west\"",
        ),
        (
            "store",
            "endpoint = \"postgres://h\"",
            "endpoint: `endpoint` in source `written`: PostgreSQL is not supported by this version: write \"sqlite:<folder>/\"",
        ),
        (
            "store",
            "endpoint = \"sqlite:s/\"\npartitions = [\"sano\", \"sana\"]",
            "partitions[1]: `partitions` in source `written`: unknown tenant `sana`; if it is gone, take its name out here too; known: tochigi, sano, yaita",
        ),
        (
            "store",
            "endpoint = \"sqlite:s/\"\npartitions = [\"sano\", \"sano\"]",
            "partitions[1]: the partition `sano` is named twice",
        ),
    ] {
        let bad = "[types.Room]\npth = \"/rooms\"\npath = \"/rooms\"\nrecords = \"$[*]\"\nid = \"urn:x:{id}\"\n[types.Room.attributes]\n";
        let table = Written::new(text)
            .with_file("m.toml", MAPPING)
            .with_file("bad.toml", bad);
        let _refused = kind_named(name).unwrap().read(&table);
        assert_eq!(table.findings(), [expected], "{text}");
    }
}

#[test]
fn a_file_that_several_sources_name_is_made_once() {
    let table = Written::new("endpoint = \"http://h\"\nmapping = \"m.toml\"").with_file("m.toml", MAPPING);
    let rest = kind_named("rest").unwrap();
    let [one, other] = [read(rest, &table), read(rest, &table)];
    let mapping = |settings: &Arc<dyn Settings>| {
        let settings: &dyn Any = settings.as_ref();
        Arc::as_ptr(
            &settings
                .downcast_ref::<kakehashi_adapters::rest::RestSource>()
                .unwrap()
                .mapping,
        )
    };
    assert_eq!(mapping(&one), mapping(&other));
    assert!(one.is_read_from("m.toml") && !one.is_read_from("other.toml"));
}

#[test]
fn a_store_has_a_part_for_each_tenant_unless_its_table_names_some() {
    let store = kind_named("store").unwrap();
    let of = |text: &str| read(store, &Written::new(text));
    let names = |settings: &Arc<dyn Settings>| -> Vec<String> {
        settings.partitions().unwrap().iter().map(ToString::to_string).collect()
    };
    let all = of("endpoint = \"sqlite:store/\"");
    assert_eq!(names(&all), ["tochigi", "sano", "yaita"]);
    let some = of("endpoint = \"sqlite:store/\"\npartitions = [\"yaita\"]");
    assert_eq!(names(&some), ["yaita"]);
    assert!(some.keeps_adapter_of(all.as_ref()), "the files are the same");
    let elsewhere = of("endpoint = \"sqlite:other/\"");
    assert!(!some.keeps_adapter_of(elsewhere.as_ref()));
    let settings: &dyn Any = some.as_ref();
    let folder = settings.downcast_ref::<StoreSource>().unwrap().folder();
    assert!(folder.ends_with("configuration/store"));
}

#[tokio::test]
async fn each_kind_opens_what_its_table_says() {
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let source = SourceId::new("written");
    let types = [Context::core().expand_type("Room").unwrap()];
    let folder = tempfile::tempdir().unwrap();
    for kind in every_kind() {
        let settings = match kind.name() {
            "store" => read(
                kind,
                &Written::new(&format!("endpoint = \"sqlite:{}\"", folder.path().display())),
            ),
            _ => read(kind, &least(kind)),
        };
        let opening = Opening {
            source: &source,
            owner: "sano",
            code: None,
            name: None,
            http: &http,
            credential: None,
            limits: SourceLimits::default(),
            types: &types,
            keeping: None,
        };
        let opened = settings.open(opening).await.unwrap();
        assert_eq!(opened.adapter.source(), &source, "{}", kind.name());
        // A custom platform takes what its mapping says how to write, and the least of mappings says nothing of that.
        let takes_writes = kind.takes_writes() && kind.name() != "rest";
        assert_eq!(opened.adapter.writer().is_some(), takes_writes, "{}", kind.name());
        let is_remote = kind.transport() == Transport::Http;
        assert_eq!(opened.adapter.status().is_some(), is_remote, "{}", kind.name());
        assert_eq!(settings.address().is_some(), is_remote, "{}", kind.name());
        assert!(!settings.upstream().is_empty());
    }
}

/// The schema for editors is made of the kinds' keys by the gateway; it says the same.
#[test]
fn the_schema_for_editors_has_every_key_of_every_kind() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/tenants.schema.json")).unwrap();
    let mut named = Vec::new();
    keys_of(&schema, &mut named);
    for key in KINDS.into_iter().flat_map(<dyn Kind>::keys) {
        let is_there = named
            .iter()
            .any(|(name, about)| name == key.name && about.contains(key.about));
        assert!(is_there, "{}", key.name);
    }
}

fn keys_of(value: &serde_json::Value, named: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if let Some(about) = member.get("description").and_then(serde_json::Value::as_str) {
                    named.push((name.clone(), about.to_owned()));
                }
                keys_of(member, named);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys_of(item, named)),
        _ => {}
    }
}
