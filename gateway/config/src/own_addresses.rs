//! Which addresses are of this machine: what listens on one of them listens on the others, most often, so that they name one
//! system. They change while the gateway runs.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::Host;

/// How long what was found is kept: reading the addresses takes the kernel some tens of microseconds, and a machine that gets
/// a new one waits for more than that.
const KEPT: Duration = Duration::from_secs(10);

/// The addresses of this machine, beside those of its loopback, which are all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAddresses {
    of_interfaces: Vec<IpAddr>,
}

/// What was found, and when.
static FOUND: Mutex<Option<(Instant, Arc<OwnAddresses>)>> = Mutex::new(None);

impl OwnAddresses {
    /// As they are now. Where they cannot be read, they are as they were.
    #[must_use]
    pub fn now() -> Arc<Self> {
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = found.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Arc::clone(known);
        }
        let addresses = match if_addrs::get_if_addrs() {
            Ok(interfaces) => Arc::new(Self::of(interfaces.iter().map(if_addrs::Interface::ip))),
            Err(error) => {
                tracing::warn!(%error, "the addresses of this machine cannot be read");
                found.take().map(|(_, known)| known).unwrap_or_default()
            }
        };
        *found = Some((Instant::now(), Arc::clone(&addresses)));
        addresses
    }

    /// These.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            of_interfaces: addresses.into_iter().map(|address| address.to_canonical()).collect(),
        }
    }

    /// Whether the address is one of them.
    #[must_use]
    pub fn hold(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || address.is_unspecified() || self.of_interfaces.contains(&address)
    }

    /// Whether a host is this machine, as far as nobody has to be asked for it.
    #[must_use]
    pub fn are_of(&self, host: &Host<String>) -> bool {
        match host {
            Host::Ipv4(address) => self.hold(IpAddr::V4(*address)),
            Host::Ipv6(address) => self.hold(IpAddr::V6(*address)),
            // RFC 6761, 6.3.
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let last = name.rsplit('.').next().unwrap_or(name);
                last.eq_ignore_ascii_case("localhost")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_at_its_loopback_and_at_its_own_addresses() {
        let here = OwnAddresses::of(["192.0.2.7".parse().unwrap()]);
        for (host, is_here) in [
            ("127.0.0.1", true),
            ("127.0.0.2", true),
            ("[::1]", true),
            ("0.0.0.0", true),
            ("[::ffff:127.0.0.1]", true),
            ("192.0.2.7", true),
            ("[::ffff:192.0.2.7]", true),
            ("localhost", true),
            ("LOCALHOST.", true),
            ("a.localhost", true),
            ("192.0.2.8", false),
            ("localhost.example.jp", false),
            ("notlocalhost", false),
        ] {
            assert_eq!(here.are_of(&Host::parse(host).unwrap()), is_here, "{host}");
        }
    }

    #[test]
    fn the_addresses_of_the_machine_that_runs_this_are_found() {
        let found = if_addrs::get_if_addrs().unwrap();
        assert!(found.iter().all(|interface| OwnAddresses::now().hold(interface.ip())));
        assert!(
            OwnAddresses::now()
                .of_interfaces
                .contains(&IpAddr::from([127, 0, 0, 1]))
        );
    }
}
