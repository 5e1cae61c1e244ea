//! What a tenant's administrator may propose over the admin API: what the operator gave its tenant, and what
//! `[tenants.<id>.allowed]` allows. Everything else is 403, changes nothing, and nobody is asked anything for it.

use http::Method;
use serde_json::{Value, json};
use stand_ins::Orion;
use toml::Table;

use super::harness::{Answer, Builder, Client, Finished, ORION, Platform, section};

const REVISION: &str = "/admin/v1/revision";

/// An administrator's own part of tenants.toml, with the tag of the revision.
async fn own_part(client: &Client) -> (String, String) {
    let answer = client.get(format!("{REVISION}/files")).await.ok();
    let part = answer.json()["files"]["tenants.toml"].as_str().unwrap().to_owned();
    (part, answer.header("etag").unwrap().to_owned())
}

async fn propose(client: &Client, part: &str) -> Answer {
    let (_, tag) = own_part(client).await;
    client
        .request(Method::PATCH, REVISION)
        .header("if-match", &tag)
        .json(&json!({ "files": { "tenants.toml": part } }))
        .await
}

/// A source of Orion's, as text.
fn source(id: &str, endpoint: &str, more: &str) -> String {
    format!(
        "\n[[tenants.sano.sources]]\nid = \"{id}\"\nadapter = \"ngsi-v2\"\nendpoint = \"{endpoint}\"\n\
         provides = [{{ type = \"AED\", id_pattern = \"own\" }}]\n{more}\n"
    )
}

/// Gives Sano a floor.
fn with_floor(builder: Builder, floor: &str) -> Builder {
    let floor: Table = floor.parse().unwrap();
    builder.administrators().log("info").tenants(|table| {
        let sano = section(section(table, "tenants"), "sano");
        sano.insert("allowed".into(), toml::Value::Table(floor));
    })
}

/// An Orion of Sano's own, with one AED in its service.
async fn own_orion() -> Orion {
    let orion = Orion::start().await.unwrap();
    let device =
        json!([{ "id": "urn:ngsi-ld:AED:own-1", "type": "AED", "name": { "type": "Text", "value": "市役所" } }]);
    orion.load("sano", "/park/west", &device.to_string()).unwrap();
    orion
}

async fn refused(client: &Client, part: &str, says: &str) {
    let answer = propose(client, part).await;
    assert_eq!(answer.status, 403, "{part}\n{answer}");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(says), "{part}\n{detail}");
    // Whoever only asks is told the same.
    let body = json!({ "files": { "tenants.toml": part } });
    let dry = client
        .request(Method::PATCH, format!("{REVISION}?dry-run=true"))
        .json(&body)
        .await;
    assert_eq!(dry.status, 403, "{dry}");
}

