//! Persons who do not exist. Every value is unique, so that a scan which finds one has found a leak.

use serde_json::{Map, Value, json};

use crate::invented::{my_number, name};

/// A shelter's manager: personal data inside an otherwise open entity.
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) mobile_phone: String,
}

/// As many as Nasushiobara has shelters.
const MANAGERS: usize = 68;

const FAMILY_NAMES: [&str; 7] = ["架空山", "架空川", "架空野", "架空崎", "架空橋", "架空沢", "架空池"];
/// The manager of the shelter in this row.
pub(super) fn manager(row: usize) -> Manager {
    Manager {
        name: name(&FAMILY_NAMES, row),
        // 0000 is given to nobody.
        mobile_phone: format!("090-0000-{:04}", 6100 + row),
    }
}

/// The residents as NGSI-v2 entities, attributes named as in the official model ユーザ.
pub(super) fn residents() -> Vec<Value> {
    people()
        .map(|(id, person)| entity(&format!("urn:ngsi-ld:Resident:{id}"), "Resident", person))
        .collect()
}

/// The maternal handbooks as NGSI-v2 entities.
pub(super) fn maternal_handbooks() -> Vec<Value> {
    handbooks()
        .map(|(id, handbook)| {
            entity(
                &format!("urn:ngsi-ld:MaternalHandbook:{id}"),
                "MaternalHandbook",
                handbook,
            )
        })
        .collect()
}

/// A resident's record as the personal-data module gives it.
pub(super) fn record(user_id: &str) -> Option<Value> {
    people()
        .find(|(id, _)| id == user_id)
        .map(|(id, person)| json!({ "userId": id, "record": object(person) }))
}

/// All residents' records.
pub(super) fn records() -> Vec<Value> {
    people()
        .map(|(id, person)| json!({ "userId": id, "record": object(person) }))
        .collect()
}

/// Every personal value.
pub(super) fn canaries() -> Vec<String> {
    let of_residents = people().flat_map(|(_, person)| person);
    let of_handbooks = handbooks().flat_map(|(_, handbook)| handbook);
    let of_managers = (0..MANAGERS).map(manager);
    of_residents
        .chain(of_handbooks)
        .map(|(_, value)| value)
        .chain(of_managers.flat_map(|manager| [manager.name, manager.mobile_phone]))
        .collect()
}

type Facts = Vec<(&'static str, String)>;

fn people() -> impl Iterator<Item = (String, Facts)> {
    [
        ("虚構田", "葵一", "キョコウダ", "アオイチ", "1931-02-13"),
        ("虚構原", "菫", "キョコウハラ", "スミレコ", "1944-07-29"),
        ("虚構森", "蓮司郎", "キョコウモリ", "レンジロウ", "1958-12-03"),
        ("虚構谷", "椿姫", "キョコウヤ", "ツバキヒメ", "1967-05-17"),
        ("虚構浜", "楓真", "キョコウハマ", "フウマ", "1979-10-08"),
        ("虚構島", "梓沙", "キョコウジマ", "アズサ", "1986-01-26"),
        ("虚構塚", "樹里亜", "キョコウヅカ", "ジュリア", "1993-08-14"),
        ("虚構坂", "桐哉", "キョコウザカ", "トウヤ", "2009-03-31"),
    ]
    .into_iter()
    .zip(1_u64..)
    .map(|((family, given, family_kana, given_kana, born), number)| {
        let facts = vec![
            ("fullName", format!("{family} {given}")),
            ("fullNameKana", format!("{family_kana} {given_kana}")),
            ("dateOfBirth", born.to_owned()),
            (
                "fullAddress",
                format!("栃木県那須塩原市虚構町{number}丁目{}番{}号", number + 10, number + 20),
            ),
            ("postalCode", format!("999-{:04}", 8100 + number)),
            ("contactPointPhoneNumber", format!("080-0000-{:04}", 7200 + number)),
            (
                "contactPointEmailAddress",
                format!("kyokou{number:02}@resident.invalid"),
            ),
            ("myNumber", my_number(98_320_560_000 + number * 137)),
            ("lineUserId", format!("U{:032x}", 0xdead_beef_0000_0000_u64 + number)),
        ];
        (format!("nsb-{number:04}"), facts)
    })
}

fn handbooks() -> impl Iterator<Item = (String, Facts)> {
    [
        ("仮想宮 さくら子", "仮想宮 ひなた丸", "妊娠糖尿病の疑い・所見甲"),
        ("仮想宮 もみじ子", "仮想宮 こはる丸", "切迫早産の既往・所見乙"),
        ("仮想寺 あやめ子", "仮想寺 みなと丸", "風疹抗体価低値・所見丙"),
        ("仮想寺 すずな子", "仮想寺 いぶき丸", "産後うつ質問票高値・所見丁"),
    ]
    .into_iter()
    .zip(1_u64..)
    .map(|((mother, child, finding), number)| {
        let facts = vec![
            ("fullName", mother.to_owned()),
            ("childName", child.to_owned()),
            ("handbookNumber", format!("母健手帳-仮想-{:04}", 4400 + number)),
            ("medicalFinding", finding.to_owned()),
            ("contactPointPhoneNumber", format!("070-0000-{:04}", 5300 + number)),
        ];
        (format!("nsb-{number:04}"), facts)
    })
}

fn object(facts: Facts) -> Value {
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn entity(id: &str, kind: &str, facts: Facts) -> Value {
    let mut entity = Map::new();
    entity.insert("id".into(), id.into());
    entity.insert("type".into(), kind.into());
    for (name, value) in facts {
        entity.insert(name.into(), json!({ "type": "Text", "value": value }));
    }
    Value::Object(entity)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_canary_is_unique_and_in_no_published_file() {
        let canaries = canaries();
        assert_eq!(canaries.iter().collect::<HashSet<_>>().len(), canaries.len());
        assert_eq!(canaries.len(), 8 * 9 + 4 * 5 + 2 * MANAGERS);
        let published = [
            crate::gsi::NASUSHIOBARA_SITES,
            crate::gsi::NASUSHIOBARA_SHELTERS,
            crate::gsi::SANO_SITES,
            crate::gsi::YAITA_SITES,
            crate::prefecture::YAITA_ENTITIES,
            crate::prefecture::TOCHIGI_ENTITIES,
        ];
        for canary in &canaries {
            assert!(!published.iter().any(|text| text.contains(canary)), "{canary}");
        }
    }
}
