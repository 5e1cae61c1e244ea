//! Which host a request asks: one, well-formed, and the same in each place that names it (RFC 9112 clause 3.2, RFC 9113
//! clause 8.3.1). Whoever stands in front may have chosen by another place than whoever stands behind.

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Version};

use super::malformed::Fault;

/// Refuses a request whose host cannot be told for certain, or whose target has a form that its method has not.
///
/// # Errors
/// [`Fault`]
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Fault> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Fault::SecondHost);
    }
    let uri = request.uri();
    if request.method() == Method::CONNECT {
        return Err(Fault::Connect);
    }
    if uri.path() == "*" && request.method() != Method::OPTIONS {
        return Err(Fault::AsteriskForm);
    }
    let host = match host {
        Some(host) if is_host_and_port(host.as_bytes()) => Some(host.as_bytes()),
        Some(_) => return Err(Fault::InvalidHost),
        None => None,
    };
    match (uri.authority(), host) {
        (None, Some(_)) => Ok(()),
        (None, None) if request.version() < Version::HTTP_11 => Ok(()),
        (None, None) => Err(Fault::NoHost),
        // HTTP/2 says it in `:authority` alone; HTTP/1.1 says it in `Host` in any case.
        (Some(_), None) if request.version() == Version::HTTP_11 => Err(Fault::NoHost),
        (Some(authority), host) => check_authority(authority, uri.scheme(), host),
    }
}

fn check_authority(authority: &Authority, scheme: Option<&Scheme>, host: Option<&[u8]>) -> Result<(), Fault> {
    let Some(scheme) = scheme else {
        return Err(Fault::AuthorityForm);
    };
    let port = match scheme.as_str() {
        "http" => "80",
        "https" => "443",
        _ => return Err(Fault::Scheme),
    };
    let named = authority.as_str().as_bytes();
    if named.contains(&b'@') {
        return Err(Fault::UserInformation);
    }
    if !is_host_and_port(named) {
        return Err(Fault::InvalidHost);
    }
    let is_same = |host: &[u8]| without_port(host, port).eq_ignore_ascii_case(without_port(named, port));
    if host.is_some_and(|host| !is_same(host)) {
        return Err(Fault::OtherHost);
    }
    Ok(())
}

/// Without the port, where it is none or the one that is meant anyway.
fn without_port<'a>(host: &'a [u8], port: &str) -> &'a [u8] {
    let (name, written) = split(host);
    match written {
        Some(written) if written.is_empty() || written == port.as_bytes() => name,
        _ => host,
    }
}

/// The host, and what stands behind its colon.
fn split(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = host.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = host
        .iter()
        .skip(from)
        .position(|byte| *byte == b':')
        .map(|at| from + at);
    match colon.and_then(|at| Some((host.get(..at)?, host.get(at + 1..)?))) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 clause 7.2, RFC 3986 clause 3.2.2), with a host.
fn is_host_and_port(text: &[u8]) -> bool {
    let (name, port) = split(text);
    let is_port = |port: &[u8]| {
        let digits = port.iter().all(u8::is_ascii_digit);
        digits && (port.is_empty() || std::str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok()))
    };
    port.is_none_or(is_port) && is_host(name)
}

fn is_host(name: &[u8]) -> bool {
    if let Some(literal) = name.strip_prefix(b"[") {
        let address = literal
            .strip_suffix(b"]")
            .and_then(|literal| std::str::from_utf8(literal).ok());
        return address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let mut rest = name;
    while let Some((byte, behind)) = rest.split_first() {
        rest = match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'=' => behind,
            b'%' => match behind {
                [first, second, behind @ ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => behind,
                _ => return false,
            },
            _ => return false,
        };
    }
    !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for good in [
            "example.jp",
            "EXAMPLE.jp:8080",
            "a:",
            "192.0.2.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "a_b-c",
            "%E6%A9%8B.jp",
        ] {
            assert!(is_host_and_port(good.as_bytes()), "{good}");
        }
        for wrong in [
            "", ":80", "a b", "a,b c", "a:80:80", "a:b", "a:65536", "a:-1", "user@a", "a/b", "a?b", "a#b", "[::1",
            "::1", "[a]", "[::1]x", "[::1]:x", "橋", "a\tb", "%", "%4", "%zz", "a\\b", "\"a\"", "[]", "[::1]]",
            "http://a",
        ] {
            assert!(!is_host_and_port(wrong.as_bytes()), "{wrong}");
        }
    }

    fn checked(version: Version, method: &str, target: &str, hosts: &[&str]) -> Result<(), Fault> {
        let mut request = Request::builder().version(version).method(method).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap())
    }

    #[test]
    fn a_request_names_one_host() {
        let of_1 = |target, hosts: &[&str]| checked(Version::HTTP_11, "GET", target, hosts);
        assert_eq!(of_1("/", &["a"]), Ok(()));
        assert_eq!(of_1("/", &[]), Err(Fault::NoHost));
        assert_eq!(of_1("/", &[""]), Err(Fault::InvalidHost));
        assert_eq!(of_1("/", &["a", "a"]), Err(Fault::SecondHost));
        assert_eq!(of_1("/", &["a", "b"]), Err(Fault::SecondHost));
        assert_eq!(checked(Version::HTTP_10, "GET", "/", &[]), Ok(()));
        assert_eq!(
            checked(Version::HTTP_10, "GET", "/", &["a", "b"]),
            Err(Fault::SecondHost)
        );
    }

    #[test]
    fn an_absolute_form_names_the_host_of_host() {
        let of_1 = |target, host| checked(Version::HTTP_11, "GET", target, &[host]);
        for (target, host) in [
            ("http://a/x", "a"),
            ("http://A:80/x", "a"),
            ("https://a", "a:443"),
            ("http://a:8080/", "a:8080"),
            ("http://[::1]:80/", "[::1]"),
        ] {
            assert_eq!(of_1(target, host), Ok(()), "{target} {host}");
        }
        for (target, host, fault) in [
            ("http://a/x", "b", Fault::OtherHost),
            ("http://a:443/", "a", Fault::OtherHost),
            ("http://a:8080/", "a", Fault::OtherHost),
            ("http://u@a/", "a", Fault::UserInformation),
            ("ftp://a/", "a", Fault::Scheme),
            ("a:80", "a:80", Fault::AuthorityForm),
            ("*", "a", Fault::AsteriskForm),
        ] {
            assert_eq!(of_1(target, host), Err(fault), "{target} {host}");
        }
        assert_eq!(checked(Version::HTTP_11, "GET", "http://a/", &[]), Err(Fault::NoHost));
        assert_eq!(checked(Version::HTTP_11, "OPTIONS", "*", &["a"]), Ok(()));
        assert_eq!(
            checked(Version::HTTP_11, "CONNECT", "a:443", &["a:443"]),
            Err(Fault::Connect)
        );
    }

    #[test]
    fn http_2_may_say_it_in_either_place_and_not_in_two_ways() {
        let of_2 = |target, hosts: &[&str]| checked(Version::HTTP_2, "GET", target, hosts);
        assert_eq!(of_2("https://a/x", &[]), Ok(()));
        assert_eq!(of_2("https://a/x", &["a"]), Ok(()));
        assert_eq!(of_2("https://a/x", &["b"]), Err(Fault::OtherHost));
        assert_eq!(of_2("/x", &["a"]), Ok(()));
        assert_eq!(of_2("/x", &[]), Err(Fault::NoHost));
        assert_eq!(of_2("gopher://a/", &[]), Err(Fault::Scheme));
    }
}
