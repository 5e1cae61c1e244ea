//! The whole platform: stand-ins here, the gateway as a process.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stand_ins::prefecture::{TOCHIGI_ENTITIES, YAITA_ENTITIES};
use stand_ins::{Demo, LoggedRequest, Ports};
use toml::Table;

use super::evidence::copy_folder;
use super::{Client, Disks, Files, Finished, Gateway, ORION, change_source, kakehashi, key_of, keys, section};

/// The consumer of the committed configuration that may read everything that is open.
pub(crate) const READER: &str = "bousai-map";

/// Stand-ins, store and gateway. Asks as [`READER`] unless told otherwise. Dropping it ends it, and proves what must
/// hold whatever the test was about.
pub(crate) struct Platform {
    client: Client,
    gateway: Gateway,
    demo: Demo,
    files: Files,
    log: &'static str,
    /// After the gateway, which ends first.
    disks: Option<Disks>,
}

/// A platform before it starts.
pub(crate) struct Builder {
    files: Files,
    demo: Demo,
    log: &'static str,
    /// What is loaded into the store beside what it is filled with: tenant and entities.
    loaded: Vec<(&'static str, String)>,
    disks: Option<OwnDisks>,
}

/// Folders that are disks of their own, and what is done with them before the gateway starts.
struct OwnDisks {
    names: &'static [&'static str],
    before: fn(&Disks),
}

impl Platform {
    /// The committed configuration.
    pub(crate) async fn start() -> Self {
        Self::builder().await.start().await
    }

    /// The committed configuration, to be changed.
    pub(crate) async fn builder() -> Builder {
        let demo = Demo::start(Ports::FREE).await.unwrap();
        let files = Files::committed();
        files.for_stand_ins(&demo);
        Builder {
            files,
            demo,
            log: "trace",
            loaded: Vec::new(),
            disks: None,
        }
    }

    /// The files that it was started with, to be changed while it runs.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The admin API, asked by an administrator of [`Builder::administrators`].
    pub(crate) fn admin(&self, administrator: &str) -> Client {
        self.gateway.admin(administrator)
    }

    /// Ends it in the hardest way and starts it again on the same files.
    pub(crate) async fn kill_and_start_again(&mut self) {
        self.gateway.kill();
        self.start_again().await;
    }

    /// Starts it again on the same files, once it has ended.
    pub(crate) async fn start_again(&mut self) {
        let gateway = start_gateway(&self.files, self.log, self.disks.as_ref()).await;
        self.client = Client::new(&gateway.url(), Some(key_of(READER)));
        self.gateway = gateway;
    }

    /// The disks of [`Builder::disks`].
    pub(crate) fn disks(&self) -> &Disks {
        self.disks.as_ref().expect("the test has asked for disks")
    }

    /// The stand-ins.
    pub(crate) fn demo(&self) -> &Demo {
        &self.demo
    }

    /// The process.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// What it has logged so far, all of it: routine lines wait for a moment, and one more request is the last of them.
    pub(crate) async fn whole_log(&self) -> String {
        let last = format!("{:032x}", self.gateway.stderr().len() + 1);
        self.get("/nothing")
            .header("traceparent", &format!("00-{last}-00f067aa0ba902b7-01"))
            .await;
        super::until("the last line has left", || self.gateway.stderr().contains(&last)).await;
        self.gateway.stderr()
    }

    /// The process, to be waited for.
    pub(crate) fn gateway_mut(&mut self) -> &mut Gateway {
        &mut self.gateway
    }

    /// What Orion was asked for the answers. Which ids repeat in it is found out once for each set of types, and is no part of
    /// what one question costs.
    pub(crate) fn asked_of_orion(&self) -> Vec<LoggedRequest> {
        let mut asked = self.demo.orion().requests();
        asked.retain(|request| !finds_out_ids(request));
        asked
    }

    /// What Sano's platform was asked.
    pub(crate) fn asked_of_sano(&self) -> Vec<LoggedRequest> {
        self.demo.sano().requests()
    }

    /// Everything that any stand-in was asked.
    pub(crate) fn asked(&self) -> Vec<LoggedRequest> {
        let mut asked = self.asked_of_orion();
        asked.extend(self.asked_of_sano());
        asked.extend(self.demo.personal_data().requests());
        asked
    }

    /// Forgets what was asked so far, after checking it.
    pub(crate) fn forget_requests(&self) {
        self.check_requests();
        self.demo.orion().clear_requests();
        self.demo.sano().clear_requests();
    }

