//! TLS on the consumers' listener: what is spoken, how a certificate is replaced, what is refused before the start.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls::version::{TLS12, TLS13};
use toml::{Table, Value};

use super::harness::{
    Authority, Client, Files, Finished, Identity, Platform, SecureClient, kakehashi, key_of, section, until,
};

const COUNT: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=0&count=true";

/// Writes a certificate where the configuration names it.
fn write(files: &Files, identity: &Identity) {
    files.write("server.pem", &identity.certificate);
    files.write("server.key", &identity.key);
}

/// `[gateway] tls` with the files of [`write`].
fn add_tls(table: &mut Table) {
    let tls: Table = "certificate = \"server.pem\"\nkey = { file = \"server.key\" }"
        .parse()
        .unwrap();
    section(table, "gateway").insert("tls".into(), Value::Table(tls));
}

async fn secure_platform(identity: &Identity) -> (Platform, String) {
    let builder = Platform::builder().await.log("debug").tenants(add_tls);
    write(builder.files(), identity);
    let platform = builder.start().await;
    let url = platform.gateway().ready()["gateway"].as_str().unwrap().to_owned();
    (platform, url)
}

async fn metrics(platform: &Platform) -> String {
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let answer = Client::new(&admin, None).get("/metrics").await.ok();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
//= 6.2-2
async fn both_versions_of_tls_and_of_http_are_spoken_and_nothing_older() {
    let authority = Authority::new("here");
    let (_platform, url) = secure_platform(&authority.issue(&["127.0.0.1"])).await;
    assert!(url.starts_with("https://"), "{url}");
    let key = key_of("bousai-map");
    for version in [&TLS12, &TLS13] {
        for protocol in [b"h2".as_slice(), b"http/1.1"] {
            let client = SecureClient::speaking(&url, &authority, None, &[version], &[protocol]);
            let mut connection = client.connect().await.unwrap();
            assert_eq!(connection.protocol.as_deref(), Some(protocol), "{version:?}");
            let answer = connection.get(COUNT, &[("x-api-key", &key)]).await.unwrap().ok();
            assert_eq!(answer.count(), 102);
        }
    }
    // Who does not say which HTTP it speaks is understood, too.
    let silent = SecureClient::speaking(&url, &authority, None, rustls::DEFAULT_VERSIONS, &[]);
    assert_eq!(silent.get(COUNT, &[]).await.unwrap().ok().count(), 102);
    // Another protocol is refused rather than guessed at (RFC 7301 section 3.2).
    let other = SecureClient::speaking(&url, &authority, None, rustls::DEFAULT_VERSIONS, &[b"smtp"]);
    assert!(other.connect().await.is_err());
    // What is not TLS has no answer.
    let plain = tokio::net::TcpStream::connect(url.strip_prefix("https://").unwrap())
        .await
        .unwrap();
    let (mut read, mut written) = plain.into_split();
    tokio::io::AsyncWriteExt::write_all(&mut written, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    let _reset = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut said).await;
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/1.1"), "{said:?}");
}

#[tokio::test]
async fn a_certificate_is_replaced_without_dropping_a_connection_and_a_broken_one_is_not_taken() {
    let authority = Authority::new("here");
    let first = authority.issue_with(&["127.0.0.1"], |parameters| {
        parameters.not_after = rcgen::date_time_ymd(2101, 1, 1);
    });
    let (platform, url) = secure_platform(&first).await;
    let folder = platform.gateway().folder().to_owned();
    let client = SecureClient::new(&url, &authority, None);
    let mut kept = client.connect().await.unwrap();
    assert_eq!(kept.certificate, first.der());
    assert_eq!(kept.get(COUNT, &[]).await.unwrap().ok().count(), 102);
    let ends = |year: i64| (year - 1970) * 31_556_952;
    let expiry = |metrics: &str| -> i64 {
        let line = metrics
            .lines()
            .find(|line| line.starts_with("kakehashi_tls_certificate_expiry_seconds{"));
        let line = line.unwrap_or_else(|| panic!("no expiry in {metrics}"));
        assert!(line.contains("certificate=\"certificate\""), "{line}");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as i64
    };
    assert!((expiry(&metrics(&platform).await) - ends(2101)).abs() < 200_000);

    // Certificate first, key later: nothing in between is taken for the new one.
    let second = authority.issue_with(&["127.0.0.1"], |parameters| {
        parameters.not_after = rcgen::date_time_ymd(2102, 1, 1);
    });
    fs::write(folder.join("server.pem"), &second.certificate).unwrap();
    platform.gateway().signal("-HUP");
    until("the half of a new certificate is refused", || {
        platform
            .gateway()
            .stderr()
            .contains("the key is not that of the certificate")
    })
    .await;
    assert_eq!(client.connect().await.unwrap().certificate, first.der());
    fs::write(folder.join("server.key"), &second.key).unwrap();
    // Nobody tells the gateway: it sees the file.
    until("the new certificate is in use", || {
        platform.gateway().stderr().contains("a new certificate is in use")
    })
    .await;
    assert_eq!(client.connect().await.unwrap().certificate, second.der());
    assert!((expiry(&metrics(&platform).await) - ends(2102)).abs() < 200_000);
    // The connection of before goes on.
    assert_eq!(kept.get(COUNT, &[]).await.unwrap().ok().count(), 102);

    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(folder.join("server.pem"), broken).unwrap();
        platform.gateway().signal("-HUP");
    }
    until("the broken certificate is refused", || {
        platform
            .gateway()
            .stderr()
            .contains("it holds something that is no certificate")
    })
    .await;
    assert_eq!(client.connect().await.unwrap().certificate, second.der());
    assert_eq!(kept.get(COUNT, &[]).await.unwrap().ok().count(), 102);
    let metrics = metrics(&platform).await;
    let has = |name: &str, outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        metrics
            .lines()
            .any(|line| line.starts_with(name) && line.contains(&label))
    };
    assert!(has("kakehashi_tls_certificate_loads_total", "refused"), "{metrics}");
    assert!(has("kakehashi_tls_certificate_loads_total", "used"), "{metrics}");
    assert!(has("kakehashi_tls_handshakes_total", "ok"), "{metrics}");
    let key_line = second.key.lines().nth(1).unwrap();
    assert!(!platform.gateway().stderr().contains(key_line), "the key is in the log");
}

