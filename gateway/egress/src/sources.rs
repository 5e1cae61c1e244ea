//! Where a source may lead whose address a tenant's administrator has named: to public addresses and to those that the
//! operator allows its tenant, and never to where another tenant's source of the same service is.
//!
//! The names of the others are resolved when a connection is about to be made, because theirs is the last word on where
//! they are; what was found is kept for a moment, so that a burst of connections resolves them once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use kakehashi_adapters::ErrorKind;
use kakehashi_adapters::client::AddressRule;
use kakehashi_config::{AddressGuard, OwnAddresses};
use tokio::time::{Instant, timeout};
use url::Host;

use super::rule::Egress;

/// How long what a name led to is kept: shorter than the pools of sources keep idle connections.
const KEPT: Duration = Duration::from_secs(20);

/// How long all names together may take to be resolved; of those that take longer, what they led to before counts.
const RESOLVING: Duration = Duration::from_secs(2);

/// Names that are resolved at once: each takes a thread of those that may block.
const RESOLVED_AT_ONCE: usize = 16;

/// How an exchange went with a source whose address its tenant may have named: no more than this is told to the tenant's
/// administrator, and to consumers, whom it may ask. What answers how would tell what stands where.
pub const fn told_to_tenant(failure: Option<ErrorKind>) -> &'static str {
    match failure {
        None => "ok",
        Some(ErrorKind::Refused) => "refused",
        Some(_) => FAILED,
    }
}

/// What is told of any failure.
pub const FAILED: &str = "failed";

/// The rule for one source.
#[derive(Debug)]
pub struct SourceEgress {
    egress: Egress,
    rivals: Rivals,
}

impl SourceEgress {
    /// The rule of a source that is watched so.
    #[must_use]
    pub fn new(guard: &AddressGuard) -> Self {
        Self {
            egress: Egress::new(&guard.egress_allow),
            rivals: Rivals::new(&guard.rivals),
        }
    }
}

#[async_trait]
impl AddressRule for SourceEgress {
    async fn allowed(&self, mut found: Vec<IpAddr>) -> Vec<IpAddr> {
        found.retain(|address| self.egress.allows(*address));
        if found.is_empty() || !self.rivals.exist() {
            return found;
        }
        self.rivals.look_up().await;
        found.retain(|address| !self.rivals.are_at(*address));
        found
    }
}

/// The hosts of other tenants' sources, and where they are.
#[derive(Debug)]
struct Rivals {
    addresses: Vec<IpAddr>,
    names: Vec<String>,
    known: Mutex<Known>,
}

/// Where names led to when they were last resolved.
#[derive(Debug, Default)]
struct Known {
    at: Option<Instant>,
    by_name: HashMap<String, Vec<IpAddr>>,
}

impl Rivals {
    fn new(hosts: &[Host<String>]) -> Self {
        let (mut addresses, mut names) = (Vec::new(), Vec::new());
        for host in hosts {
            match host {
                Host::Domain(name) => names.push(name.clone()),
                Host::Ipv4(address) => addresses.push(IpAddr::V4(*address)),
                Host::Ipv6(address) => addresses.push(IpAddr::V6(*address)),
            }
        }
        Self {
            addresses,
            names,
            known: Mutex::default(),
        }
    }

    fn exist(&self) -> bool {
        !self.addresses.is_empty() || !self.names.is_empty()
    }

    /// Resolves their names, unless that was done just now.
    async fn look_up(&self) {
        let is_fresh = self.locked().at.is_some_and(|at| at.elapsed() < KEPT);
        if self.names.is_empty() || is_fresh {
            return;
        }
        let names: Vec<String> = self.names.clone();
        let resolving = futures::stream::iter(names).for_each_concurrent(RESOLVED_AT_ONCE, |name| async move {
            let found: Vec<IpAddr> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => found.map(|found| found.ip()).collect(),
                Err(_) => return,
            };
            self.locked().by_name.insert(name, found);
        });
        // Whoever is slow is taken to be where it was.
        let _ = timeout(RESOLVING, resolving).await;
        self.locked().at = Some(Instant::now());
    }

    fn are_at(&self, address: IpAddr) -> bool {
        let here = OwnAddresses::now();
        let is_same = |other: &IpAddr| is_same_machine(*other, address, &here);
        self.addresses.iter().any(is_same) || self.locked().by_name.values().flatten().any(is_same)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two addresses are of one machine: this one has many.
fn is_same_machine(one: IpAddr, other: IpAddr, here: &OwnAddresses) -> bool {
    one.to_canonical() == other.to_canonical() || (here.hold(one) && here.hold(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakehashi_documents::quantity::Network;

    fn guard(egress_allow: &[&str], rivals: &[&str]) -> SourceEgress {
        SourceEgress::new(&AddressGuard {
            egress_allow: egress_allow
                .iter()
                .map(|range| Network::parse(range).unwrap())
                .collect(),
            rivals: rivals.iter().map(|host| Host::parse(host).unwrap()).collect(),
        })
    }

    async fn allows(rule: &SourceEgress, address: &str) -> bool {
        !rule.allowed(vec![address.parse().unwrap()]).await.is_empty()
    }

    #[tokio::test]
    async fn a_source_leads_to_what_is_public_or_allowed() {
        let rule = guard(&["10.1.0.0/16"], &[]);
        for (address, is_allowed) in [
            ("8.8.8.8", true),
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("::ffff:10.2.2.3", false),
        ] {
            assert_eq!(allows(&rule, address).await, is_allowed, "{address}");
        }
    }

    #[test]
    fn every_address_of_this_machine_is_the_same_one() {
        let here = OwnAddresses::of(["192.0.2.7", "2001:db8::7"].map(|address| address.parse().unwrap()));
        let is_same = |one: &str, other: &str| is_same_machine(one.parse().unwrap(), other.parse().unwrap(), &here);
        for (one, other, expected) in [
            ("127.0.0.1", "192.0.2.7", true),
            ("192.0.2.7", "127.0.0.2", true),
            ("2001:db8::7", "::ffff:192.0.2.7", true),
            ("0.0.0.0", "2001:db8::7", true),
            ("192.0.2.8", "192.0.2.8", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("127.0.0.1", "192.0.2.8", false),
        ] {
            assert_eq!(is_same(one, other), expected, "{one} {other}");
        }
    }

    #[tokio::test]
    async fn and_never_to_where_another_tenants_source_is() {
        // By address, and by a name that leads there.
        for rival in ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"] {
            let rule = guard(&["127.0.0.0/8", "::1", "10.0.0.0/8"], &[rival]);
            assert!(!allows(&rule, "127.0.0.1").await, "{rival}");
            assert!(!allows(&rule, "::1").await, "{rival}");
            assert!(allows(&rule, "10.0.0.1").await, "{rival}");
        }
        // What was found of a name stays, and one that leads nowhere keeps nobody away.
        let rule = guard(&["127.0.0.0/8"], &["nobody.invalid", "localhost"]);
        assert!(!allows(&rule, "127.0.0.1").await);
        rule.rivals.locked().at = None;
        assert!(!allows(&rule, "127.0.0.1").await);
    }
}