#[tokio::test]
async fn nothing_new_is_proposed_without_a_word_of_the_operators() {
    let builder = Platform::builder().await.administrators().log("info");
    // It names a source, whose name is its tenant's to change.
    builder.files().remove("policies/tests/demo.toml");
    let platform = builder.start().await;
    let own = platform.admin("sano-admin");
    let (part, tag) = own_part(&own).await;
    let orion = platform.demo().orion().url().to_owned();
    let service = |name: &str| format!("fiware_service = \"{name}\"\npersonal_data = \"none\"");
    for (endpoint, more) in [
        (orion.as_str(), service("nasushiobara")),
        (&orion, service("sano")),
        (&orion, String::new()),
        ("http://127.0.0.1:1", String::new()),
        ("http://localhost:9090", String::new()),
        ("http://10.0.0.1", String::new()),
        ("http://169.254.169.254/latest/meta-data", String::new()),
        ("http://[::1]:8081", String::new()),
        ("https://orion.example.com", String::new()),
    ] {
        refused(
            &own,
            &format!("{part}{}", source("mine", endpoint, &more)),
            "`endpoint`",
        )
        .await;
    }
    let unlimited = part.replace("requests_per_second = 100000", "requests_per_second = 100001");
    let endpoint = part.lines().find(|line| line.starts_with("endpoint")).unwrap();
    for (proposed, says) in [
        (
            part.replace(endpoint, "endpoint = \"http://127.0.0.1:1\""),
            "`credential`",
        ),
        (part.replace("timeout = \"10m\"", "timeout = \"11m\""), "`timeout`"),
        (unlimited, "`requests_per_second`"),
        (part.replace("burst = 100000", "burst = 100001"), "`burst`"),
        (
            part.replace("concurrency = 1000", "concurrency = 1001"),
            "`concurrency`",
        ),
        (
            part.replace("code = ", "allowed = { endpoints = [\"https://*.jp\"] }\ncode = "),
            "`allowed`",
        ),
        (
            part.replace("authoritative = true", "authoritative = true\npartition = \"yaita\""),
            "authority",
        ),
    ] {
        assert_ne!(proposed, part, "{says}");
        refused(&own, &proposed, says).await;
    }
    // Neither by asking what would become of it.
    let proposal = json!({ "files": { "tenants.toml": format!("{part}{}", source("mine", &orion, "")) } });
    for path in ["/admin/v1/diff", "/admin/v1/policy-tests"] {
        let answer = own.post(path).json(&proposal).await;
        assert_eq!(answer.status, 403, "{path}: {answer}");
    }
    assert_eq!(own_part(&own).await, (part.clone(), tag));
    assert_eq!(platform.asked_of_orion().len(), 0);

    // What it was given it keeps, and may have less of it, under another name, for other types, in another order.
    for kept in [
        part.clone(),
        part.replace("佐野市", "佐野市役所"),
        part.replace("timeout = \"10m\"", "timeout = \"2s\""),
        part.replace("concurrency = 1000", "concurrency = 3"),
        part.replace("sano-safe-map", "sano-map"),
        part.replace("personal_data = \"none\"\n", ""),
    ] {
        propose(&own, &kept).await.ok();
        // Its word was less, so that the operator gives the rest again.
        let ops = platform.admin("ops");
        let (_, tag) = own_part(&ops).await;
        let body = json!({ "revision": first_revision(&ops).await });
        let back = ops
            .post("/admin/v1/revision/rollback")
            .header("if-match", &tag)
            .json(&body);
        back.await.ok();
    }
    assert!(!platform.files().read("tenants.toml").contains("named_by"));
}

#[tokio::test]
async fn what_the_operator_declared_free_of_personal_data_is_that_and_no_more() {
    for (floor, is_allowed) in [("", false), ("personal_data = \"none\"", true)] {
        let builder = with_floor(Platform::builder().await, floor);
        let given = source(
            "given",
            "http://127.0.0.1:1",
            "fiware_service = \"sano\"\npersonal_data = \"none\"",
        );
        builder.files().append("tenants.toml", &given);
        let platform = builder.start().await;
        let own = platform.admin("sano-admin");
        let (part, _) = own_part(&own).await;
        let providing = |entry: &str| {
            let earlier = "{ type = \"AED\", id_pattern = \"own\" }";
            assert!(part.contains(earlier), "{part}");
            part.replace(earlier, entry)
        };
        for narrower in [
            "{ type = \"AED\", id_pattern = \"own-1\" }",
            "{ type = \"https://kakehashi.example.jp/vocab/AED\", id_pattern = \"own\" }",
        ] {
            // Asked only: what it gives up it would not get back.
            let body = json!({ "files": { "tenants.toml": providing(narrower) } });
            let dry = own
                .request(Method::PATCH, format!("{REVISION}?dry-run=true"))
                .json(&body);
            let dry = dry.await;
            assert_eq!(dry.status, 200, "{narrower}: {dry}");
        }
        for wider in [
            "{ type = \"Resident\" }",
            "{ type = \"AED\", id_pattern = \"own\" }, { type = \"Resident\", id_pattern = \"own\" }",
            "{ type = \"*\", id_pattern = \"own\" }",
            "{ type = \"https://kakehashi.example.jp/vocab/Resident\" }",
            "{ type = \"AED\" }",
            "{ type = \"AED\", id_pattern = \"ow\" }",
            "{ type = \"AED\", id_pattern = \"own|.\" }",
        ] {
            let proposed = providing(wider);
            if is_allowed {
                propose(&own, &proposed).await.ok();
                propose(&own, &part).await.ok();
                continue;
            }
            refused(&own, &proposed, "`personal_data").await;
            // Without the word it is the tenant's to say what it provides.
            let with_persons = proposed.replace("personal_data = \"none\"\n", "");
            assert_ne!(with_persons, proposed);
            let body = json!({ "files": { "tenants.toml": with_persons } });
            let dry = own
                .request(Method::PATCH, format!("{REVISION}?dry-run=true"))
                .json(&body);
            let dry = dry.await;
            assert_eq!(dry.status, 200, "{wider}: {dry}");
        }
    }
}

