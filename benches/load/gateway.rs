//! Kakehashi as a contestant: with everything on, or with one feature off. Off is by configuration where that is
//! natural, and else by putting the gateway together without the layer, which only a program of its own can do.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use kakehashi::config::{Config, Environment};
use kakehashi::listening::{Running, Without};
use kakehashi::telemetry::start_logging;
use kakehashi_benches::workload::ngsi_ld_list;
use tempfile::TempDir;

use crate::Failure;
use crate::command_line::{Feature, GatewayRole};
use crate::contestant::{Contestant, Speaks, committed, own_role};
use crate::process::Process;
use crate::wire::Target;
use crate::workload::Workload;

/// The key of the rig's consumer, and its SHA-256. It opens nothing but this rig.
const API_KEY: &str = "benchmark";
const API_KEY_SHA256: &str = "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc";

/// Tenants whose sources hold the same entities, in W4.
const TENANTS: [(&str, &str); 3] = [("nasushiobara", "092134"), ("sano", "092045"), ("yaita", "092118")];

/// The tenants whose sources they are.
pub(crate) fn tenants_with_sources() -> impl Iterator<Item = &'static str> {
    TENANTS.iter().map(|(tenant, _)| *tenant)
}

impl Feature {
    pub(crate) const ALL: [Self; 6] = [
        Self::Authentication,
        Self::Policy,
        Self::Limits,
        Self::Tracing,
        Self::Metrics,
        Self::Every,
    ];

    /// Whether `feature` is off, where this is what a gateway is without.
    fn includes(self, feature: Self) -> bool {
        self == feature || self == Self::Every
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "no authentication",
            Self::Policy => "no policy",
            Self::Limits => "no limits",
            Self::Tracing => "no tracing",
            Self::Metrics => "no metrics",
            Self::Every => "none of them",
        }
    }
}

fn lacks(without: Option<Feature>, feature: Feature) -> bool {
    without.is_some_and(|without| without.includes(feature))
}

/// Starts the gateway in front of these origins.
pub(crate) fn start(
    binary: &Path,
    name: &str,
    workload: Workload,
    origins: &[String],
    without: Option<Feature>,
) -> Result<Contestant, Failure> {
    let stored = workload.stored().map(ngsi_ld_list);
    start_filled(binary, name, workload, origins, without, stored)
}

/// As [`start`], with these entities in the store.
pub(crate) fn start_filled(
    binary: &Path,
    name: &str,
    workload: Workload,
    origins: &[String],
    without: Option<Feature>,
    stored: Option<String>,
) -> Result<Contestant, Failure> {
    let files = TempDir::new()?;
    write_configuration(files.path(), workload, origins, without)?;
    if let Some(entities) = stored {
        fill_store(binary, files.path(), entities)?;
    }
    let command = match without {
        Some(Feature::Limits) => own_role(&["gateway", "--without", "limits"])?,
        Some(Feature::Metrics) => own_role(&["gateway", "--without", "metrics"])?,
        Some(Feature::Every) => own_role(&["gateway", "--without", "every"])?,
        _ => Command::new(binary),
    };
    let level = if lacks(without, Feature::Tracing) {
        "off"
    } else {
        "info"
    };
    let (process, address) = serve(command, files.path(), level)?;
    let mut headers = vec![("accept".to_owned(), workload.accept().to_owned())];
    if workload.origins() > 0 {
        // All ask the same: without this they would be answered by one request to the source, and rivals would not.
        headers.push(("cache-control".to_owned(), "no-cache".to_owned()));
    }
    if !lacks(without, Feature::Authentication) {
        headers.push(("x-api-key".to_owned(), API_KEY.to_owned()));
    }
    Ok(Contestant {
        name: without.map_or_else(|| name.to_owned(), |feature| feature.name().to_owned()),
        target: Target {
            address,
            path: workload.gateway_path(),
            headers,
        },
        speaks: Speaks::View,
        expected_status: workload.expected_status(),
        process,
        _files: Some(files),
    })
}

/// Starts a gateway with the files of this folder; gives its address.
pub(crate) fn serve(mut command: Command, folder: &Path, log: &str) -> Result<(Process, String), Failure> {
    if command.get_args().next().is_none() {
        command.args(["serve", "--json"]);
    }
    with_files(&mut command, folder);
    // What it logs goes to a file, as it would to a collector; the default says one line for each request.
    command.stderr(Stdio::from(File::create(folder.join("log"))?));
    command.env("KAKEHASHI_LOG", log);
    let (process, line) = Process::announcing(&mut command).map_err(|error| {
        let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        format!("{error}: {said}")
    })?;
    let ready: serde_json::Value = serde_json::from_str(&line)?;
    let url = ready.get("gateway").and_then(|url| url.as_str());
    let address = url.ok_or("no address printed")?.trim_start_matches("http://");
    Ok((process, address.to_owned()))
}

fn with_files(command: &mut Command, folder: &Path) {
    command
        .arg("--config")
        .arg(folder.join("tenants.toml"))
        .arg("--policies")
        .arg(folder.join("policies"));
}