#[test]
fn files_that_cannot_be_used_are_refused_with_what_to_do() {
    let authority = Authority::new("here");
    let good = authority.issue(&["127.0.0.1"]);
    let expired = authority.issue_with(&["127.0.0.1"], |parameters| {
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let soon = authority.issue_with(&["127.0.0.1"], |parameters| {
        parameters.not_before = rcgen::date_time_ymd(2100, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2101, 1, 1);
    });
    let other = authority.issue(&["127.0.0.1"]);
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cases: [(&str, &str, &str, &[&str]); 9] = [
        (
            "expired",
            &expired.certificate,
            &expired.key,
            &["`certificate`", "server.pem", "expired on 2020-01-01", "renew"],
        ),
        (
            "not yet valid",
            &soon.certificate,
            &soon.key,
            &["valid only from 2100-01-01", "clock"],
        ),
        (
            "another's key",
            &good.certificate,
            &other.key,
            &["`key`", "server.key", "not that of the certificate"],
        ),
        (
            "empty certificate",
            "",
            &good.key,
            &["holds no certificate", "BEGIN CERTIFICATE"],
        ),
        ("empty key", &good.certificate, "", &["is empty"]),
        (
            "no key",
            &good.certificate,
            &good.certificate,
            &["holds no private key", "BEGIN PRIVATE KEY"],
        ),
        ("swapped", &good.key, &good.certificate, &["holds no certificate"]),
        (
            "encrypted key",
            &good.certificate,
            &encrypted,
            &["passphrase", "openssl pkey"],
        ),
        ("no PEM", "nonsense", &good.key, &["holds no certificate"]),
    ];
    let files = Files::committed();
    files.change_tenants(add_tls);
    for (what, certificate, key, says) in cases {
        files.write("server.pem", certificate);
        files.write("server.key", key);
        let finished = Finished::of(files.folder(), &["check"]);
        assert_eq!(finished.code, Some(1), "{what}: {finished:?}");
        assert!(finished.stderr.contains("tenants.toml:"), "{what}: {}", finished.stderr);
        for said in says {
            assert!(
                finished.stderr.contains(said),
                "{what} does not say {said}: {}",
                finished.stderr
            );
        }
        let secret = good.key.lines().nth(1).unwrap();
        assert!(!finished.stderr.contains(secret), "{what}: the key is shown");
    }
    write(&files, &good);
    let key = files.folder().join("server.key");
    for (mode, warns) in [(0o644, true), (0o640, false), (0o400, false)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let finished = Finished::well(files.folder(), &["check"]);
        assert_eq!(
            finished.stderr.contains("everybody on this machine may read it"),
            warns,
            "{mode:o}"
        );
    }
    files.remove("server.pem");
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("there is no such file"), "{}", finished.stderr);
    // A folder in the place of the key.
    files.write("server.pem", &good.certificate);
    files.remove("server.key");
    fs::create_dir(files.folder().join("server.key")).unwrap();
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("cannot be read"), "{}", finished.stderr);
    // The text of a key does not belong into the file.
    files.change_tenants(|table| {
        let tls = section(section(table, "gateway"), "tls");
        tls.insert("key".into(), good.key.clone().into());
    });
    let finished = Finished::of(files.folder(), &["check"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("must not stand in this file"),
        "{}",
        finished.stderr
    );
    assert!(
        !finished.stderr.contains(good.key.lines().nth(1).unwrap()),
        "the key is shown"
    );
}

#[test]
fn a_key_may_come_from_the_environment() {
    let authority = Authority::new("here");
    let (good, other) = (authority.issue(&["127.0.0.1"]), authority.issue(&["127.0.0.1"]));
    let files = Files::committed();
    files.change_tenants(|table| {
        let tls = "certificate = \"server.pem\"\nkey = { env = \"SERVER_KEY\" }";
        section(table, "gateway").insert("tls".into(), Value::Table(tls.parse().unwrap()));
    });
    files.write("server.pem", &good.certificate);
    for (key, says) in [
        (Some(&good.key), None),
        (Some(&other.key), Some("not that of the certificate")),
        (None, Some("SERVER_KEY, which is not set")),
    ] {
        let mut command = kakehashi(files.folder());
        command.arg("check").env_remove("SERVER_KEY");
        if let Some(key) = key {
            command.env("SERVER_KEY", key);
        }
        let finished = Finished::of_command(&mut command, files.folder());
        assert_eq!(finished.code, Some(i32::from(says.is_some())), "{finished:?}");
        assert!(
            finished.stderr.contains(says.unwrap_or_default()),
            "{}",
            finished.stderr
        );
        let secret = key.map_or("no key", |key| key.lines().nth(1).unwrap());
        assert!(!finished.stderr.contains(secret), "the key is shown");
    }
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let authority = Authority::new("here");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let ends = jiff::Timestamp::from_second(i64::try_from(now).unwrap() + 10 * 86_400).unwrap();
    let date = jiff::tz::TimeZone::UTC.to_datetime(ends).date();
    let identity = authority.issue_with(&["127.0.0.1"], |parameters| {
        parameters.not_after = rcgen::date_time_ymd(
            i32::from(date.year()),
            u8::try_from(date.month()).unwrap(),
            u8::try_from(date.day()).unwrap(),
        );
    });
    let files = Files::committed();
    files.change_tenants(add_tls);
    write(&files, &identity);
    let finished = Finished::well(files.folder(), &["check"]);
    assert!(
        finished.stderr.contains("ends on") && finished.stderr.contains("warning"),
        "{}",
        finished.stderr
    );
}

#[tokio::test]
async fn an_edit_may_name_other_certificates_and_whether_there_is_tls_needs_a_restart() {
    let authority = Authority::new("here");
    let (first, second) = (authority.issue(&["127.0.0.1"]), authority.issue(&["127.0.0.1"]));
    let (platform, url) = secure_platform(&first).await;
    let client = SecureClient::new(&url, &authority, None);
    let mut kept = client.connect().await.unwrap();
    assert_eq!(kept.certificate, first.der());

    let files = platform.files();
    files.write("next.pem", &second.certificate);
    files.write("next.key", &second.key);
    let edited = files.read("tenants.toml").replace("server.pem", "next.pem");
    files.write("tenants.toml", edited.replace("server.key", "next.key"));
    until("the new certificate is in use", || {
        platform.gateway().stderr().contains("a new certificate is in use")
    })
    .await;
    assert_eq!(client.connect().await.unwrap().certificate, second.der());
    assert_eq!(kept.get(COUNT, &[]).await.unwrap().ok().count(), 102);

    files.change_tenants(|table| {
        section(table, "gateway").remove("tls");
    });
    until("the edit is refused", || {
        let said = platform.gateway().stderr();
        said.contains("`tls` in [gateway] cannot change while the gateway runs")
    })
    .await;
    assert_eq!(client.connect().await.unwrap().certificate, second.der());
}
