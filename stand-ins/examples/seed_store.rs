//! Writes `data/store/*.jsonld` from the published files.

use std::error::Error;
use std::fs;
use std::path::Path;

use stand_ins::prefecture;

fn main() -> Result<(), Box<dyn Error>> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/store");
    fs::write(store.join("yaita.jsonld"), prefecture::generated_yaita()?)?;
    fs::write(store.join("tochigi.jsonld"), prefecture::generated_tochigi()?)?;
    Ok(())
}