#[tokio::test]
async fn what_is_between_two_tenants_names_nothing_of_the_other() {
    let floor = "endpoints = [\"https://*.sano.example/\"]\nfiware_services = [\"sano\"]\nfiware_servicepaths = [\"/#\"]\n\
                 sources = 9";
    let platform = with_floor(Platform::builder().await, floor).start().await;
    let own = platform.admin("sano-admin");
    let (part, _) = own_part(&own).await;
    // Called as a source of another tenant's is.
    let proposed = format!(
        "{part}{}",
        source(ORION, "https://a.sano.example/", "fiware_service = \"sano\"")
    );
    let answer = propose(&own, &proposed).await;
    assert!(answer.status >= 400, "{answer}");
    assert!(
        answer.everything().contains("there is another source of this name"),
        "{answer}"
    );
    assert!(!answer.everything().contains("`nasushiobara`"), "{answer}");
    // The operator is told whose.
    let ops = platform.admin("ops");
    let whole = own_part(&ops).await.0 + &source(ORION, "https://a.sano.example/", "");
    let told = propose(&ops, &whole).await;
    assert!(
        told.everything().contains("of tenants `sano` and `nasushiobara`")
            | told.everything().contains("of tenants `nasushiobara` and `sano`"),
        "{told}"
    );
}

/// The id of the revision that the gateway started with.
async fn first_revision(ops: &Client) -> Value {
    let history = ops.get(format!("{REVISION}/history")).await.ok().json();
    history["revisions"].as_array().unwrap().last().unwrap()["revision"].clone()
}

