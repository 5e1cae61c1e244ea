//! Every finding, as an administrator reads it: severity, message, help.

use super::*;

/// What is said about the valid revision after one change.
pub(super) fn after(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    Revision::new(&BASE.replacen(from, to, 1)).findings()
}

/// As [`after`], with lines added at the end.
fn with(lines: &str) -> String {
    Revision::new(&format!("{BASE}\n{lines}\n")).findings()
}

/// Compares what was said, without places and excerpts, with what should be.
pub(super) fn assert_said(said: &str, expected: &[&str]) {
    let lines = said.lines().map(str::trim);
    let telling = lines.filter(|line| {
        ["error: ", "warning: ", "= help: "]
            .iter()
            .any(|head| line.starts_with(head))
    });
    assert_eq!(telling.collect::<Vec<_>>(), expected, "{said}");
}

#[test]
fn wrong_keys_of_the_gateway_are_told_with_what_would_be_right() {
    assert_said(
        &with("[gateway]\nlistn = \"127.0.0.1:1\""),
        &[
            "error: unknown key `listn` in [gateway]",
            "= help: did you mean `listen`?",
        ],
    );
    assert_said(
        &with("[gateway]\nlisten = \"localhost:8080\""),
        &[
            r#"error: `listen` in [gateway]: "localhost:8080" is no address to listen on: write an IP address and a port, such as "127.0.0.1:8080""#,
        ],
    );
    assert_said(
        &with("[gateway]\nadmin_listen = \"127.0.0.1:8080\""),
        &["error: `listen` and `admin_listen` are the same address: administrators are never exposed to consumers"],
    );
    assert_said(
        &with("[gateway.limits]\nbody = \"2MB\"\npage = 0\ndeadline = \"1d\""),
        &[
            r#"error: `body` in `limits` of [gateway]: "2MB" is no size: write a whole number and B, KiB, MiB or GiB, such as "2MiB""#,
            "error: `page` in `limits` of [gateway] must be from 1 to 10000",
            "= help: 0 would refuse everything; leave the key out for its default",
            r#"error: `deadline` in `limits` of [gateway]: "1d" is no time span: write a whole number and ms, s, m or h, such as "3s""#,
        ],
    );
}

