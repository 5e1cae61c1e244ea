//! Which addresses a URL that a client has named may lead to: public ones, and what the operator allows. Nobody
//! outside may use the gateway to reach what is inside.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use kakehashi_config::OwnAddresses;
use kakehashi_documents::quantity::Network;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

/// The rule. As a resolver it hands out checked addresses only, so that what was checked is what is connected to.
#[derive(Debug, Clone)]
pub struct Egress {
    allowed: Arc<[Network]>,
}

/// The address is not one that clients may name.
#[derive(Debug, thiserror::Error)]
#[error("the address is not one that clients may name")]
struct AddressRefused;

impl Egress {
    /// Public addresses, and those of `[gateway] egress_allow`.
    pub fn new(allowed: &[Network]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    /// Whether something may be fetched from an address. What listens on this machine is inside, at its public addresses,
    /// too.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allows_beside(address, &OwnAddresses::now())
    }

    fn allows_beside(&self, address: IpAddr, here: &OwnAddresses) -> bool {
        (is_public(address) && !here.hold(address)) || self.allowed.iter().any(|network| network.contains(address))
    }

    /// Whether a URL may be asked: http or https, no credentials. An address in the place of a name is checked
    /// here, because it is never resolved.
    pub fn allows_url(&self, url: &Url) -> bool {
        let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        plain
            && match url.host() {
                Some(Host::Domain(name)) => !name.is_empty(),
                Some(Host::Ipv4(address)) => self.allows(IpAddr::V4(address)),
                Some(Host::Ipv6(address)) => self.allows(IpAddr::V6(address)),
                None => false,
            }
    }
}

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| egress.allows(found.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, AddressRefused).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet (the special-purpose registries of IANA: RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0                                   // this network
        || a == 10                                         // private
        || (a == 100 && (64..128).contains(&b))            // carrier-grade NAT
        || a == 127                                        // loopback
        || (a == 169 && b == 254)                          // link-local, where clouds keep their metadata
        || (a == 172 && (16..32).contains(&b))             // private
        || (a == 192 && b == 0 && (c == 0 || c == 2))      // protocol assignments, documentation
        || (a == 192 && b == 88 && c == 99)                // 6to4 relays
        || (a == 192 && b == 168)                          // private
        || (a == 198 && (b == 18 || b == 19))              // benchmarks
        || (a == 198 && b == 51 && c == 100)               // documentation
        || (a == 203 && b == 0 && c == 113)                // documentation
        || a >= 224; // multicast, reserved, broadcast
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is handed out. In it: Teredo and other protocol assignments (2001::/23), documentation, and 6to4,
    // which would carry any IPv4 address past the rule.
    let global = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_cannot_be_named() {
        let egress = Egress::new(&[]);
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!egress.allows(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
        ] {
            assert!(egress.allows(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_public_address_of_this_machine_is_inside() {
        let here = OwnAddresses::of(["8.8.8.8", "2606:4700::1111"].map(|address| address.parse().unwrap()));
        let egress = Egress::new(&[]);
        for (address, is_allowed) in [
            ("8.8.8.8", false),
            ("::ffff:8.8.8.8", false),
            ("2606:4700::1111", false),
            ("8.8.4.4", true),
        ] {
            assert_eq!(
                egress.allows_beside(address.parse().unwrap(), &here),
                is_allowed,
                "{address}"
            );
        }
        let allowed = Egress::new(&[Network::parse("8.8.8.8/32").unwrap()]);
        assert!(allowed.allows_beside("8.8.8.8".parse().unwrap(), &here));
    }

    #[test]
    fn the_operator_may_allow_ranges() {
        let egress = Egress::new(&[Network::parse("127.0.0.0/8").unwrap()]);
        assert!(egress.allows("127.9.9.9".parse().unwrap()));
        assert!(!egress.allows("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_address_is_recognised_however_it_is_written() {
        let egress = Egress::new(&[]);
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://user:secret@example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
        ] {
            assert!(!egress.allows_url(&Url::parse(url).unwrap()), "{url}");
        }
        assert!(egress.allows_url(&Url::parse("https://example.org:8443/context.jsonld").unwrap()));
    }

    #[tokio::test]
    async fn names_that_lead_inside_resolve_to_nothing() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(Egress::new(&[]).resolve(name()).await.is_err());
        let allowed = ["127.0.0.0/8", "::1"].map(|range| Network::parse(range).unwrap());
        assert!(Egress::new(&allowed).resolve(name()).await.is_ok());
    }
}
