//! The demo's configuration, as it stands in the repository: in the binary, so that `kakehashi demo` needs no folder of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Failure;

/// A ready mapping: no source of the demo names one, but whoever begins with these files needs them for his own.
macro_rules! ready {
    ($name:literal) => {
        (
            concat!("mappings/standard/", $name),
            include_str!(concat!("../../../mappings/standard/", $name)),
        )
    };
}

/// Every file of the configuration, by its name from the folder of tenants.toml.
static FILES: [(&str, &str); 32] = [
    ("tenants.toml", include_str!("../../../tenants.toml")),
    ("mappings/sano.toml", include_str!("../../../mappings/sano.toml")),
    (
        "mappings/samples/sano-sites.json",
        include_str!("../../../mappings/samples/sano-sites.json"),
    ),
    (
        "mappings/samples/sano-shelters.json",
        include_str!("../../../mappings/samples/sano-shelters.json"),
    ),
    (
        "mappings/samples/sano-aed.json",
        include_str!("../../../mappings/samples/sano-aed.json"),
    ),
    (
        "policies/classification.toml",
        include_str!("../../../policies/classification.toml"),
    ),
    (
        "policies/schema.cedarschema",
        include_str!("../../../policies/schema.cedarschema"),
    ),
    (
        "policies/platform.cedar",
        include_str!("../../../policies/platform.cedar"),
    ),
    (
        "policies/tochigi.cedar",
        include_str!("../../../policies/tochigi.cedar"),
    ),
    ("policies/sano.cedar", include_str!("../../../policies/sano.cedar")),
    (
        "policies/nasushiobara.cedar",
        include_str!("../../../policies/nasushiobara.cedar"),
    ),
    ("policies/yaita.cedar", include_str!("../../../policies/yaita.cedar")),
    (
        "policies/tests/demo.toml",
        include_str!("../../../policies/tests/demo.toml"),
    ),
    ready!("aed.toml"),
    ready!("assisted-evacuation-facility.toml"),
    ready!("care-facility.toml"),
    ready!("childcare-facility.toml"),
    ready!("cooling-shelter.toml"),
    ready!("cultural-property.toml"),
    ready!("designated-shelter-gsi.toml"),
    ready!("designated-shelter.toml"),
    ready!("evacuation-site-gsi.toml"),
    ready!("evacuation-site.toml"),
    ready!("event.toml"),
    ready!("fire-water-source.toml"),
    ready!("medical-institution.toml"),
    ready!("parking-lot.toml"),
    ready!("public-facility.toml"),
    ready!("public-toilet.toml"),
    ready!("public-wireless-lan.toml"),
    ready!("tourist-facility.toml"),
    ready!("vacant-house.toml"),
];

/// Writes the configuration into a folder, which is made. Nothing that stands there is replaced.
pub(super) fn write(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let there: Vec<String> = FILES
        .iter()
        .map(|(name, _)| folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Failure::Other(format!(
            "nothing was written, because there is already {}: name a folder without them, or move them away",
            there.join(", ")
        )));
    }
    // Of the way there what is no folder cannot hold one.
    let ways = FILES.iter().map(|(name, _)| folder.join(name));
    let blocked = ways.into_iter().find_map(|path| {
        let mut above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        above
            .find(|above| above.exists() && !above.is_dir())
            .map(Path::to_owned)
    });
    if let Some(blocked) = blocked {
        return Err(Failure::Other(format!(
            "nothing was written, because {} is no folder: name another",
            blocked.display()
        )));
    }
    let mut written = Vec::new();
    for (name, text) in FILES {
        let path = folder.join(name);
        write_new(&path, text).map_err(|error| Failure::other(&format!("cannot write {}", path.display()), error))?;
        written.push(path);
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}