#[tokio::test]
async fn what_the_floor_allows_is_accepted_and_what_is_a_little_more_is_not() {
    let orion = own_orion().await;
    let port = orion.addr().port();
    let builder = Platform::builder().await;
    let builder = with_floor(
        builder,
        &format!(
            "endpoints = [\"http://127.0.0.1:{port}/\", \"https://*.sano.example/api\"]\nfiware_services = [\"sano\"]\n\
             fiware_servicepaths = [\"/park/#\"]\negress_allow = [\"127.0.0.0/8\"]\nsources = 2\n\
             limits = {{ requests_per_second = 50, concurrency = 4, timeout = \"5s\" }}\n\
             tenant_limits = {{ requests_per_second = 100 }}"
        ),
    );
    let platform = builder.start().await;
    let own = platform.admin("sano-admin");
    let (part, _) = own_part(&own).await;
    let endpoint = orion.url().to_owned();
    let well = "fiware_service = \"sano\"\nfiware_servicepath = \"/park/west\"\n\
                limits = { requests_per_second = 50, burst = 50, concurrency = 4 }";
    let with = |endpoint: &str, from: &str, to: &str| {
        assert!(well.contains(from));
        format!("{part}{}", source("sano-orion", endpoint, &well.replace(from, to)))
    };
    for (proposed, says) in [
        (with(&endpoint.replace("http", "https"), "", ""), "`endpoint`"),
        (with("http://127.0.0.1:1", "", ""), "`endpoint`"),
        (with("https://sano.example/api", "", ""), "`endpoint`"),
        (with("https://a.sano.example/api/%2e%2e/x", "", ""), "`endpoint`"),
        (with("https://a.sano.example:444/api", "", ""), "`endpoint`"),
        (with("https://a.sano.example.evil.example/api", "", ""), "`endpoint`"),
        (with(&endpoint, "\"sano\"", "\"nasushiobara\""), "`fiware_service`"),
        (with(&endpoint, "fiware_service = \"sano\"\n", ""), "`fiware_service`"),
        (with(&endpoint, "/park/west", "/#"), "`fiware_servicepath`"),
        (
            with(&endpoint, "fiware_servicepath = \"/park/west\"\n", ""),
            "`fiware_servicepath`",
        ),
        (with(&endpoint, "/park/west", "/parking"), "`fiware_servicepath`"),
        (
            with(&endpoint, "requests_per_second = 50", "requests_per_second = 51"),
            "`requests_per_second`",
        ),
        (with(&endpoint, "burst = 50", "burst = 51"), "`burst`"),
        (
            with(&endpoint, "requests_per_second = 50, burst = 50, ", ""),
            "`requests_per_second`",
        ),
        (with(&endpoint, ", concurrency = 4", ""), "`concurrency`"),
        (with(&endpoint, "limits", "timeout = \"6s\"\nlimits"), "`timeout`"),
        (
            with(&endpoint, "limits", "personal_data = \"none\"\nlimits"),
            "`personal_data",
        ),
        (
            with(&endpoint, "limits", "named_by = \"operator\"\nlimits"),
            "`named_by`",
        ),
        (
            with(&endpoint, "", "") + &source("third", "https://a.sano.example/api", well),
            "`sources`",
        ),
    ] {
        refused(&own, &proposed, says).await;
    }
    assert_eq!(orion.requests().len(), 0);

    let permit = "permit (principal in Role::\"reader\", action in Action::\"read\", resource in Tenant::\"sano\");";
    let (_, tag) = own_part(&own).await;
    let files = json!({ "tenants.toml": with(&endpoint, "", ""), "policies/sano.cedar": permit });
    own.request(Method::PATCH, REVISION)
        .header("if-match", &tag)
        .json(&json!({ "files": files }))
        .await
        .ok();
    let answer = platform.entities("type=AED&idPattern=own").await.ok();
    assert_eq!(
        (answer.ids(), answer.warnings()),
        (vec!["urn:ngsi-ld:AED:own-1".to_owned()], vec![])
    );
    // Who has named the address is written down, and stays when it is changed again.
    let (after, _) = own_part(&own).await;
    assert!(after.contains("named_by = \"tenant\""), "{after}");
    assert_eq!(platform.files().read("tenants.toml").matches("named_by").count(), 1);
    for again in [
        after.clone(),
        after.replace("named_by = \"tenant\"\n", ""),
        after.replace("sano-orion", "sano-broker"),
        after.replace("/park/west", "/park/#"),
    ] {
        propose(&own, &again).await.ok();
        assert!(own_part(&own).await.0.contains("named_by = \"tenant\""), "{again}");
    }
    refused(
        &own,
        &after.replace("named_by = \"tenant\"", "named_by = \"operator\""),
        "`named_by`",
    )
    .await;
    // The tenant's own limits have a ceiling, too: below none they are the operator's.
    let limited = |rate: u32| {
        after.replace(
            "code = ",
            &format!("limits = {{ requests_per_second = {rate} }}\ncode = "),
        )
    };
    propose(&own, &limited(20)).await.ok();
    propose(&own, &limited(100)).await.ok();
    refused(&own, &limited(101), "`requests_per_second`").await;
    refused(&own, &after, "`requests_per_second`").await;
    Finished::well(platform.files().folder(), &["check"]);
}

