//! Names and numbers of persons in another vocabulary, spelling or manner do not leave a source whose owner has declared
//! that it holds no personal data. All manners are generated beside the rules (`policy::tests::every_spelling`,
//! `policy::inspection::every_way`); here some go all the way through.

use serde_json::{Map, Value, json};
use stand_ins::nasushiobara::SERVICE;

use super::harness::{ORION, Platform, change_source};

const SITE: &str = "urn:ngsi-ld:EvacuationSite:E0921300099301";
const AED: &str = "urn:ngsi-ld:AED:spelled";

/// Names of a person's name that Orion takes, of which none is in any list as it stands here.
const NAMES: [&str; 18] = [
    "ns:managerName",
    "ns%3AmanagerName",
    "manager_name",
    "MANAGER-NAME",
    "facility.managerName",
    "managerName_2",
    "managerName@ja",
    "x_managerName",
    "1managerName",
    "01_managerName",
    "m.a.n.a.g.e.r.N.a.m.e",
    "_x006D_anagerName",
    "shelterManagerName",
    "managerNames",
    "MANAGER_NAMES",
    "managerNameKana",
    "managerNameIV",
    "cellPhone",
];

/// Those that are names in NGSI-LD.
const TERMS: [&str; 18] = [
    "ns:managerName",
    "https://x/managerName",
    "https://x/y#managerName",
    "https://x/managerName/",
    "manager%E2%80%8BName",
    "ｍａｎａｇｅｒＮａｍｅ",
    "ic:氏名",
    "https://x/managerName/v1",
    "https://x/managerName/value",
    "x_managerName",
    "managerNameⅡ",
    "ᴍᴀɴᴀɢᴇʀ_ɴᴀᴍᴇ",
    "管理者の氏名",
    "姓名",
    "誕生日",
    "性別コード",
    "鍵の管理者",
    "LINEユーザID",
];

const NUMBERS: [&str; 31] = [
    "080/1234/5678",
    "81-80-1234-5678",
    "98 3205 6013 70",
    "９８ー３２０５ー６０１３ー７０",
    "080\u{3164}1234\u{336}5678",
    "〇八〇の一二三四の五六七八",
    "taro @ example.com",
    "taro%2540example.com",
    "九八三二〇五六七三二一四",
    "○八○一二三四五六七八",
    "零捌零壱弐参肆伍陸漆捌",
    "0八0-1234-5678",
    "٠٨٠١٢٣٤٥٦٧٨",
    "taro@例え.みんな",
    "taro@example。com",
    "架空山@example.com",
    "taro&#64example.com",
    "taro\\u0040example.com",
    "taro％40example.com",
    "186-090-1234-5678",
    "18409012345678",
    "00181-90-1234-5678",
    "⓿❽⓿❶❷❸❹❺❻❼❽",
    "0Ⅷ0-ⅠⅡⅢⅣ-ⅤⅥⅦⅧ",
    "공팔공일이삼사오육칠팔",
    "080<b>-1234-</b>5678",
    "taro @example.com",
    "taro=40example.com",
    "taro[at]example.com",
    "taro@example[.]com",
    "taro(at)example dot com",
];

/// Whether Orion takes a text: what it could be attacked with, it refuses.
fn is_taken(text: &str) -> bool {
    !text.contains(['<', '>', '"', '\'', '=', ';', '(', ')'])
}

/// An entity of Orion's with an attribute for each.
fn site() -> Value {
    let mut site = Map::from_iter([
        ("id".to_owned(), json!("E0921300099301")),
        ("type".to_owned(), json!("EvacuationSite")),
        ("name".to_owned(), json!({"type": "Text", "value": "新しい場所"})),
        ("unjudgedNote".to_owned(), json!({"type": "Text", "value": "unjudged"})),
    ]);
    let text = |value: String| json!({"type": "Text", "value": value});
    for (place, name) in NAMES.iter().enumerate() {
        site.insert((*name).to_owned(), text(format!("架空山{place}")));
    }
    for (place, number) in NUMBERS.iter().enumerate().filter(|(_, number)| is_taken(number)) {
        site.insert(format!("note{place}"), text((*number).to_owned()));
    }
    Value::Object(site)
}

/// The same in the store.
fn aed() -> Value {
    let text = |value: String| json!({"type": "Property", "value": value});
    let mut aed = Map::from_iter([
        ("id".to_owned(), json!(AED)),
        ("type".to_owned(), json!("AED")),
        ("name".to_owned(), text("新しい場所".to_owned())),
        ("unjudgedNote".to_owned(), text("unjudged".to_owned())),
    ]);
    for (place, name) in TERMS.iter().enumerate() {
        aed.insert((*name).to_owned(), text(format!("架空山{place}")));
    }
    for (place, number) in NUMBERS.iter().enumerate() {
        aed.insert(format!("note{place}"), text((*number).to_owned()));
    }
    Value::Object(aed)
}

#[tokio::test]
async fn neither_leaves_a_source_that_is_said_to_hold_none() {
    let builder = Platform::builder().await.tenants(|table| {
        for source in [ORION, "tochigi-store"] {
            change_source(table, source, |source| {
                source.insert("personal_data".into(), "none".into());
            });
        }
    });
    let platform = builder.store("yaita", json!([aed()]).to_string()).start().await;
    let sites = json!([site()]).to_string();
    platform.demo().orion().load(SERVICE, "/disaster", &sites).unwrap();
    for id in [SITE, AED] {
        for query in ["", "?options=keyValues", "?options=sysAttrs"] {
            let answer = platform.entity(&format!("{id}{query}")).await.ok();
            let text = String::from_utf8(answer.body.to_vec()).unwrap();
            assert!(text.contains("新しい場所") && text.contains("unjudged"), "{text}");
            assert!(!text.contains("架空山"), "{query}: {text}");
            let is_there = |number: &str| id == AED || is_taken(number);
            for (place, number) in NUMBERS.iter().enumerate().filter(|(_, number)| is_there(number)) {
                let shown = &answer.json()[format!("note{place}")];
                let value = if query == "?options=keyValues" {
                    shown
                } else {
                    &shown["value"]
                };
                assert_eq!(value, "***", "{query}: {number}");
            }
        }
    }
    for name in [
        "ns%3AmanagerName",
        "manager%25E2%2580%258BName",
        "https%3A%2F%2Fx%2FmanagerName",
    ] {
        let answer = platform
            .entities(format!("type=AED,EvacuationSite&q={name}&count=true"))
            .await;
        assert!(answer.status == 400 || answer.count() == 0, "{name}: {answer}");
    }
}
