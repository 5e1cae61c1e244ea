//! What a client is counted by where nothing better is known of it: its IPv4 address, or the /64 that an IPv6 client is
//! given as a whole.

use std::net::IpAddr;

/// An IPv4 address, or the first half of an IPv6 address.
pub type ClientNetwork = u64;

/// Of which network this address is.
#[must_use]
pub fn client_network(address: IpAddr) -> ClientNetwork {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_has_its_whole_64_and_an_ipv4_client_its_address() {
        let network = |text: &str| client_network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