#[test]
fn what_this_version_does_not_do_is_refused_and_not_ignored() {
    assert_said(
        &with(
            "[gateway]\ntls = { certificate = \"a\" }\nrate_store = \"redis://u:secret@h\"\nextensions = [\"federated-order\", \"federated-oder\"]\nstate = \"postgres://u:pw@h/db\"\npersonal_relay = true\ndefault_context = \"https://x/y?z\"",
        ),
        &[
            "error: `tls` of [gateway] has no `key`",
            "= help: add `key = { file = \"server.key\" }`",
            "error: `rate_store` in [gateway] is not supported by this version",
            "= help: rate limits are counted in process: leave the key out",
            r#"error: `extensions` in [gateway] cannot hold "federated-oder""#,
            "= help: did you mean `federated-order`?",
            r#"error: `state` in [gateway]: PostgreSQL is not supported by this version: write "sqlite:<file>""#,
            "error: `personal_relay = true` is not supported: personal data is never relayed by this version",
            "= help: set it to false, or leave it out: what is classed personal or special-care stays with its owner, whatever a policy permits; relaying it would need the person's consent, which nothing here can ask for",
            r#"error: `default_context` in [gateway]: must have no query and no fragment"#,
        ],
    );
    assert_said(
        &with("[administrators.a]\nrole = \"king\""),
        &[
            r#"error: `role` in [administrators.a] cannot be "king""#,
            "= help: known: `operator`, `tenant`, `auditor`",
            "warning: nobody can administer as `a`: it has neither keys nor `jwt`",
            "= help: run `kakehashi key new`",
        ],
    );
    assert_said(
        &with(
            "[administrators.a]\nrole = \"tenant\"\ntenant = \"sanno\"\nkeys = [{ name = \"k\", sha256 = \"12\" }]\n\
             [administrators.b]\nrole = \"tenant\"\n[administrators.c]\nrole = \"auditor\"\ntenant = \"sano\"\n\
             jwt = { issuer = \"nobody\", subject = \"s\" }\n[administrators.d]\nrol = \"operator\"",
        ),
        &[
            "error: unknown tenant `sanno` in [administrators.a]",
            "= help: did you mean `sano`?",
            "error: `sha256` of administrator `a` is not 64 hex digits",
            "= help: `kakehashi key new` prints a key and its hash; only the hash belongs here",
            "error: [administrators.b] has no `tenant`",
            r#"= help: add `tenant = "..."`"#,
            r#"error: [administrators.c] has a `tenant`, and its role is "auditor""#,
            r#"= help: leave `tenant` out, or write `role = "tenant"`"#,
            "error: unknown issuer `nobody` in `jwt` of [administrators.c]",
            "= help: begin with `[issuers.<name>]`",
            "error: [administrators.d] has no `role`",
            r#"= help: add `role = "operator", "tenant" or "auditor"`"#,
            "error: unknown key `rol` in [administrators.d]",
            "= help: did you mean `role`?",
            "warning: nobody can administer as `b`: it has neither keys nor `jwt`",
            "= help: run `kakehashi key new`",
            "warning: nobody can administer as `d`: it has neither keys nor `jwt`",
            "= help: run `kakehashi key new`",
        ],
    );
    assert_said(
        &after(
            "name = \"佐野市\"",
            "name = \"佐野市\"\nconsent = { url = \"https://x\", credential = { bearer = \"sekrit\" } }",
        ),
        &[
            "error: `consent` in [tenants.sano] is not supported by this version",
            "= help: personal data is never relayed by this version, so there is nothing to consent to",
        ],
    );
    assert_said(
        &after("ngsi-v2", "ckan"),
        &[
            "error: `adapter` in source `sano-orion` is not supported by this version",
            r#"= help: this version has "rest", "ngsi-v2", "open-data" and "store""#,
        ],
    );
    assert_said(
        &after("\"ngsi-v2\"", "\"ngsi-v2\"\nwritable = true\nhold = \"60s\""),
        &[
            "error: `hold` in source `sano-orion` does not go with `writable = true`: what is written would not be seen until it is read anew",
            "= help: take one of the two out",
        ],
    );
    assert_said(
        &after("\"ngsi-v2\"", "\"ngsi-v2\"\npoll = \"60s\""),
        &["warning: `poll` has no effect in this version: subscriptions are told of the store alone"],
    );
}

#[test]
fn issuers_of_tokens_are_checked_with_who_relies_on_them() {
    assert_said(
        &with(
            "[issuers.p]\nurl = \"http://id.example.jp/realms/data\"\naudience = \"k\"\nalgorithms = [\"HS256\", \"ES255\"]",
        ),
        &[
            "error: `url` in [issuers.p] cannot be used: it is not https: whoever is on the way could sign tokens",
            r#"error: `algorithms` in [issuers.p] cannot hold "HS256""#,
            "= help: only signatures with a public key are taken, such as ES256 or RS256",
            r#"error: `algorithms` in [issuers.p] cannot hold "ES255""#,
            "= help: did you mean `ES256`?",
        ],
    );
    assert_said(
        &with("[issuers.p]\nurl = \"urn:x\"\nalgorithms = []\nroles = 1"),
        &[
            "error: [issuers.p] has no `audience`",
            "= help: add `audience = \"kakehashi\"`",
            "error: `url` in [issuers.p] cannot be used: it is no HTTP URL",
            "error: `algorithms` in [issuers.p] is empty: no token could be valid",
            "error: unknown key `roles` in [issuers.p]",
            "= help: did you mean `roles_claim`?",
        ],
    );
    let issuer = "[issuers.prefecture]\nurl = \"https://id.example.jp\"\naudience = \"k\"\nalgorithms = [\"ES256\"]\n";
    assert_said(
        &with(&format!("{issuer}{}", issuer.replace("prefecture", "other"))),
        &[
            "error: issuers `prefecture` and `other` have the same `url`",
            "= help: a token names its issuer by the URL: keep one of them",
        ],
    );
    assert_said(
        &after("roles", "jwt = { issuer = \"prefectur\", subject = \"s\" }\nroles"),
        &[
            "error: unknown issuer `prefectur` in `jwt` of [consumers.app]",
            "= help: begin with `[issuers.<name>]`",
        ],
    );
}