#[tokio::test]
async fn a_credential_goes_where_the_operator_sends_it_and_nowhere_else() {
    let orion = own_orion().await;
    let floor = format!(
        "endpoints = [\"{}\", \"http://127.0.0.1\"]\nfiware_services = [\"sano\", \"\"]\nfiware_servicepaths = [\"/#\"]\n\
         egress_allow = [\"127.0.0.0/8\"]\npersonal_data = \"none\"",
        orion.url()
    );
    let platform = with_floor(Platform::builder().await, &floor).start().await;
    let own = platform.admin("sano-admin");
    let (part, _) = own_part(&own).await;
    let line = |begins: &str| {
        part.lines()
            .find(|line| line.starts_with(begins))
            .unwrap_or_else(|| panic!("{begins}"))
    };
    let at = line("endpoint = ");
    let credential = "credential = { header = \"x-api-key\", value = { env = \"SANO_API_KEY\" } }";
    assert!(part.contains("SANO_API_KEY"), "{part}");
    // With what the floor allows, elsewhere; as another service; in a source beside the one that has it.
    for proposed in [
        part.replace(at, &format!("endpoint = \"{}\"", orion.url())),
        part.replace(at, &at.replace("127.0.0.1", "localhost")),
        part.replace(at, &format!("{}/\"", at.trim_end_matches('"'))),
        part.replace(at, &format!("{}/v2\"", at.trim_end_matches('"'))),
        format!("{part}{}", source("thief", orion.url(), credential)),
        format!(
            "{part}{}",
            source(
                "thief",
                orion.url(),
                &format!("fiware_service = \"sano\"\n{credential}")
            )
        ),
    ] {
        assert_ne!(proposed, part);
        refused(&own, &proposed, "`credential`").await;
    }
    assert_eq!(orion.requests().len(), 0, "something was sent");
}

#[tokio::test]
async fn another_tenants_system_and_service_need_the_operators_word() {
    let floor = |endpoint: &str, more: &str| {
        format!(
            "endpoints = [\"{endpoint}\", \"{}\"]\nfiware_services = [\"nasushiobara\", \"sano\"]\n\
             fiware_servicepaths = [\"/#\"]\negress_allow = [\"127.0.0.0/8\", \"::1\"]\n{more}",
            endpoint.replace("127.0.0.1", "localhost")
        )
    };
    for (word, status) in [("", 403), ("same_system_as = [\"nasushiobara-orion\"]", 200)] {
        let builder = Platform::builder().await;
        let endpoint = builder.demo().orion().url().to_owned();
        let platform = with_floor(builder, &floor(&endpoint, word)).start().await;
        let own = platform.admin("sano-admin");
        let (part, _) = own_part(&own).await;
        let service = "fiware_service = \"nasushiobara\"";
        for written in [
            endpoint.clone(),
            format!("{endpoint}/"),
            endpoint.replace("127.0.0.1", "127.0.0.1."),
            endpoint.replace("127.0.0.1", "localhost"),
            endpoint.replace("127.0.0.1", "LOCALHOST."),
            endpoint.replace("127.0.0.1", "2130706433"),
        ] {
            let answer = propose(&own, &format!("{part}{}", source("mine", &written, service))).await;
            assert_eq!(answer.status, status, "{written}: {answer}");
            if status == 403 {
                assert!(answer.to_string().contains("same_system_as"), "{answer}");
            }
        }
        // Another service of the same Orion is another system.
        let other = format!("{part}{}", source("mine", &endpoint, "fiware_service = \"sano\""));
        propose(&own, &other).await.ok();
    }
}

