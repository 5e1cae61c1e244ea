//! The address that a client is counted by, where nothing better is known of it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use kakehashi_config::GatewayConfig;
use kakehashi_core::{ClientNetwork, client_network};
use kakehashi_server::PeerAddress;

/// An IPv4 address, or the /64 that an IPv6 client is given as a whole.
pub type ClientAddress = ClientNetwork;

/// The address of the client. `X-Forwarded-For` counts only from a trusted proxy, and
/// then its last entry that is not itself such a proxy: what stands before that, anybody may have written.
pub fn client_address(request: &Request, gateway: &GatewayConfig) -> ClientAddress {
    let peer = request
        .extensions()
        .get::<PeerAddress>()
        .map(|peer| SocketAddr::ip(&peer.0));
    let is_trusted = |address: &IpAddr| gateway.trusted_proxies.iter().any(|network| network.contains(*address));
    let forwarded = peer.filter(is_trusted).and_then(|_| {
        let values = request.headers().get_all("x-forwarded-for");
        let entries = values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let addresses: Vec<Option<IpAddr>> = entries.map(forwarded_address).collect();
        addresses
            .into_iter()
            .rev()
            .map_while(|address| address)
            .find(|address| !is_trusted(address))
    });
    forwarded.or(peer).map_or(0, client_network)
}

/// An entry of `X-Forwarded-For`: an address, with or without a port.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    entry.trim_matches(['[', ']']).parse().ok().or_else(with_port)
}
