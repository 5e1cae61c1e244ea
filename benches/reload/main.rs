//! How long an edit takes to hold in a large configuration: 2,000 tenants with a source and 20 policies each, and
//! 10,000 consumers. Prints seconds from the end of writing a file to the first answer of `/readyz` with another
//! revision.
//!
//! `cargo run --release -p kakehashi-benches --bin reload [tenants]`

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use kakehashi::config::ConfigOverrides;
use kakehashi::listening::Running;
use kakehashi::reload::ConfigFiles;
use kakehashi::telemetry::start_logging;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const TENANTS: usize = 2000;
const POLICIES_EACH: usize = 20;
const CONSUMERS_EACH: usize = 5;

/// An edit that has not come to hold by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let tenants = std::env::args().nth(1).map_or(Ok(TENANTS), |count| count.parse())?;
    start_logging("error");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(tenants))
}

async fn measure(tenants: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let (tenants_toml, policies) = (folder.path().join("tenants.toml"), folder.path().join("policies"));
    write_configuration(folder.path(), tenants)?;
    let files = ConfigFiles::new(&tenants_toml, &policies, ConfigOverrides::default());
    let began = Instant::now();
    let config = files.load()?;
    println!(
        "{tenants} tenants, {} policies, {} consumers",
        config.policy.policy_count(),
        config.consumers.iter().count()
    );
    println!("first reading      {:6.2} s", began.elapsed().as_secs_f64());
    let running = Running::start(config, files).await?;
    let address = running.admin_url().replace("http://", "");
    let measured = tokio::task::spawn_blocking(move || measure_edits(&address, &tenants_toml, &policies));
    measured.await?.map_err(|error| error as Box<dyn Error>)?;
    running.stop().await;
    Ok(())
}

fn measure_edits(address: &str, tenants_toml: &Path, policies: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let edits: [(&str, std::path::PathBuf, &str); 4] = [
        ("one policy file   ", policies.join("town-7.cedar"), "// a remark\n"),
        ("tenants.toml      ", tenants_toml.to_owned(), "# a remark\n"),
        (
            "a new consumer    ",
            tenants_toml.to_owned(),
            "[consumers.added-NUMBER]\norganisation = \"x\"\nroles = [\"r0\"]\n",
        ),
        (
            "the classification",
            policies.join("classification.toml"),
            "# a remark\n",
        ),
    ];
    for (what, file, added) in edits {
        for round in 0..3 {
            let before = ready(address)?;
            let mut text = fs::read_to_string(&file)?;
            text.push_str(&added.replace("NUMBER", &round.to_string()));
            fs::write(&file, text)?;
            let began = Instant::now();
            while ready(address)? == before {
                if began.elapsed() > PATIENCE {
                    return Err("the edit does not hold".into());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            println!("{what} {:6.2} s", began.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// What `/readyz` says.
fn ready(address: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

fn write_configuration(folder: &Path, tenants: usize) -> Outcome<()> {
    let policies = folder.join("policies");
    fs::create_dir(&policies)?;
    let committed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies"));
    for name in ["schema.cedarschema", "classification.toml", "platform.cedar"] {
        fs::copy(committed.join(name), policies.join(name))?;
    }
    let mut text = String::from(
        "[gateway]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[consumers.anonymous]\nroles = [\"public\"]\n",
    );
    for number in 0..tenants {
        write!(
            text,
            "[tenants.town-{number}]\nname = \"町{number}\"\n[[tenants.town-{number}.sources]]\nid = \"town-{number}-orion\"\n\
             adapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:9/{number}\"\nfiware_service = \"town{number}\"\n\
             provides = [{{ type = \"EvacuationSite\", id_pattern = \"^urn:ngsi-ld:EvacuationSite:T{number:06}:\", \
             authoritative = true }}, {{ type = \"AED\" }}]\n"
        )?;
        for consumer in 0..CONSUMERS_EACH {
            let id = number * CONSUMERS_EACH + consumer;
            writeln!(
                text,
                "[consumers.app-{id}]\ntenant = \"town-{number}\"\nroles = [\"r{consumer}\"]\n\
                 keys = [{{ name = \"k\", sha256 = \"{id:064x}\" }}]"
            )?;
        }
        let mut cedar = String::new();
        for policy in 0..POLICIES_EACH {
            writeln!(
                cedar,
                "permit (\n  principal in Role::\"r{}\",\n  action in Action::\"read\",\n  resource in Tenant::\"town-{number}\"\n)\n\
                 when {{ resource.class == Class::\"open\" && resource.name != \"T{policy}\" }};",
                policy % CONSUMERS_EACH
            )?;
        }
        fs::write(policies.join(format!("town-{number}.cedar")), cedar)?;
    }
    fs::write(folder.join("tenants.toml"), text)?;
    Ok(())
}
