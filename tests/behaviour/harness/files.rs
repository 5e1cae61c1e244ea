//! The committed configuration, copied to where a test may change it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use stand_ins::Demo;
use toml::{Table, Value};

use super::evidence::{copy_folder, evidence_folder, workspace};

/// Longer than any test takes: a source or a request that is late because the machine is busy is no fault of theirs.
const LONG: &str = "10m";

/// A configuration in a folder of its own: tenants.toml, mappings/, policies/.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
}

/// The API key that tests use for a consumer.
pub(crate) fn key_of(consumer: &str) -> String {
    format!("key-of-{consumer}-in-tests")
}

impl Files {
    /// The committed files, unchanged.
    pub(crate) fn committed() -> Self {
        let folder = evidence_folder();
        fs::copy(workspace().join("tenants.toml"), folder.join("tenants.toml")).unwrap();
        // Without the ready mappings, which the configuration does not name: every test has its own copy.
        for part in ["mappings/samples", "policies"] {
            copy_folder(&workspace().join(part), &folder.join(part));
        }
        fs::copy(
            workspace().join("mappings/sano.toml"),
            folder.join("mappings/sano.toml"),
        )
        .unwrap();
        fs::create_dir_all(folder.join("tmp")).unwrap();
        Self { folder }
    }

    /// The same with the ready mappings of `mappings/standard/`.
    pub(crate) fn committed_with_ready_mappings() -> Self {
        let files = Self::committed();
        let ready = "mappings/standard";
        copy_folder(&workspace().join(ready), &files.folder.join(ready));
        files
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads one of them.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes one of them.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    /// Removes one of them, or a folder.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.folder.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
        .unwrap();
    }

    /// Adds text to the end of one of them.
    pub(crate) fn append(&self, name: &str, text: &str) {
        self.write(name, format!("{}\n{text}\n", self.read(name)));
    }

    /// Changes tenants.toml as a table.
    pub(crate) fn change_tenants(&self, change: impl FnOnce(&mut Table)) {
        let mut table: Table = self.read("tenants.toml").parse().unwrap();
        change(&mut table);
        self.write("tenants.toml", toml::to_string(&table).unwrap());
    }

    /// Points the sources at the stand-ins, listens on free ports, gives every consumer a key that tests know, and
    /// lifts the limits, also of time, which have tests of their own.
    pub(super) fn for_stand_ins(&self, demo: &Demo) {
        self.change_tenants(|table| {
            let gateway = section(table, "gateway");
            for listener in ["listen", "admin_listen"] {
                gateway.insert(listener.into(), "127.0.0.1:0".into());
            }
            section(gateway, "limits").insert("deadline".into(), LONG.into());
            for tenant in tables_of(section(table, "tenants")) {
                tenant.remove("limits");
                for source in sources_of(tenant) {
                    let id = source.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                    let endpoint = match id.as_str() {
                        super::SANO => Some(demo.sano().url()),
                        super::ORION => Some(demo.orion().url()),
                        _ => None,
                    };
                    if let Some(endpoint) = endpoint {
                        source.insert("endpoint".into(), endpoint.into());
                        source.insert("limits".into(), unlimited(1000));
                        source.insert("timeout".into(), LONG.into());
                    }
                }
            }
            let consumers = section(table, "consumers");
            for (id, consumer) in consumers.iter_mut() {
                let consumer = consumer.as_table_mut().unwrap();
                consumer.insert("limits".into(), unlimited(1000));
                if id != "anonymous" {
                    consumer.insert("keys".into(), keys(&key_of(id)));
                }
            }
        });
    }

    /// Adds a consumer that holds one role of its own name, for a policy of the test.
    pub(super) fn add_consumer(&self, id: &str) {
        self.change_tenants(|table| {
            let mut consumer = Table::new();
            consumer.insert("name".into(), id.into());
            consumer.insert("organisation".into(), "試験".into());
            consumer.insert("roles".into(), Value::Array(vec![id.into()]));
            consumer.insert("keys".into(), keys(&key_of(id)));
            consumer.insert("limits".into(), unlimited(1000));
            section(table, "consumers").insert(id.into(), Value::Table(consumer));
        });
    }
}

/// A table in a table, made if it is missing.
pub(crate) fn section<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    table
        .entry(name)
        .or_insert_with(|| Value::Table(Table::new()))
        .as_table_mut()
        .unwrap()
}

fn tables_of(table: &mut Table) -> impl Iterator<Item = &mut Table> {
    table.iter_mut().filter_map(|(_, value)| value.as_table_mut())
}

/// The sources of a tenant.
pub(crate) fn sources_of(tenant: &mut Table) -> impl Iterator<Item = &mut Table> {
    tenant
        .get_mut("sources")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_table_mut)
}

/// Changes one source in tenants.toml.
pub(crate) fn change_source(table: &mut Table, id: &str, change: impl FnOnce(&mut Table)) {
    let source = tables_of(section(table, "tenants"))
        .flat_map(sources_of)
        .find(|source| source.get("id").and_then(Value::as_str) == Some(id))
        .unwrap_or_else(|| panic!("tenants.toml has no source {id}"));
    change(source);
}

fn unlimited(requests: i64) -> Value {
    let mut limits = Table::new();
    limits.insert("requests_per_second".into(), Value::Integer(requests * 100));
    limits.insert("burst".into(), Value::Integer(requests * 100));
    limits.insert("concurrency".into(), Value::Integer(requests));
    Value::Table(limits)
}

/// The `keys` of a consumer with this one key.
pub(crate) fn keys(key: &str) -> Value {
    let hash = Sha256::digest(key.as_bytes());
    let mut entry = Table::new();
    entry.insert("name".into(), "tests".into());
    entry.insert(
        "sha256".into(),
        hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    );
    Value::Array(vec![Value::Table(entry)])
}
