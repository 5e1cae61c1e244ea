//! The first day of an official who is no programmer. The steps of the guide are pasted in `guide_for_administrators`; here are
//! the mistakes that are made on such a day, and for each that the message says what is wrong, where, and what to do.

use serde_json::json;

use super::harness::{Files, Finished, Platform, READER, kakehashi, keys, section};
use super::subscriptions::{SUBSCRIPTIONS, to_aeds};

/// A permit for whoever reads, with an annotation.
fn annotated(annotation: &str) -> String {
    format!(
        "{annotation}\npermit (\n  principal in Role::\"reader\",\n  action in Action::\"read\",\n  \
         resource == EntityType::\"yaita/AED\"\n);"
    )
}

/// A mistake in a file, made in the committed configuration.
struct Mistake {
    file: &'static str,
    /// What is replaced, once; nothing is replaced by what stands at the end of the file then.
    right: &'static str,
    wrong: String,
    /// What the message says: what is wrong, where it stands, and what to do.
    says: &'static [&'static str],
    /// The same in Japanese.
    says_in_japanese: &'static [&'static str],
    refused: bool,
}

fn mistakes() -> Vec<Mistake> {
    let mistake = |file, right, wrong: &str, says, says_in_japanese, refused| Mistake {
        file,
        right,
        wrong: wrong.to_owned(),
        says,
        says_in_japanese,
        refused,
    };
    let tenants = "tenants.toml";
    vec![
        mistake(
            tenants,
            "code = \"092118\"",
            "code = \"092045\"",
            &[
                "`sano`",
                "`yaita`",
                "092045",
                "tenants.toml:88:8",
                "line 42 of tenants.toml",
                "correct one of the two lines",
            ],
            &[
                "`sano`",
                "`yaita`",
                "コード 092045 が同じです",
                "tenants.toml:88:8",
                "42 行目",
                "訂正するか",
            ],
            true,
        ),
        mistake(
            tenants,
            "endpoint = \"http://127.0.0.1:9101\"",
            "endpiont = \"http://127.0.0.1:9101\"",
            &[
                "unknown key `endpiont`",
                "tenants.toml:48:1",
                "did you mean `endpoint`?",
            ],
            &[
                "不明な項目 `endpiont`",
                "tenants.toml:48:1",
                "`endpoint` の誤りではありませんか",
            ],
            true,
        ),
        mistake(
            tenants,
            "code = \"092118\"",
            "code = \"092117\"",
            &[
                "the check digit",
                "\"092117\"",
                "tenants.toml:88:8",
                "write \"092118\" if",
            ],
            &[
                "検査数字が合いません",
                "tenants.toml:88:8",
                "総務省の一覧で",
                "\"092118\" と記述してください",
            ],
            true,
        ),
        mistake(
            tenants,
            "[tenants.yaita]\nname = \"矢板市\"\ncode = \"092118\"",
            "",
            &[
                "unknown tenant `yaita`",
                "tenants.toml:25:26",
                "policies/yaita.cedar",
                "known: `tochigi`",
                "take its name out here too",
                "move the file away",
            ],
            &[
                "不明な参加団体 `yaita`",
                "tenants.toml:25:26",
                "ここからも名前を除いてください",
                "`[tenants.yaita]` から始めてください",
            ],
            true,
        ),
        mistake(
            tenants,
            "expires = 2027-03-31",
            "expires = 2020-03-31",
            &[
                "the key `2026` of consumer `bousai-map` expired",
                "tenants.toml:98",
                "kakehashi key new",
            ],
            &[
                "キー `2026` の有効期限が 2020-03-31 に切れています",
                "tenants.toml:98",
                "`kakehashi key new` を実行してください",
            ],
            false,
        ),
        mistake(
            "policies/yaita.cedar",
            "",
            "permit (\n  principal in Role::\"reader\"\n  action in Action::\"read\",\n  resource == EntityType::\"yaita/AED\"\n);",
            &[
                "unexpected token `action`",
                "policies/yaita.cedar:30:3",
                "there is no comma before it",
            ],
            &[
                "Cedar の提供ルールとして読み取れません",
                "policies/yaita.cedar:30:3",
                "この前にコンマがありません",
            ],
            true,
        ),
        mistake(
            "policies/yaita.cedar",
            "",
            &annotated("@attributes(\"nmae,location\")"),
            &[
                "@attributes names `nmae`",
                "policies/yaita.cedar:",
                "did you mean `name`?",
            ],
            &[
                "@attributes に `nmae` がありますが",
                "policies/yaita.cedar:28:1",
                "`name` の誤りではありませんか",
            ],
            false,
        ),
        mistake(
            "policies/yaita.cedar",
            "",
            &annotated("@attributes(\"name,batteryLevel\")"),
            &[
                "`batteryLevel`, which no source is known to have and nobody has classified",
                "policies/yaita.cedar:28:1",
                "say in classification.toml what it is",
            ],
            &[
                "`batteryLevel` がありますが",
                "policies/yaita.cedar:28:1",
                "classification.toml に区分を設定してください",
            ],
            false,
        ),
        mistake(
            "policies/yaita.cedar",
            "",
            &annotated(
                "@area(\"{\\\"type\\\": \\\"Polygon\\\", \\\"coordinates\\\": [[[36.7,139.8],[36.7,139.9],[36.9,139.9],[36.7,139.8]]]}\")",
            ),
            &[
                "@area",
                "longitude first: are they swapped?",
                "policies/yaita.cedar:28:1",
            ],
            &[
                "@area",
                "経度が先です。逆になっていませんか",
                "policies/yaita.cedar:28:1",
            ],
            true,
        ),
        mistake(
            "policies/yaita.cedar",
            "",
            &annotated("@area(\"areas/yaita.geojson\")"),
            &[
                "areas/yaita.geojson cannot be read",
                "policies/yaita.cedar:",
                "relative to policies/",
            ],
            &[
                "areas/yaita.geojson を読み取れません",
                "policies/yaita.cedar:28:1",
                "policies/ からの相対パスです",
            ],
            true,
        ),
        mistake(
            "policies/yaita.cedar",
            "resource == EntityType::\"yaita/EvacuationSite\"",
            "resource == EntityType::\"yaitaa/EvacuationSite\"",
            &[
                "unknown tenant `yaitaa`",
                "policies/yaita.cedar:23",
                "did you mean `yaita`?",
            ],
            &[
                "不明な参加団体 `yaitaa`",
                "policies/yaita.cedar:23",
                "`yaita` の誤りではありませんか",
            ],
            true,
        ),
        mistake(
            "policies/yaita.cedar",
            "Role::\"limited\"",
            "Role::\"limted\"",
            &[
                "no consumer has the role `limted`",
                "policies/yaita.cedar:23",
                "did you mean `limited`?",
            ],
            &[
                "役割 `limted` を持つデータ利用者がいません",
                "policies/yaita.cedar:23",
                "`limited` の誤りではありませんか",
            ],
            false,
        ),
        mistake(
            "policies/platform.cedar",
            "",
            "permit (principal, action, resource);",
            &[
                "platform.cedar, the operator's file, permits access",
                "policies/platform.cedar:11",
                "may only forbid",
            ],
            &[
                "platform.cedar",
                "policies/platform.cedar:11",
                "platform.cedar にできるのは禁止だけです",
            ],
            true,
        ),
    ]
}

