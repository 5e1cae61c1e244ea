//! `kakehashi demo`: the gateway on the committed configuration, with stand-ins for the real platforms, on
//! loopback, in one process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use kakehashi_config::{Config, ConfigOverrides};
use kakehashi_reload::ConfigFiles;
use kakehashi_telemetry::start_logging;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;
use serde::Serialize;
use stand_ins::prefecture::{OPENED_SHELTERS, TOCHIGI_ENTITIES, YAITA_ENTITIES};
use stand_ins::{Ports, SANO_DEMO_API_KEY};
use tempfile::TempDir;

use super::key::ApiKey;
use super::{Failure, Files, demo_files, output, runtime, store};
use crate::listening::Running;

/// Run the gateway with stand-ins for Sano, Nasushiobara and the prefecture's store, on loopback.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The tenants, sources and consumers; without it, tenants.toml where there is one, and otherwise what the program brings
    /// with it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The folder of policies and classification; policies/ unless it is named.
    #[arg(long)]
    policies: Option<PathBuf>,
    /// Write the configuration that the program brings with it into this folder, to be tried and changed, and end.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "policies", "json", "port", "store"])]
    write: Option<PathBuf>,
    /// Print, once ready, one line of JSON with the addresses and the keys.
    #[arg(long)]
    json: bool,
    /// The gateway's port; 0 takes free ports for everything. Without it, those of tenants.toml.
    #[arg(long)]
    port: Option<u16>,
    /// Where the demo's store is kept; without it, in a temporary folder that goes when the demo ends.
    #[arg(long)]
    store: Option<PathBuf>,
}

/// Pages of this machine, at any port.
const LOOPBACK: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// Where endpoints of subscriptions may be beside public addresses: whoever tries one runs it on this machine.
const THIS_MACHINE: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The line that `--json` prints once everything answers.
#[derive(Serialize)]
struct Ready<'a> {
    gateway: String,
    admin: String,
    api_keys: &'a BTreeMap<String, String>,
    sources: &'a BTreeMap<String, String>,
    stand_ins: BTreeMap<&'static str, StandIn>,
    /// The tenants.toml that is used: an edit is taken over.
    configuration: String,
    /// The folder of its policies.
    policies: String,
}

