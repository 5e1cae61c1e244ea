//! What an endpoint names, taken apart: scheme, host, port and path. Patterns of endpoints are compared with these parts,
//! never with text, and so is the question whether two endpoints lead to one system.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;
use kakehashi_adapters::kind::http_url;
use percent_encoding::percent_decode_str;
use url::Host;

/// An endpoint, taken apart as whoever connects to it takes it apart, and then written in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointParts {
    is_https: bool,
    host: Host<String>,
    port: u16,
    /// The parts of the path, decoded; what `.` and `..` mean is done.
    path: Vec<String>,
    /// Whether the path says what it seems to say to everybody: no `..`, no empty part, nothing encoded that separates.
    is_plain: bool,
}

impl EndpointParts {
    /// Takes an endpoint apart.
    ///
    /// # Errors
    /// What is no address of an HTTP server, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = http_url(text)?;
        let is_https = uri.scheme_str() == Some("https");
        let written = uri.host().unwrap_or_default();
        // `a.example.` is the same host, and no percent sign stands in any.
        let host = Some(written.strip_suffix('.').unwrap_or(written))
            .filter(|host| !host.contains('%'))
            .and_then(|host| Host::parse(host).ok());
        let host = host.ok_or_else(|| format!("\"{written}\" is no name of a host and no address"))?;
        let mut path = Vec::new();
        let mut is_plain = true;
        let own = uri.path();
        for part in own.strip_suffix('/').unwrap_or(own).split('/').skip(1) {
            let decoded = percent_decode_str(part).decode_utf8_lossy().into_owned();
            is_plain &= !decoded.is_empty()
                && !decoded.contains(['/', '\\', '%', ';', char::REPLACEMENT_CHARACTER])
                && !decoded.chars().any(char::is_control);
            match decoded.as_str() {
                "" => {}
                "." => is_plain = false,
                ".." => {
                    is_plain = false;
                    path.pop();
                }
                _ => path.push(decoded),
            }
        }
        Ok(Self {
            is_https,
            host: one_way(host),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            path,
            is_plain,
        })
    }

    /// The host, in lower case, or an address.
    #[must_use]
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a request to one may be answered by what stands behind the other, as far as ports and paths tell: the host
    /// is not looked at. One prefix of paths holds the other; their letters are not told apart, because some servers do
    /// not.
    #[must_use]
    pub fn may_share_paths_with(&self, other: &Self) -> bool {
        let mut parts = self.path.iter().zip(&other.path);
        self.port == other.port && parts.all(|(one, other)| one.to_lowercase() == other.to_lowercase())
    }
}

/// This machine has many names and addresses; they are one.
fn one_way(host: Host<String>) -> Host<String> {
    let address: IpAddr = match &host {
        Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => return this_machine(),
        Host::Domain(_) => return host,
        Host::Ipv4(address) => (*address).into(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical(),
    };
    match address {
        address if address.is_loopback() || address.is_unspecified() => this_machine(),
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    }
}

fn this_machine() -> Host<String> {
    Host::Ipv4(Ipv4Addr::LOCALHOST)
}

/// Endpoints that a tenant's administrator may propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPattern {
    /// Scheme, port and the beginning of the path; of the host, the whole or its end.
    parts: EndpointParts,
    /// Whether the host is any below that name.
    is_below: bool,
}