#[tokio::test]
async fn each_mistake_in_a_file_is_told_with_what_where_and_what_to_do() {
    for mistake in mistakes() {
        let files = Files::committed();
        let before = files.read(mistake.file);
        let after = if mistake.right.is_empty() {
            format!("{before}{}\n", mistake.wrong)
        } else {
            assert!(
                before.contains(mistake.right),
                "{} has no `{}`",
                mistake.file,
                mistake.right
            );
            before.replacen(mistake.right, &mistake.wrong, 1)
        };
        files.write(mistake.file, after);
        let checked = Finished::of(files.folder(), &["check"]);
        assert_eq!(
            checked.code,
            Some(i32::from(mistake.refused)),
            "{}: {checked:?}",
            mistake.wrong
        );
        let in_japanese = Finished::of_command(
            kakehashi(files.folder()).arg("check").env("LC_ALL", "ja_JP.UTF-8"),
            files.folder(),
        );
        assert_eq!(in_japanese.code, checked.code, "{}", mistake.wrong);
        for (said, parts) in [(&checked, mistake.says), (&in_japanese, mistake.says_in_japanese)] {
            for part in parts {
                assert!(
                    said.stderr.contains(part),
                    "{}: `{part}` is not said: {}",
                    mistake.wrong,
                    said.stderr
                );
            }
        }
    }
}