/// The gateway without the layer that limits, or without instruments: a role of this program, so that no build
/// for others can be started so.
pub(crate) fn serve_assembled(role: &GatewayRole) -> Result<(), Failure> {
    start_logging("info");
    let config = Config::load(&role.config, &role.policies, &Environment::of_process())
        .map_err(|diagnostics| diagnostics.to_string())?;
    let without = Without {
        limits: role.without.includes(Feature::Limits),
        metrics: role.without.includes(Feature::Metrics),
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let running = Running::start_without(config, without).await?;
            println!("{}", serde_json::json!({ "gateway": running.gateway_url() }));
            running.until_signal().await;
            Ok(())
        })
}

/// The committed mapping, with pages as large as what is asked: the rig measures mapping, not paging.
pub(crate) fn rig_mapping() -> Result<String, Failure> {
    let mapping = committed("mappings/sano.toml")?;
    Ok(mapping.replacen("max = 50", "max = 100", 1))
}

fn write_configuration(
    folder: &Path,
    workload: Workload,
    origins: &[String],
    without: Option<Feature>,
) -> Result<(), Failure> {
    const PLENTY: &str = "requests_per_second = 1000000, burst = 1000000, concurrency";
    let mut tenants = String::from(
        "[gateway]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nstate = \"sqlite:state.db\"\n\n\
         [tenants.tochigi]\nname = \"栃木県\"\ncode = \"090000\"\nrole = \"operator\"\n\n",
    );
    for (tenant, code) in TENANTS {
        tenants.push_str(&format!(
            "[tenants.{tenant}]\nname = \"{tenant}\"\ncode = \"{code}\"\n\n"
        ));
    }
    let personal_data = if lacks(without, Feature::Policy) {
        "none"
    } else {
        "present"
    };
    for (number, (tenant, origin)) in TENANTS.iter().map(|(tenant, _)| tenant).zip(origins).enumerate() {
        let kind = if workload == Workload::W3 {
            "adapter = \"rest\"\nmapping = \"sano.toml\""
        } else {
            "adapter = \"ngsi-v2\"\nfiware_service = \"bench\""
        };
        // The sources of W4 hold the same entities.
        let ids = if workload == Workload::W10 {
            "ids = \"own\"\n"
        } else {
            ""
        };
        tenants.push_str(&format!(
            "[[tenants.{tenant}.sources]]\nid = \"source-{number}\"\n{kind}\nendpoint = \"http://{origin}\"\n{ids}\
             personal_data = \"{personal_data}\"\nlimits = {{ {PLENTY} = 256 }}\n\
             provides = [{{ type = \"EvacuationSite\" }}]\n\n"
        ));
    }
    if workload.stored().is_some() {
        tenants.push_str(&format!(
            "[[tenants.tochigi.sources]]\nid = \"store\"\nadapter = \"store\"\nendpoint = \"sqlite:store/\"\n\
             partitions = [\"tochigi\"]\npersonal_data = \"{personal_data}\"\nprovides = [{{ type = \"*\" }}]\n\n"
        ));
    }
    tenants.push_str(&if lacks(without, Feature::Authentication) {
        format!("[consumers.anonymous]\nroles = [\"reader\"]\nlimits = {{ {PLENTY} = 1000 }}\n")
    } else {
        format!(
            "[consumers.bench]\ntenant = \"tochigi\"\nroles = [\"reader\"]\nlimits = {{ {PLENTY} = 1000 }}\n\
             keys = [{{ name = \"bench\", sha256 = \"{API_KEY_SHA256}\" }}]\n"
        )
    });
    std::fs::write(folder.join("tenants.toml"), tenants)?;
    std::fs::write(folder.join("sano.toml"), rig_mapping()?)?;
    write_policies(&folder.join("policies"), without)
}

fn write_policies(folder: &Path, without: Option<Feature>) -> Result<(), Failure> {
    std::fs::create_dir(folder)?;
    let names = TENANTS.iter().map(|(tenant, _)| *tenant).chain(["tochigi"]);
    let copy = |name: &str| -> Result<(), Failure> {
        std::fs::write(folder.join(name), committed(&format!("policies/{name}"))?)?;
        Ok(())
    };
    copy("schema.cedarschema")?;
    if lacks(without, Feature::Policy) {
        for tenant in names {
            let everything = format!("permit (principal, action, resource in Tenant::\"{tenant}\");\n");
            std::fs::write(folder.join(format!("{tenant}.cedar")), everything)?;
        }
        std::fs::write(
            folder.join("classification.toml"),
            "[types.EvacuationSite]\nclass = \"open\"\n",
        )?;
        return Ok(());
    }
    for tenant in names {
        copy(&format!("{tenant}.cedar"))?;
    }
    copy("platform.cedar")?;
    copy("classification.toml")
}

/// Loads the store's entities with the gateway's own command.
pub(crate) fn fill_store(binary: &Path, folder: &Path, entities: String) -> Result<(), Failure> {
    let file = folder.join("entities.json");
    std::fs::write(&file, entities)?;
    let mut command = Command::new(binary);
    command.args(["store", "load", "--tenant", "tochigi"]).arg(&file);
    with_files(&mut command, folder);
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the store cannot be filled: {}",
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}
