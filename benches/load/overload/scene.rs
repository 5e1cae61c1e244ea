//! The gateway that is attacked, what its sources hold, and who may ask.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::{NICE_OF_ELSEWHERE, percent, yield_to_others};
use crate::Failure;
use crate::contestant::committed;
use crate::gateway::{fill_store, serve};
use crate::origin::Origin;
use crate::process::Process;
use crate::wire::Target;
use crate::workload::{Canned, STORED, Workload};
use kakehashi_benches::workload::ngsi_ld_list;

/// The key of the honest consumer and of the one that attacks, with their SHA-256. They open nothing but this scene.
const HONEST_KEY: &str = "benchmark";
const HONEST_KEY_SHA256: &str = "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc";
pub(super) const ATTACKER_KEY: &str = "attacker";
const ATTACKER_KEY_SHA256: &str = "e64ba38a4b958c72bc0d421150ba464636422485ed72fab7086c7691ce4008cc";

/// One that may ask once a second.
pub(super) const SUBSCRIBER_KEY: &str = "subscriber";
const SUBSCRIBER_KEY_SHA256: &str = "1f62becb1363bc86f7c3bf1f35196457b2d01ba085946a374854b4727f98df29";

/// Entities of the two wide sources, and bytes of each.
const WIDE: usize = 10_000;
const WIDE_PAGE: usize = 1000;
const WIDE_BYTES: usize = 14_000;

/// Entities with long lines, and positions of each.
const LINES: usize = 200;
const POSITIONS: usize = 200;

/// Entities of which a page makes 14 MB, and bytes of each.
const LARGE: usize = 140;
const LARGE_BYTES: usize = 100_000;

/// The origins and the files, for as many gateways as are attacked.
pub(super) struct Scene {
    wide: [Origin; 2],
    files: TempDir,
}

/// A gateway that can be attacked.
pub(super) struct Started {
    pub(super) process: Process,
    honest: Target,
    /// How often each answer came to an attacker.
    answers: Mutex<BTreeMap<String, u64>>,
    _files: TempDir,
}

impl Scene {
    pub(super) fn new() -> Result<Self, Failure> {
        let files = TempDir::new()?;
        std::fs::write(files.path().join("entities.json"), stored())?;
        Ok(Self {
            wide: [wide("a")?, wide("b")?],
            files,
        })
    }

    pub(super) fn start(&self, binary: &Path) -> Result<Started, Failure> {
        let files = TempDir::new()?;
        self.configure(files.path())?;
        let entities = std::fs::read_to_string(self.files.path().join("entities.json"))?;
        fill_store(binary, files.path(), entities)?;
        let (process, address) = serve(Command::new(binary), files.path(), "info")?;
        Ok(Started {
            process,
            honest: Target {
                address,
                path: Workload::W5.gateway_path(),
                headers: vec![("x-api-key".to_owned(), HONEST_KEY.to_owned())],
            },
            answers: Mutex::default(),
            _files: files,
        })
    }

    fn configure(&self, folder: &Path) -> Result<(), Failure> {
        const PLENTY: &str = "requests_per_second = 1000000, burst = 1000000, concurrency = 10000";
        let mut tenants = String::from(
            "[gateway]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nstate = \"sqlite:state.db\"\n\
             egress_allow = [\"127.0.0.0/8\"]\n\n\
             [tenants.tochigi]\nname = \"栃木県\"\ncode = \"090000\"\nrole = \"operator\"\n\n\
             [[tenants.tochigi.sources]]\nid = \"store\"\nadapter = \"store\"\nendpoint = \"sqlite:store/\"\n\
             partitions = [\"tochigi\"]\npersonal_data = \"none\"\n\
             provides = [{ type = \"EvacuationSite\" }, { type = \"Line\" }, { type = \"Large\" }]\n\n",
        );
        for (number, origin) in self.wide.iter().enumerate() {
            let address = origin.address();
            write!(
                tenants,
                "[[tenants.tochigi.sources]]\nid = \"wide-{number}\"\nadapter = \"ngsi-v2\"\n\
                 endpoint = \"http://{address}\"\npersonal_data = \"none\"\n\
                 limits = {{ requests_per_second = 1000000, burst = 1000000, concurrency = 256 }}\n\
                 provides = [{{ type = \"Wide\" }}]\n\n"
            )?;
        }
        write!(
            tenants,
            "[consumers.anonymous]\nroles = [\"reader\"]\n\n\
             [consumers.honest]\ntenant = \"tochigi\"\nroles = [\"reader\"]\nlimits = {{ {PLENTY} }}\n\
             keys = [{{ name = \"honest\", sha256 = \"{HONEST_KEY_SHA256}\" }}]\n\n\
             [consumers.attacker]\ntenant = \"tochigi\"\nroles = [\"reader\"]\n\
             keys = [{{ name = \"attacker\", sha256 = \"{ATTACKER_KEY_SHA256}\" }}]\n\n\
             [consumers.subscriber]\ntenant = \"tochigi\"\nroles = [\"reader\"]\n\
             limits = {{ requests_per_second = 1, burst = 1000, concurrency = 1000 }}\n\
             keys = [{{ name = \"subscriber\", sha256 = \"{SUBSCRIBER_KEY_SHA256}\" }}]\n"
        )?;
        std::fs::write(folder.join("tenants.toml"), tenants)?;
        let policies = folder.join("policies");
        std::fs::create_dir(&policies)?;
        std::fs::write(
            policies.join("schema.cedarschema"),
            committed("policies/schema.cedarschema")?,
        )?;
        std::fs::write(
            policies.join("tochigi.cedar"),
            "permit (principal, action, resource in Tenant::\"tochigi\");\n",
        )?;
        let open =
            ["EvacuationSite", "Line", "Large", "Wide"].map(|name| format!("[types.{name}]\nclass = \"open\"\n"));
        std::fs::write(policies.join("classification.toml"), open.join("\n"))?;
        Ok(())
    }
}