#[tokio::test]
async fn a_misspelt_field_of_a_mapping_is_told_by_its_line_and_the_nearest() {
    let files = Files::committed();
    let mapping = files
        .read("mappings/sano.toml")
        .replacen("name = \"namae\"", "name = \"nmae\"", 1);
    files.write("mappings/sano.toml", mapping);
    let record = json!({ "kyotsu_id": "E1", "namae": "a", "jusho": "b", "ido": "36.3", "keido": "139.5", "koshin": "2026-01-01 00:00:00" });
    files.write(
        "sample.json",
        json!({ "items": [record], "meta": { "total": 1, "pages": 1 } }).to_string(),
    );
    let tried = Finished::of(files.folder(), &["mapping", "try", "mappings/sano.toml", "sample.json"]);
    for part in [
        "mappings/sano.toml:32",
        "`nmae`",
        "none of 1 record",
        "did you mean `namae`?",
    ] {
        assert!(tried.stderr.contains(part), "`{part}` is not said: {tried:?}");
    }
}

#[tokio::test]
async fn swapped_coordinates_in_a_file_of_entities_are_refused_and_nothing_is_loaded() {
    let files = Files::committed();
    let aed = json!([{ "id": "urn:ngsi-ld:AED:swapped", "type": "AED",
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [36.8, 139.9] } } }]);
    files.write("swapped.jsonld", aed.to_string());
    let loaded = Finished::of(
        files.folder(),
        &["store", "load", "--tenant", "yaita", "swapped.jsonld"],
    );
    assert_eq!(loaded.code, Some(1), "{loaded:?}");
    for part in ["swapped.jsonld", "location", "longitude", "latitude"] {
        assert!(loaded.stderr.contains(part), "`{part}` is not said: {loaded:?}");
    }
}

#[tokio::test]
async fn who_comes_with_a_key_of_yesterday_is_refused_and_the_list_of_keys_says_why() {
    let builder = Platform::builder().await.tenants(|table| {
        let reader = section(section(table, "consumers"), READER);
        let mut expired = keys(&super::harness::key_of(READER)).as_array().unwrap().clone();
        let yesterday: toml::Table = "expires = 2020-03-31".parse().unwrap();
        expired[0].as_table_mut().unwrap().extend(yesterday);
        reader.insert("keys".into(), expired.into());
    });
    let platform = builder.start().await;
    let answer = platform.entities("type=AED").await;
    assert_eq!(answer.status, 401, "{answer}");
    let listed = Finished::well(platform.files().folder(), &["key", "list", READER]).stdout;
    assert!(listed.contains("2020-03-31  expired"), "{listed}");
}

#[tokio::test]
async fn a_receiver_that_may_not_be_reached_is_told_when_it_is_named() {
    let subscribe =
        "permit (principal in Role::\"reader\", action in Action::\"subscribe\", resource in Tenant::\"yaita\");";
    let platform = Platform::builder().await.policy("yaita.cedar", subscribe).start().await;
    let subscription = to_aeds("http://127.0.0.1:9/told", &json!({ "localOnly": true }));
    let answer = platform.post(SUBSCRIPTIONS).json(&subscription).await;
    assert_eq!(answer.status, 400, "{answer}");
    let detail = answer.problem().detail;
    for part in ["`notification.endpoint.uri`", "public", "`egress_allow` of [gateway]"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}