/// A word for another tenant excuses nobody who takes the name that stands in it.
#[tokio::test]
async fn the_word_for_one_tenant_is_none_for_the_other() {
    let builder = Platform::builder().await;
    let endpoint = builder.demo().orion().url().to_owned();
    let floor = format!(
        "endpoints = [\"{endpoint}\"]\nfiware_services = [\"nasushiobara\"]\nfiware_servicepaths = [\"/#\"]\n\
         egress_allow = [\"127.0.0.0/8\"]"
    );
    let builder = with_floor(builder, &floor).tenants(|table| {
        let other = section(section(table, "tenants"), "nasushiobara");
        let word = vec![toml::Value::from("mine")];
        section(other, "allowed").insert("same_system_as".into(), word.into());
    });
    let platform = builder.start().await;
    let own = platform.admin("sano-admin");
    let (part, _) = own_part(&own).await;
    let proposed = format!(
        "{part}{}",
        source("mine", &endpoint, "fiware_service = \"nasushiobara\"")
    );
    let answer = propose(&own, &proposed).await;
    assert_eq!(answer.status, 403, "{answer}");
}

#[tokio::test]
async fn in_the_operators_files_one_system_of_two_tenants_is_a_warning() {
    let checked = async |endpoint: &str, service: &str, word: &str| {
        let of_orion = match endpoint.contains("127.0.0.2") {
            true => "http://127.0.0.1:1026",
            false => "http://orion.example.jp:1026",
        };
        let builder = with_floor(Platform::builder().await, word);
        let files = builder.files();
        files.append(
            "tenants.toml",
            &source("copy", endpoint, &format!("fiware_service = \"{service}\"")),
        );
        files.change_tenants(|table| {
            super::harness::change_source(table, ORION, |source| {
                source.insert("endpoint".into(), of_orion.into());
            });
        });
        Finished::well(files.folder(), &["check"]).stderr
    };
    for endpoint in [
        "http://orion.example.jp:1026",
        "http://ORION.example.jp.:1026/",
        "http://orion.example.jp:1026/%6fther",
        // By another address of this machine.
        "http://127.0.0.2:1026",
    ] {
        let told = checked(endpoint, "nasushiobara", "").await;
        assert!(told.contains("ask one system and service"), "{endpoint}: {told}");
        assert!(told.contains("same_system_as = ["), "{told}");
    }
    for (endpoint, service, word) in [
        ("http://orion.example.jp:1026", "sano", ""),
        ("http://orion.example.jp:1027", "nasushiobara", ""),
        (
            "http://orion.example.jp:1026",
            "nasushiobara",
            "same_system_as = [\"nasushiobara-orion\"]",
        ),
    ] {
        let told = checked(endpoint, service, word).await;
        assert!(!told.contains("one system"), "{endpoint} {service} {word}: {told}");
    }
}

#[tokio::test]
async fn going_back_is_judged_as_what_is_proposed_anew() {
    let builder = Platform::builder().await.administrators().log("info");
    let endpoint = builder.demo().orion().url().to_owned();
    let given = source("given", &endpoint, "fiware_service = \"sano\"");
    builder.files().append("tenants.toml", &given);
    let platform = builder.start().await;
    let (own, ops) = (platform.admin("sano-admin"), platform.admin("ops"));
    let (_, tag) = own_part(&ops).await;
    let first = first_revision(&ops).await;
    // The operator takes the source away; its tenant does not take it back.
    let files = json!({ "tenants.toml": platform.files().read("tenants.toml").replace(&given, "") });
    let taken = ops.request(Method::PATCH, REVISION).header("if-match", &tag);
    taken.json(&json!({ "files": files })).await.ok();
    let (_, tag) = own_part(&own).await;
    let back = own.post("/admin/v1/revision/rollback").header("if-match", &tag);
    let answer = back.json(&json!({ "revision": first })).await;
    assert_eq!(answer.status, 403, "{answer}");
    assert!(answer.to_string().contains("`endpoint` of source `given`"), "{answer}");
}