/// What somebody needs to ask a stand-in as the gateway does.
#[derive(Serialize)]
struct StandIn {
    url: String,
    headers: BTreeMap<&'static str, &'static str>,
    /// A request that it answers.
    path: &'static str,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(folder) = &self.write {
            return write_files(folder);
        }
        start_logging("warn");
        let runtime = runtime()?;
        let outcome = runtime.block_on(self.serve());
        // Whatever had to be waited for was waited for.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(self) -> Result<(), Failure> {
        let stand_ins = stand_ins::Demo::start(Ports::FREE)
            .await
            .map_err(|error| Failure::other("a stand-in cannot start", error))?;
        let temporary = TempDir::new().map_err(|error| Failure::other("cannot make a temporary folder", error))?;
        let (files, is_built_in) = self.files(temporary.path())?;
        let folder = self.store.clone().unwrap_or_else(|| temporary.path().join("store"));
        let sources = BTreeMap::from([
            ("sano-safe-map".to_owned(), stand_ins.sano().url().to_owned()),
            ("nasushiobara-orion".to_owned(), stand_ins.orion().url().to_owned()),
        ]);
        let mut api_keys = BTreeMap::new();
        // What consumers leave in a demo goes with it.
        let state = temporary.path().join("state.db");
        let config_files = self.configure(&files, &sources, folder, state, &mut api_keys)?;
        let config = config_files.load().map_err(Failure::Configuration)?;
        fill_store(&config).await?;
        let running = Running::start(config, config_files)
            .await
            .map_err(|error| Failure::other("cannot start", error))?;
        if self.json {
            let ready = Ready {
                gateway: running.gateway_url(),
                admin: running.admin_url(),
                api_keys: &api_keys,
                sources: &sources,
                stand_ins: stand_ins_of(&stand_ins),
                configuration: files.config.display().to_string(),
                policies: files.policies.display().to_string(),
            };
            let line = serde_json::to_string(&ready).map_err(|error| Failure::other("cannot print", error))?;
            output::data(line);
        } else {
            print_welcome(&running, &api_keys, &sources, &files, is_built_in);
        }
        running.until_signal().await;
        stand_ins.stop().await;
        Ok(())
    }

    /// Where the configuration is, and whether it is the one in the program, of which a copy is made in a folder.
    fn files(&self, temporary: &Path) -> Result<(Files, bool), Failure> {
        let mut files = Files {
            config: self.config.clone().unwrap_or_else(|| PathBuf::from("tenants.toml")),
            policies: self.policies.clone().unwrap_or_else(|| PathBuf::from("policies/")),
        };
        let is_built_in = self.config.is_none() && self.policies.is_none() && !files.config.exists();
        if is_built_in {
            let folder = temporary.join("configuration");
            demo_files::write(&folder)?;
            files.config = folder.join("tenants.toml");
            files.policies = folder.join("policies");
        }
        Ok((files, is_built_in))
    }

    /// The configuration with the stand-ins' addresses, a store of its own, and fresh keys: the keys
    /// of the committed consumers are known to nobody.
    fn configure(
        &self,
        files: &Files,
        sources: &BTreeMap<String, String>,
        store_folder: PathBuf,
        state: PathBuf,
        api_keys: &mut BTreeMap<String, String>,
    ) -> Result<ConfigFiles, Failure> {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut overrides = ConfigOverrides {
            listen: self.port.map(loopback),
            // Whoever chooses one port has the others in use.
            admin_listen: self.port.map(|_| loopback(0)),
            public_url: self.port.map(|port| format!("http://{}", loopback(port))),
            // Pages that somebody tries on this machine.
            origins: LOOPBACK.map(str::to_owned).into(),
            egress_allow: THIS_MACHINE.map(str::to_owned).into(),
            state: Some(state),
            endpoints: sources.clone(),
            store_folder: Some(store_folder),
            secrets: BTreeMap::from([("SANO_API_KEY".to_owned(), SANO_DEMO_API_KEY.to_owned())]),
            ..ConfigOverrides::default()
        };
        // The consumers are known only after the configuration was read once.
        let config = files.load(&overrides)?;
        for consumer in config.consumers.iter().filter(|consumer| !consumer.is_anonymous()) {
            let key = ApiKey::random();
            overrides.keys.insert(consumer.id.to_string(), key.sha256);
            api_keys.insert(consumer.id.to_string(), key.text);
        }
        Ok(files.config_files(overrides))
    }
}

/// `--write`
fn write_files(folder: &Path) -> Result<(), Failure> {
    for path in demo_files::write(folder)? {
        output::line(path.display());
    }
    output::note(format_args!(
        "The demo with these files: cd {} && kakehashi demo",
        folder.display()
    ));
    Ok(())
}

/// How the stand-ins are asked, by the source that each is of.
fn stand_ins_of(demo: &stand_ins::Demo) -> BTreeMap<&'static str, StandIn> {
    let sano = StandIn {
        url: demo.sano().url().to_owned(),
        headers: BTreeMap::from([("x-api-key", SANO_DEMO_API_KEY)]),
        // Without who holds the keys, as the gateway asks.
        path: "/api/v1/sites?page=1&per_page=3&fields=public",
    };
    let orion = StandIn {
        url: demo.orion().url().to_owned(),
        headers: BTreeMap::from([("fiware-service", "nasushiobara"), ("fiware-servicepath", "/#")]),
        path: "/v2/entities?type=EvacuationSite&limit=3",
    };
    BTreeMap::from([("sano-safe-map", sano), ("nasushiobara-orion", orion)])
}