impl EndpointPattern {
    /// Reads a pattern: an endpoint, in which `*.` may stand before the name of the host.
    ///
    /// # Errors
    /// What is no pattern, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no pattern of endpoints: write one such as \"https://orion.example.jp:1026\" or \
                 \"https://*.example.jp/api\""
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let below = rest.strip_prefix("*.");
        let parts = EndpointParts::parse(&format!("{scheme}://{}", below.unwrap_or(rest)))?;
        let host_fits = below.is_none() || matches!(parts.host, Host::Domain(_));
        if !parts.is_plain || !host_fits || below.unwrap_or(rest).contains('*') {
            return Err(wrong());
        }
        Ok(Self {
            parts,
            is_below: below.is_some(),
        })
    }

    /// Whether an endpoint is one of these: the same scheme and port, the host, and the path or one below it.
    #[must_use]
    pub fn matches(&self, endpoint: &EndpointParts) -> bool {
        let own = &self.parts;
        let host_matches = match (&own.host, &endpoint.host) {
            (Host::Domain(end), Host::Domain(name)) if self.is_below => name
                .strip_suffix(end.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (own, other) => own == other,
        };
        host_matches
            && endpoint.is_plain
            && own.is_https == endpoint.is_https
            && own.port == endpoint.port
            && endpoint.path.starts_with(&own.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> EndpointParts {
        EndpointParts::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn matches(pattern: &str, endpoint: &str) -> bool {
        EndpointPattern::parse(pattern).unwrap().matches(&parts(endpoint))
    }

    #[test]
    fn a_pattern_is_compared_with_the_parts_and_not_with_the_text() {
        let pattern = "https://*.sano.example.jp/api";
        for well in [
            "https://orion.sano.example.jp/api",
            "https://a.b.sano.example.jp/api/v2",
            "https://ORION.Sano.Example.JP./api/",
            "https://orion.sano.example.jp:443/%61pi/v2",
            "https://orion.sano.example.jp:0443/api",
        ] {
            assert!(matches(pattern, well), "{well}");
        }
        for wrong in [
            "http://orion.sano.example.jp/api",
            "https://sano.example.jp/api",
            "https://evilsano.example.jp/api",
            "https://orion.sano.example.jp.evil.example/api",
            "https://orion.sano.example.jp:8443/api",
            "https://orion.sano.example.jp/",
            "https://orion.sano.example.jp/apis",
            "https://orion.sano.example.jp/API",
            "https://orion.sano.example.jp/api/../admin",
            "https://orion.sano.example.jp/api/%2e%2e/admin",
            "https://orion.sano.example.jp/api/..%2fadmin",
            "https://orion.sano.example.jp/api/%2e%2e%5cadmin",
            "https://orion.sano.example.jp/api/%252e%252e/admin",
            "https://orion.sano.example.jp//api",
            "https://orion.sano.example.jp/api//x",
            "https://orion.sano.example.jp/api;x=/..",
            "https://evil.example/orion.sano.example.jp/api",
        ] {
            assert!(!matches(pattern, wrong), "{wrong}");
        }
        assert!(matches("http://10.1.2.3:1026", "http://10.1.2.3:1026/orion"));
        assert!(matches("http://127.0.0.1:1026", "http://0x7f.1:1026"));
        assert!(matches("http://[::ffff:10.1.2.3]:1026", "http://10.1.2.3:1026"));
        assert!(!matches("http://10.1.2.3:1026", "http://10.1.2.3"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in [
            "",
            "*",
            "https://*",
            "https://*.",
            "https://*.10.1.2.3",
            "https://a.*.example",
            "https://a*.example",
            "*://a.example",
            "https://a.example/*",
            "https://a.example/a/../b",
            "https://user:pw@a.example",
            "ftp://a.example",
            "a.example",
            "https://a.example/?x",
        ] {
            assert!(EndpointPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_system_is_recognised_however_it_is_written() {
        let same = |one: &str, other: &str| {
            let (one, other) = (parts(one), parts(other));
            let forward = one.host() == other.host() && one.may_share_paths_with(&other);
            assert_eq!(forward, one.host() == other.host() && other.may_share_paths_with(&one));
            forward
        };
        for (one, other) in [
            ("http://a.example", "http://A.Example.:80/"),
            ("https://a.example", "https://a.example:443"),
            ("https://a.example:80", "http://a.example"),
            ("http://a.example/orion", "http://a.example/%6Frion/"),
            ("http://a.example/orion", "http://a.example//x/..//orion"),
            ("http://a.example/orion", "http://a.example"),
            ("http://a.example/orion", "http://a.example/Orion/v2"),
            ("http://127.0.0.1:1026", "http://localhost:1026"),
            ("http://[::1]:1026", "http://2130706433:1026"),
            ("http://10.1.2.3", "http://[::ffff:10.1.2.3]"),
            ("http://0.0.0.0:1026", "http://127.0.0.1:1026"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("http://a.example", "http://b.example"),
            ("http://a.example", "http://a.example:1026"),
            ("http://a.example/sano", "http://a.example/yaita"),
            ("http://a.example/sano", "http://a.example/sano2"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(https?://)?[-a-zA-Z0-9.:/%*\\[\\];@\\\\ あ]{0,40}") {
            let pattern = EndpointPattern::parse(&text);
            if let (Ok(pattern), Ok(endpoint)) = (&pattern, EndpointParts::parse(&text)) {
                prop_assert!(pattern.matches(&endpoint), "a pattern without a star is itself");
            }
        }

        #[test]
        fn what_a_pattern_lets_through_is_asked_where_it_says(path in "(/([a-c]|\\.|\\.\\.|%2e|%2f|%5c|%25|;)*){0,5}") {
            let endpoint = format!("https://a.example/api{path}");
            let pattern = EndpointPattern::parse("https://a.example/api").unwrap();
            if EndpointParts::parse(&endpoint).is_ok_and(|endpoint| pattern.matches(&endpoint)) {
                // The parser of browsers, which follows every dot, stays below it, too.
                let followed = url::Url::parse(&endpoint).unwrap();
                prop_assert!(followed.path() == "/api" || followed.path().starts_with("/api/"), "{}", followed);
                // What is left encoded is no separator to anybody, however often it is decoded.
                let path = followed.path().to_ascii_lowercase();
                for separator in ["%2f", "%5c", "%25"] {
                    prop_assert!(!path.contains(separator), "{}", followed);
                }
            }
        }
    }
}