    /// Everything that the stand-ins were asked, with whose source it was.
    pub(crate) fn asked_by_source(&self) -> [(&'static str, Vec<LoggedRequest>); 3] {
        [
            ("orion", self.asked_of_orion()),
            ("sano", self.asked_of_sano()),
            ("personal data", self.demo.personal_data().requests()),
        ]
    }

    /// What must hold for every request of every test: no resident, no personal attribute is asked for, Orion is
    /// never asked without a type, the caller's key stays here, and the personal-data module is never contacted.
    fn check_requests(&self) {
        assert_eq!(
            self.demo.personal_data().requests().len(),
            0,
            "the personal-data module was contacted"
        );
        for request in self.asked().into_iter().chain(self.demo.orion().requests()) {
            let line = format!("{} {}?{}", request.method, request.path, request.query);
            for personal in ["Resident", "MaternalHandbook", "managerName", "managerMobilePhone"] {
                let in_type = request.parameter("type").is_some_and(|types| types.contains(personal));
                let in_attributes = ["attrs", "q", "mq", "metadata"]
                    .into_iter()
                    .any(|name| request.parameter(name).is_some_and(|value| value.contains(personal)));
                assert!(!in_type && !in_attributes, "{personal} was asked for: {line}");
            }
            let heads = format!("{:?}", request.headers);
            assert!(
                !line.contains("-in-tests") && !heads.contains("-in-tests"),
                "a consumer's key was passed on: {line}"
            );
        }
        for request in self
            .asked_of_orion()
            .iter()
            // What is created says its type itself.
            .filter(|request| {
                let is_listed = request.path != "/v2/entities" || request.method == "GET";
                request.path.starts_with("/v2/entities") && is_listed
            })
        {
            assert!(
                request.parameter("type").is_some(),
                "asked without a type: {}?{}",
                request.path,
                request.query
            );
        }
    }
}

impl Deref for Platform {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_requests();
        }
    }
}

impl Builder {
    /// Changes tenants.toml.
    pub(crate) fn tenants(self, change: impl FnOnce(&mut Table)) -> Self {
        self.files.change_tenants(change);
        self
    }

    /// The operator knows that no id repeats in Orion: it is not asked to find out.
    pub(crate) fn ids_do_not_repeat(self) -> Self {
        self.tenants(|table| {
            change_source(table, ORION, |source| {
                source.insert("ids_repeat".into(), "no".into());
            });
        })
    }

    /// Adds a consumer that holds one role, of its own name.
    pub(crate) fn consumer(self, id: &str) -> Self {
        self.files.add_consumer(id);
        self
    }

    /// Adds an operator `ops`, another `ops-2`, an auditor `auditor`, and the administrator `sano-admin` of Sano.
    pub(crate) fn administrators(self) -> Self {
        self.files.change_tenants(|table| {
            for (id, role, tenant) in [
                ("ops", "operator", None),
                ("ops-2", "operator", None),
                ("auditor", "auditor", None),
                ("sano-admin", "tenant", Some("sano")),
            ] {
                let mut administrator = Table::new();
                administrator.insert("role".into(), role.into());
                administrator.extend(tenant.map(|tenant| ("tenant".to_owned(), tenant.into())));
                administrator.insert("keys".into(), keys(&key_of(id)));
                section(table, "administrators").insert(id.into(), toml::Value::Table(administrator));
            }
        });
        self
    }

    /// Adds to a policy file.
    pub(crate) fn policy(self, file: &str, text: &str) -> Self {
        self.files.append(&format!("policies/{file}"), text);
        self
    }

    /// How much is logged; `trace` unless told.
    pub(crate) fn log(mut self, level: &'static str) -> Self {
        self.log = level;
        self
    }

    /// Loads entities into a tenant's partition of the store, in the place of those with the same ids.
    pub(crate) fn store(mut self, tenant: &'static str, entities: String) -> Self {
        self.loaded.push((tenant, entities));
        self
    }

    /// Puts a small disk in the place of each of these folders, and does something with them before the gateway starts.
    pub(crate) fn disks(mut self, names: &'static [&'static str], before: fn(&Disks)) -> Self {
        self.disks = Some(OwnDisks { names, before });
        self
    }

    /// The stand-ins.
    pub(crate) fn demo(&self) -> &Demo {
        &self.demo
    }

    /// The files, to be changed by hand.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) async fn start(self) -> Platform {
        super::schema::check(&self.files.read("tenants.toml"));
        let folder = self.files.folder();
        copy_folder(filled_store(), &folder.join("store"));
        for (tenant, entities) in &self.loaded {
            load(&self.files, tenant, entities);
        }
        let disks = self.disks.map(|OwnDisks { names, before }| {
            let disks = Disks::mount(folder, names);
            before(&disks);
            disks
        });
        let gateway = start_gateway(&self.files, self.log, disks.as_ref()).await;
        let client = Client::new(&gateway.url(), Some(key_of(READER)));
        Platform {
            client,
            gateway,
            demo: self.demo,
            files: self.files,
            log: self.log,
            disks,
        }
    }
}

async fn start_gateway(files: &Files, log: &str, disks: Option<&Disks>) -> Gateway {
    let folder = files.folder();
    let mut command = kakehashi(folder);
    command.args(["serve", "--json", "--config", "tenants.toml", "--policies", "policies/"]);
    command.env("KAKEHASHI_LOG", log);
    if let Some(disks) = disks {
        command = disks.command(&command);
    }
    Gateway::start(command, folder).await
}

/// The prefecture's store, filled once by `kakehashi store load`, to be copied.
fn filled_store() -> &'static Path {
    static STORE: OnceLock<PathBuf> = OnceLock::new();
    STORE.get_or_init(|| {
        let files = Files::committed();
        load(&files, "yaita", YAITA_ENTITIES);
        load(&files, "tochigi", TOCHIGI_ENTITIES);
        files.folder().join("store")
    })
}

fn load(files: &Files, tenant: &str, entities: &str) {
    let file = format!("{tenant}.jsonld");
    files.write(&file, entities);
    Finished::well(files.folder(), &["store", "load", &file, "--tenant", tenant]);
}

/// Whether a request to Orion is for the ids of some types alone, all of them, to find out which repeat.
pub(crate) fn finds_out_ids(request: &LoggedRequest) -> bool {
    request.query.contains("attrs=dateModified&options=count&limit=1000&")
}