#[test]
fn wrong_tenants_are_told_with_what_would_be_right() {
    assert_said(
        &after("090000", "090001"),
        &[
            r#"error: `code` in [tenants.tochigi]: the check digit of "090001" does not fit: 1 where 0 is expected. Look the code up in 総務省's list, or write "090000" if the other digits are right"#,
        ],
    );
    assert_said(
        &after("090000", "90000"),
        &[
            r#"error: `code` in [tenants.tochigi]: "90000" is no 全国地方公共団体コード: six digits are wanted: was the leading zero lost?"#,
        ],
    );
    assert_said(
        &after("name = \"佐野市\"", "name = \"佐野市\"\nrole = \"operator\""),
        &[
            r#"error: several tenants have role = "operator": tochigi, sano"#,
            "= help: one of them runs the platform; the others are members",
        ],
    );
}

#[test]
fn wrong_sources_are_told_with_what_would_be_right() {
    assert_said(
        &after("adapter = ", "adaptor = "),
        &[
            "error: source `sano-orion` has no `adapter`",
            r#"= help: add `adapter = "rest"`"#,
            "error: unknown key `adaptor` in source `sano-orion`",
            "= help: did you mean `adapter`?",
        ],
    );
    assert_said(
        &after("endpoint = \"http://127.0.0.1:1026\"\n", ""),
        &[
            "error: source `sano-orion` has no `endpoint`",
            r#"= help: add `endpoint = "http://127.0.0.1:9101"`"#,
        ],
    );
    assert_said(
        &after("http://127.0.0.1:1026", "http://user:pass@h:1/"),
        &["error: `endpoint` in source `sano-orion`: must hold no user or password: use `credential`"],
    );
    assert_said(
        &after("ngsi-v2", "ngsi2"),
        &[
            r#"error: `adapter` in source `sano-orion` cannot be "ngsi2""#,
            "= help: did you mean `ngsi-v2`?",
        ],
    );
    assert_said(
        &after("ngsi-v2", "rest"),
        &[
            "error: source `sano-orion` has no `mapping`",
            r#"= help: add `mapping = "mappings/my-source.toml"`"#,
        ],
    );
    assert_said(
        &after("\"ngsi-v2\"", "\"rest\"\nmapping = \"m.toml\""),
        &[
            "error: the mapping m.toml cannot be read: there is no such file",
            "= help: its path is taken from the folder of tenants.toml; see whether it is spelt so, and may be read",
        ],
    );
    assert_said(
        &after("\"ngsi-v2\"", "\"ngsi-v2\"\nmapping = \"m.toml\""),
        &[r#"error: `mapping` in source `sano-orion` belongs to sources with adapter = "rest" and "open-data""#],
    );
    assert_said(
        &after("\"AED\"", "\"AEDs\""),
        &[
            "error: unknown entity type `AEDs` in `provides` of source `sano-orion`",
            "= help: did you mean `AED`?",
        ],
    );
    assert_said(
        &after("\"AED\"", "\"Xyzzy\""),
        &[
            "error: unknown entity type `Xyzzy` in `provides` of source `sano-orion`",
            "= help: add it to classification.toml, or write an IRI",
        ],
    );
    assert_said(
        &after("type = \"AED\"", "type = \"AED\", id_pattern = \"E(\""),
        &["error: `id_pattern` in `provides` of source `sano-orion`: unclosed group"],
    );
    assert_said(
        &after(
            "ngsi-v2\"\nendpoint = \"http://127.0.0.1:1026\"",
            "store\"\nendpoint = \"sqlite:s\"",
        ),
        &[
            "error: the store `sano-orion` belongs to tenant `sano`, which is not the operator",
            "= help: the store is the operator's: move it to its tenant",
        ],
    );
    assert_said(
        &with(
            "[[tenants.tochigi.sources]]\nid = \"sano-orion\"\nadapter = \"store\"\nendpoint = \"sqlite:s\"\nprovides = [{ type = \"*\" }]",
        ),
        &[
            "error: two sources are called `sano-orion`, of tenants `tochigi` and `sano`",
            "= help: every source has a name of its own",
        ],
    );
    assert_said(
        &Revision::new(&format!("{}\n[[tenants.tochigi.sources]]\nid = \"t\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://h:1\"\nprovides = [{{ type = \"AED\", authoritative = true }}]", BASE.replace("{ type = \"AED\" }", "{ type = \"AED\", authoritative = true }"))).findings(),
        &["error: `t` of tenant `tochigi` and `sano-orion` of tenant `sano` both claim to be authoritative for the same entities", "= help: give each claim an `id_pattern` that the other cannot match, such as the municipality's code"],
    );
}

#[test]
fn wrong_consumers_are_told_with_what_would_be_right() {
    assert_said(
        &after("tenant = \"tochigi\"", "tenant = \"tochgi\""),
        &[
            "error: unknown tenant `tochgi` in [consumers.app]",
            "= help: did you mean `tochigi`?",
        ],
    );
    assert_said(
        &after(
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "kk_my_plain_key",
        ),
        &[
            "error: `sha256` of consumer `app` is not 64 hex digits",
            "= help: `kakehashi key new` prints a key and its hash; only the hash belongs here",
        ],
    );
    assert_said(
        &after("name = \"k\"", "name = \"k\", expires = 2026-11-20"),
        &[
            "warning: the key `k` of consumer `app` expired on 2026-11-20",
            "= help: remove it, or run `kakehashi key new`",
        ],
    );
    assert_said(
        &after("name = \"k\"", "name = \"k\", expires = \"2026-11-20\""),
        &[
            "error: `expires` in a key of consumer `app` must be a date",
            "= help: write `expires = 2027-03-31`, without quotation marks",
        ],
    );
    assert_said(
        &after("roles", "limits = { requests_per_second = 0 }\nroles"),
        &[
            "error: `requests_per_second` in `limits` of [consumers.app] must be from 1 to 1000000",
            "= help: 0 would refuse everything; leave the key out for its default",
        ],
    );
    assert_said(
        &with(
            "[consumers.b]\ntenant = \"sano\"\nroles = [\"reader\"]\nkeys = [{ name = \"k\", sha256 = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\" }]",
        ),
        &[
            "error: consumers `app` and `b` have the same key `k`",
            "= help: every key identifies one consumer: run `kakehashi key new`",
        ],
    );
}

#[test]
fn a_secret_is_a_reference_that_leads_somewhere() {
    assert_said(
        &after(
            "\"ngsi-v2\"",
            "\"ngsi-v2\"\ncredential = { header = \"x-api-key\", value = \"sekrit\" }",
        ),
        &[
            "error: the value in `credential` of source `sano-orion` is a secret and must not stand in this file",
            r#"= help: write `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`"#,
        ],
    );
    assert_said(
        &after(
            "\"ngsi-v2\"",
            "\"ngsi-v2\"\ncredential = { bearer = { env = \"NO_TOKEN\" } }",
        ),
        &[
            "error: the token in `credential` of source `sano-orion` is in the environment variable NO_TOKEN, which is not set",
            "= help: set NO_TOKEN before the start",
        ],
    );
}

#[test]
fn a_credential_is_one_and_leads_somewhere_safe() {
    let credential = |text: &str| after("\"ngsi-v2\"", &format!("\"ngsi-v2\"\ncredential = {text}"));
    let one_of = "error: `credential` of source `sano-orion` must be exactly one of `header` with `value`, `query` with \
                  `value`, `bearer`, `basic`, `oauth2` and `pass_through`; `client_certificate` may stand alone or \
                  beside it";
    let example = "= help: { header = \"x-api-key\", value = { env = \"NAME\" } }";
    for text in ["{}", "{ pass_through = true, header = \"x\" }"] {
        assert_said(&credential(text), &[one_of, example]);
    }
    assert_said(
        &credential("{ query = \"key\" }"),
        &[
            "error: `credential` of source `sano-orion` has no `value`",
            "= help: add `value = { env = \"NAME\" }`",
        ],
    );
    assert_said(
        &credential("{ oauth2 = { token_url = \"http://id.example.jp/t\", client_secret = \"sekrit\" } }"),
        &[
            "error: `oauth2` of `credential` of source `sano-orion` has no `client_id`",
            "= help: add `client_id = \"kakehashi\"`",
            "error: `token_url` in `oauth2` of `credential` of source `sano-orion`: must begin with https://: whoever is on \
             the way would have the secret",
            "error: the secret in `oauth2` of `credential` of source `sano-orion` is a secret and must not stand in this file",
            r#"= help: write `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`"#,
        ],
    );
    let open = BASE.replace("http://127.0.0.1:1026", "http://orion.example.jp");
    assert_said(
        &Revision::new(&open.replace("\"ngsi-v2\"", "\"ngsi-v2\"\ncredential = { pass_through = true }")).findings(),
        &[
            "error: source `sano-orion` would be shown consumers' tokens in plain text",
            "= help: begin the endpoint with https://",
        ],
    );
    assert_said(
        &after("\"ngsi-v2\"", "\"ngsi-v2\"\nca = \"missing.pem\""),
        &[
            "error: the file of authorities missing.pem cannot be read: there is no such file",
            "= help: its path is taken from the folder of tenants.toml; see whether it is spelt so, and may be read",
        ],
    );
    let revision = Revision::new(&BASE.replace("\"ngsi-v2\"", "\"ngsi-v2\"\nca = \"ca.pem\""));
    revision.write("ca.pem", "nothing");
    assert_said(
        &revision.findings(),
        &[
            "error: `ca` in source `sano-orion`, ca.pem: it holds no certificate",
            "= help: a PEM file is wanted, with `-----BEGIN CERTIFICATE-----`, the server's own first, then its chain",
        ],
    );
}

#[test]
fn two_sources_of_one_endpoint_are_a_warning() {
    let second = "[[tenants.sano.sources]]\nid = \"again\"\nadapter = \"ngsi-v2\"\n\
                  endpoint = \"http://127.0.0.1:1026\"\nprovides = [{ type = \"AED\" }]";
    assert_said(
        &after("[consumers.app]", &format!("{second}\n\n[consumers.app]")),
        &["warning: sources `sano-orion` and `again` ask the same endpoint"],
    );
}

#[test]
fn a_role_that_no_policy_names_is_a_warning() {
    assert_said(
        &after("[\"reader\"]", "[\"reader\", \"raeder\"]"),
        &[
            "warning: no policy speaks of the role `raeder` of consumer `app`",
            "= help: did you mean `reader`?",
        ],
    );
    assert_said(
        &after("roles = [\"reader\"]\n", ""),
        &[
            "warning: no consumer has the role `reader`",
            "warning: consumer `app` has no role, and no policy names it: it sees nothing",
            "= help: known: `reader`",
        ],
    );
}

#[test]
fn wrong_variables_of_the_environment_are_named() {
    assert_said(
        &Revision::new(BASE).findings_in(&environment(&[
            ("KAKEHASHI__GATEWAY__LISTEN", "nonsense"),
            ("KAKEHASHI__GATEWAY__LIMTS__BODY", "1MiB"),
            ("KAKEHASHI__TENANTS__X", "1"),
        ])),
        &[
            "error: environment variable KAKEHASHI__TENANTS__X: only keys of [gateway] can be overridden by environment",
            "= help: known: `gateway`",
            r#"error: environment variable KAKEHASHI__GATEWAY__LISTEN: `listen` in [gateway]: "nonsense" is no address to listen on: write an IP address and a port, such as "127.0.0.1:8080""#,
            "error: environment variable KAKEHASHI__GATEWAY__LIMTS__BODY: unknown key `limts` in [gateway]",
            "= help: did you mean `limits`?",
        ],
    );
}

#[test]
fn what_is_no_configuration_is_told() {
    assert_said(
        &after("code = \"090000\"", "code = \"090000"),
        &[r#"error: not TOML: invalid basic string, expected `"`"#],
    );
    assert_said(
        &after("code = \"090000\"", "password = \"hunter2"),
        &[r#"error: not TOML: invalid basic string, expected `"`"#],
    );
    assert_said(
        &Revision::new("").findings(),
        &[
            "error: policies/sano.cedar is the policy file of no tenant",
            "= help: if the tenant is gone, move the file away; if it is new, begin `[tenants.sano]`",
            "error: policies/tochigi.cedar is the policy file of no tenant",
            "= help: if the tenant is gone, move the file away; if it is new, begin `[tenants.tochigi]`",
            "error: there is no tenant",
            "= help: begin with `[tenants.<id>]`, the organisation that runs the platform",
        ],
    );
}
