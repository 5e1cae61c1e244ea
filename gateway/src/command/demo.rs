//! `kakehashi demo`: the gateway on the committed configuration, with stand-ins for the real platforms, on
//! loopback, in one process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use kakehashi_config::{Config, ConfigOverrides};
use kakehashi_reload::ConfigFiles;
use kakehashi_telemetry::start_logging;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;
use serde::Serialize;
use stand_ins::prefecture::{TOCHIGI_ENTITIES, YAITA_ENTITIES};
use stand_ins::{Ports, SANO_DEMO_API_KEY};
use tempfile::TempDir;

use super::key::ApiKey;
use super::{Failure, Files, output, runtime, store};
use crate::listening::Running;

/// Run the gateway with stand-ins for Sano, Nasushiobara and the prefecture's store, on loopback.
#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    files: Files,
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

/// The line that `--json` prints once everything answers.
#[derive(Serialize)]
struct Ready<'a> {
    gateway: String,
    admin: String,
    api_keys: &'a BTreeMap<String, String>,
    sources: &'a BTreeMap<String, String>,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
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
        let folder = self.store.clone().unwrap_or_else(|| temporary.path().join("store"));
        let sources = BTreeMap::from([
            ("sano-safe-map".to_owned(), stand_ins.sano().url().to_owned()),
            ("nasushiobara-orion".to_owned(), stand_ins.orion().url().to_owned()),
        ]);
        let mut api_keys = BTreeMap::new();
        // What consumers leave in a demo goes with it.
        let state = temporary.path().join("state.db");
        let files = self.configure(&sources, folder, state, &mut api_keys)?;
        let config = files.load().map_err(Failure::Configuration)?;
        fill_store(&config).await?;
        let running = Running::start(config, files)
            .await
            .map_err(|error| Failure::other("cannot start", error))?;
        if self.json {
            let ready = Ready {
                gateway: running.gateway_url(),
                admin: running.admin_url(),
                api_keys: &api_keys,
                sources: &sources,
            };
            let line = serde_json::to_string(&ready).map_err(|error| Failure::other("cannot print", error))?;
            output::line(line);
        } else {
            print_welcome(&running, &api_keys, &sources);
        }
        running.until_signal().await;
        stand_ins.stop().await;
        Ok(())
    }

    /// The committed configuration with the stand-ins' addresses, a store of its own, and fresh keys: the keys
    /// of the committed consumers are known to nobody.
    fn configure(
        &self,
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
            state: Some(state),
            endpoints: sources.clone(),
            store_folder: Some(store_folder),
            secrets: BTreeMap::from([("SANO_API_KEY".to_owned(), SANO_DEMO_API_KEY.to_owned())]),
            ..ConfigOverrides::default()
        };
        // The consumers are known only after the configuration was read once.
        let config = self.files.load(&overrides)?;
        for consumer in config.consumers.iter().filter(|consumer| !consumer.is_anonymous()) {
            let key = ApiKey::random();
            overrides.keys.insert(consumer.id.to_string(), key.sha256);
            api_keys.insert(consumer.id.to_string(), key.text);
        }
        Ok(self.files.config_files(overrides))
    }
}

/// Loads what the prefecture and Yaita keep in the store.
async fn fill_store(config: &Config) -> Result<(), Failure> {
    for (tenant, json) in [("yaita", YAITA_ENTITIES), ("tochigi", TOCHIGI_ENTITIES)] {
        let entities = parse_entities(json.as_bytes(), Context::kakehashi())
            .map_err(|error| Failure::other("the demo's own data", error))?;
        store::load(config, tenant, entities).await?;
    }
    Ok(())
}

/// The consumer whose key the printed commands use.
const DEMO_CONSUMER: &str = "bousai-map";

fn print_welcome(running: &Running, api_keys: &BTreeMap<String, String>, sources: &BTreeMap<String, String>) {
    let (gateway, admin) = (running.gateway_url(), running.admin_url());
    let key = api_keys.get(DEMO_CONSUMER).map_or("", String::as_str);
    output::line("Kakehashi (架け橋) is running, with stand-ins for the real platforms.\n");
    output::line(format_args!("  gateway         {gateway}/ngsi-ld/v1"));
    output::line(format_args!("  administrators  {admin}/readyz, {admin}/metrics"));
    for (source, url) in sources {
        output::line(format_args!("  {source:<22} {url}"));
    }
    output::line("\nAPI keys of this run:\n");
    for (consumer, key) in api_keys {
        output::line(format_args!("  {consumer:<16} {key}"));
    }
    output::line("\nFive things to paste into another terminal:\n");
    for (purpose, command) in commands(&gateway, key) {
        output::line(format_args!("# {purpose}\n{command}\n"));
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
                "{curl} -G '{entities}' --data-urlencode 'type=EvacuationSite' --data-urlencode 'q=name~=\".*小学校.*\"' --data-urlencode 'attrs=name' --data-urlencode 'options=keyValues'"
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