/// Loads what the prefecture and Yaita keep in the store.
async fn fill_store(config: &Config) -> Result<(), Failure> {
    for (tenant, json) in [
        ("yaita", YAITA_ENTITIES),
        ("tochigi", TOCHIGI_ENTITIES),
        ("tochigi", OPENED_SHELTERS),
    ] {
        let entities = parse_entities(json.as_bytes(), Context::kakehashi())
            .map_err(|error| Failure::other("the demo's own data", error))?;
        store::load(config, tenant, entities).await?;
    }
    Ok(())
}

/// The consumer whose key the printed commands use.
const DEMO_CONSUMER: &str = "bousai-map";

fn print_welcome(
    running: &Running,
    api_keys: &BTreeMap<String, String>,
    sources: &BTreeMap<String, String>,
    files: &Files,
    is_built_in: bool,
) {
    let (gateway, admin) = (running.gateway_url(), running.admin_url());
    let key = api_keys.get(DEMO_CONSUMER).map_or("", String::as_str);
    output::line("Kakehashi (架け橋) is running, with stand-ins for the real platforms.\n");
    output::line(format_args!("  gateway         {gateway}/ngsi-ld/v1"));
    output::line(format_args!("  administrators  {admin}/readyz, {admin}/metrics"));
    for (source, url) in sources {
        output::line(format_args!("  {source:<22} {url}"));
    }
    let kept = match is_built_in {
        true => ", which goes when the demo ends (`kakehashi demo --write DIR` keeps one)",
        false => "",
    };
    let configuration = files.config.display();
    let of = |text| output::language().of(text);
    output::data(format_args!(
        "  {:<22} {configuration}{}",
        of("configuration"),
        of(kept)
    ));
    output::line("\nAPI keys of this run:\n");
    for (consumer, key) in api_keys {
        output::line(format_args!("  {consumer:<16} {key}"));
    }
    output::line("\nFive things to paste into another terminal:\n");
    for (purpose, command) in commands(&gateway, key) {
        output::data(format_args!("# {}", output::language().of(purpose)));
        output::data(format_args!("{command}\n"));
    }
    output::line("A map of the sites for a browser, from the folder of the repository:\n");
    output::line("python3 -m http.server 8000 --bind 127.0.0.1 --directory examples/map");
    output::line(format_args!("and then http://127.0.0.1:8000/#gateway={gateway}\n"));
    output::line("Ctrl-C ends it.");
}

/// What a newcomer may try, with its purpose.
fn commands(gateway: &str, key: &str) -> [(&'static str, String); 5] {
    let entities = format!("{gateway}/ngsi-ld/v1/entities");
    let curl = format!("curl -sS -H 'x-api-key: {key}'");
    [
        (
            "Every evacuation site of the prefecture, of three platforms; the header counts each site once",
            format!("{curl} -D - '{entities}?type=EvacuationSite&count=true&limit=3&options=keyValues'"),
        ),
        (
            "Sites within 2 km of Sano City Hall",
            format!(
                "{curl} '{entities}?type=EvacuationSite&georel=near;maxDistance==2000&geometry=Point&coordinates=%5B139.5784,36.3146%5D&attrs=name,fullAddress&options=keyValues'"
            ),
        ),
        (
            "Elementary schools by their Japanese name, wherever they are",
            format!(
                "{curl} -G '{entities}' --data-urlencode 'type=EvacuationSite' --data-urlencode 'q=name~=小学校' --data-urlencode 'attrs=name' --data-urlencode 'options=keyValues'"
            ),
        ),
        (
            "The same as GeoJSON, for a map",
            format!(
                "{curl} -H 'Accept: application/geo+json' '{entities}?type=EvacuationSite&limit=5&options=keyValues'"
            ),
        ),
        (
            "Nasushiobara's Orion holds a manager's name in every shelter. Asking for it shows shelters without it: an empty list",
            format!("{curl} '{entities}?type=DesignatedShelter&attrs=managerName&limit=3'"),
        ),
    ]
}
