//! Starting the platform, asking it, and keeping what it leaves behind.

mod answer;
mod browser;
mod client;
mod command;
mod disks;
mod evidence;
mod files;
mod pasted;
mod platform;
mod process;
mod published;
mod raw_orion;
mod schema;
mod secure;
mod wire;

pub(crate) use answer::{Answer, members};
pub(crate) use browser::Browser;
pub(crate) use client::{Ask, Client, encoded};
pub(crate) use command::{Finished, kakehashi};
pub(crate) use disks::Disks;
pub(crate) use files::{Files, change_source, key_of, keys, section, sources_of};
pub(crate) use pasted::{Page, blocks, is_as_said, page};
pub(crate) use platform::{Builder, Platform, READER, finds_out_ids};
pub(crate) use process::Gateway;
pub(crate) use published::{Place, nasushiobara_sites, planted, sano_sites, site_ids, yaita_sites};
pub(crate) use raw_orion::{NO_UTF8, RawOrion, in_place_of_orion};
pub(crate) use secure::{Authority, Identity, SecureClient};
pub(crate) use wire::{address_of, connect_from, converse, read_to_end};

/// How long anything is waited for before the test is given up: far longer than anything takes that works.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The ids of the sources, as the committed tenants.toml names them.
pub(crate) const SANO: &str = "sano-safe-map";
pub(crate) const ORION: &str = "nasushiobara-orion";

/// Looks for the values of all invented persons, in every form. Made once: it has ten thousand patterns.
pub(crate) fn scan() -> &'static stand_ins::canary::Scan {
    static SCAN: std::sync::OnceLock<stand_ins::canary::Scan> = std::sync::OnceLock::new();
    SCAN.get_or_init(|| stand_ins::canary::Scan::for_values(&stand_ins::canaries()))
}

/// Waits until something becomes true, without relying on how long it takes.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, waiting).await.is_ok(),
        "waited in vain until {what}"
    );
}