impl Started {
    pub(super) fn honest(&self) -> &Target {
        &self.honest
    }

    pub(super) fn address(&self) -> &str {
        &self.honest.address
    }

    /// An attacker was answered so, or cut off.
    pub(super) fn saw(&self, outcome: String) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(outcome).or_default() += 1;
    }

    /// What the attackers were answered, as shares.
    pub(super) fn outcomes(&self) -> String {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let all = answers.values().sum();
        let shares = answers
            .iter()
            .map(|(outcome, count)| format!("{outcome} {:.0}%", percent(*count, all)));
        format!("attackers saw {all} ends: {}", shares.collect::<Vec<_>>().join(", "))
    }
}

/// What the store holds.
fn stored() -> String {
    let mut list = ngsi_ld_list(STORED);
    list.pop();
    for number in 0..LINES {
        let line: Vec<String> = (0..POSITIONS)
            .map(|position| {
                let (x, y) = (position % 20, position / 20 + number);
                format!("[140.00000{x:02},36.900{y:04}]")
            })
            .collect();
        let line = line.join(",");
        list.push_str(&format!(
            r#",{{"id":"urn:ngsi-ld:Line:{number:05}","type":"Line","location":{{"type":"GeoProperty","value":{{"type":"LineString","coordinates":[{line}]}}}}}}"#
        ));
    }
    let text = "a".repeat(LARGE_BYTES);
    for number in 0..LARGE {
        list.push_str(&format!(
            r#",{{"id":"urn:ngsi-ld:Large:{number:05}","type":"Large","name":{{"type":"Property","value":"{text}"}}}}"#
        ));
    }
    list.push(']');
    list
}

/// An Orion of many large entities, whose pages are made beforehand.
fn wide(name: &str) -> Result<Origin, Failure> {
    let text = "a".repeat(WIDE_BYTES);
    let page = |page: usize| {
        let entities: Vec<String> = (page * WIDE_PAGE..(page + 1) * WIDE_PAGE)
            .map(|number| {
                format!(
                    r#"{{"id":"urn:ngsi-ld:Wide:{name}{number:05}","type":"Wide","name":{{"type":"Text","value":"{text}","metadata":{{}}}}}}"#
                )
            })
            .collect();
        format!("[{}]", entities.join(","))
    };
    // What is found first is answered: the end stands before the page whose offset begins like its own.
    let mut answers = vec![Canned {
        when: format!("offset={WIDE}").into(),
        body: "[]".to_owned(),
        total: WIDE,
    }];
    for number in 0..WIDE / WIDE_PAGE {
        answers.push(Canned {
            when: format!("offset={}", number * WIDE_PAGE).into(),
            body: page(number),
            total: WIDE,
        });
    }
    // Its thread comes after others, as the one does that begins it.
    std::thread::scope(|scope| {
        let beginning = scope.spawn(|| {
            yield_to_others(NICE_OF_ELSEWHERE);
            Origin::in_this_process(answers)
        });
        beginning.join().unwrap_or_else(|_| Err("an origin panicked".into()))
    })
}

/// The positions of the longest line that a question may have: 10,920 in 64 KiB need ten characters each with the
/// brackets, so that these are fewer, and equally far from every stored line.
pub(super) fn circle() -> String {
    const SHOWN: usize = 2_800;
    let positions: Vec<String> = (0..SHOWN)
        .map(|number| {
            let angle = f64::from(u32::try_from(number).unwrap_or(0)) * TAU / 2_800.0;
            format!("[{:.5},{:.5}]", 140.0 + angle.cos() * 0.1, 36.91 + angle.sin() * 0.08)
        })
        .collect();
    format!("[{}]", positions.join(","))
}
