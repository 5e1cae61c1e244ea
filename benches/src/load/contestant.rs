//! Starting the processes that take part, asking them once, and reading what they cost.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::closed_loop::{Target, fetch};
use crate::{Failure, precise};

/// One process that answers requests.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    pub(crate) address: String,
    process: Child,
    _configuration: Option<TempDir>,
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to do either way.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Contestant {
    /// Asks once and counts the entities, so that nobody wins by answering something else.
    pub(crate) fn check(&self, entities: usize) -> Result<(), Failure> {
        let body = fetch(&self.target)?;
        let list: Vec<serde::de::IgnoredAny> = serde_json::from_slice(&body)?;
        if list.len() == entities {
            return Ok(());
        }
        Err(format!("{} answered {} entities instead of {entities}", self.name, list.len()).into())
    }

    /// Processor time that the process has used so far, in microseconds (Linux: fields 14 and 15 of stat, in
    /// ticks of 10 ms).
    pub(crate) fn cpu_microseconds(&self) -> Result<f64, Failure> {
        const MICROSECONDS_PER_TICK: f64 = 10_000.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let after_name = stat.rsplit_once(')').ok_or("an odd stat file")?.1;
        let ticks: Vec<u64> = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse().ok())
            .collect();
        Ok(precise(ticks.iter().sum()) * MICROSECONDS_PER_TICK)
    }
}

pub(crate) fn origin(entities: usize) -> Result<Contestant, Failure> {
    own_role("origin", &["origin", "--entities", &entities.to_string()])
}

pub(crate) fn bare_proxy(origin: &str) -> Result<Contestant, Failure> {
    own_role("bare", &["bare-proxy", "--origin", origin])
}

fn own_role(name: &'static str, arguments: &[&str]) -> Result<Contestant, Failure> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let address = first_line(&mut process)?;
    let target = Target {
        address: address.clone(),
        path: "/".to_owned(),
        headers: Vec::new(),
    };
    Ok(Contestant {
        name,
        target,
        address,
        process,
        _configuration: None,
    })
}

/// Starts the gateway with one Orion as its source, and everything on: key, policy, limits, metrics.
pub(crate) fn kakehashi(binary: &str, origin: &str) -> Result<Contestant, Failure> {
    let folder = TempDir::new()?;
    write_configuration(folder.path(), origin)?;
    let mut process = Command::new(binary)
        .args(["serve", "--json", "--config"])
        .arg(folder.path().join("tenants.toml"))
        .arg("--policies")
        .arg(folder.path().join("policies"))
        .env("KAKEHASHI_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {binary}: {error}; build it with `cargo build --release`"))?;
    let ready: serde_json::Value = serde_json::from_str(&first_line(&mut process)?)?;
    let url = ready
        .get("gateway")
        .and_then(|url| url.as_str())
        .ok_or("no address printed")?;
    let address = url.trim_start_matches("http://").to_owned();
    let target = Target {
        address: address.clone(),
        path: "/ngsi-ld/v1/entities?type=EvacuationSite&limit=20".to_owned(),
        headers: vec![("x-api-key".to_owned(), API_KEY.to_owned())],
    };
    Ok(Contestant {
        name: "Kakehashi",
        target,
        address,
        process,
        _configuration: Some(folder),
    })
}

fn first_line(process: &mut Child) -> Result<String, Failure> {
    let out = process.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    if line.is_empty() {
        Err("the process ended before it was ready".into())
    } else {
        Ok(line.trim().to_owned())
    }
}

/// The key of the benchmark's consumer, and its SHA-256. It opens nothing but this benchmark.
const API_KEY: &str = "benchmark";
const API_KEY_SHA256: &str = "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc";

fn write_configuration(folder: &Path, origin: &str) -> Result<(), Failure> {
    let tenants = format!(
        r#"
[gateway]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[tenants.tochigi]
name = "栃木県"
code = "090000"
role = "operator"

[tenants.nasushiobara]
name = "那須塩原市"
code = "092134"

[[tenants.nasushiobara.sources]]
id = "orion"
adapter = "ngsi-v2"
endpoint = "http://{origin}"
fiware_service = "nasushiobara"
personal_data = "present"
limits = {{ requests_per_second = 1000000, burst = 1000000, concurrency = 256 }}
provides = [{{ type = "EvacuationSite" }}]

[consumers.bench]
tenant = "tochigi"
roles = ["reader"]
limits = {{ requests_per_second = 1000000, burst = 1000000, concurrency = 1000 }}
keys = [{{ name = "bench", sha256 = "{API_KEY_SHA256}" }}]
"#
    );
    std::fs::write(folder.join("tenants.toml"), tenants)?;
    let policies = folder.join("policies");
    std::fs::create_dir(&policies)?;
    for name in [
        "schema.cedarschema",
        "classification.toml",
        "platform.cedar",
        "nasushiobara.cedar",
    ] {
        let committed = Path::new("policies").join(name);
        std::fs::copy(&committed, policies.join(name)).map_err(|error| {
            format!(
                "cannot copy {}: {error}; run from the workspace's root",
                committed.display()
            )
        })?;
    }
    Ok(())
}
