use ngsi_ld::context::Context;

use super::*;

fn table(header: &[&str], rows: &[&[&str]]) -> Sample {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    Sample::of_table(&header, rows.iter().map(|row| row.to_vec()))
}

#[test]
fn the_columns_are_of_attributes_that_the_view_has() {
    let text = include_str!("columns.toml");
    let standards: Standards = toml::from_str(text).unwrap();
    let context = Context::kakehashi();
    let mut missing = Vec::new();
    for (name, dataset) in standards.datasets() {
        let attributes = standards
            .attributes(dataset)
            .into_iter()
            .map(|(attribute, _)| attribute);
        // These make `location`.
        let named = attributes.filter(|attribute| !matches!(*attribute, "latitude" | "longitude"));
        for term in std::iter::once(name).chain(named) {
            let is_known = context
                .expand_written(term)
                .is_ok_and(|iri| !iri.as_str().contains("default-context"));
            if !is_known {
                missing.push(format!("{name}: {term}"));
            }
        }
        for part in &dataset.parts {
            assert!(standards.parts.contains_key(part), "{name} names the part {part}");
        }
        for (attribute, columns) in standards.attributes(dataset) {
            if let Some(table) = &columns.table {
                assert!(
                    standards.tables.contains_key(table),
                    "{attribute} names the table {table}"
                );
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn each_official_table_is_recognised_by_its_header() {
    for (header, expected) in [
        (
            "都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,名称,名称_カナ,住所,方書,緯度,経度,設置位置,電話番号,内線番号,法人番号,団体名,利用可能曜日,開始時間,終了時間,利用可能日時特記事項,小児対応設備の有無,URL,備考",
            "AED",
        ),
        (
            "NO,名称,名称_カナ,住所,方書,緯度,経度,標高,電話番号,内線番号,市区町村コード,都道府県名,市区町村名,災害種別_洪水,災害種別_地震,指定避難所との重複,想定収容人数,URL,備考",
            "EvacuationSite",
        ),
        (
            "NO,共通ID,施設・場所名,住所,洪水,崖崩れ、土石流及び地滑り,高潮,地震,津波,大規模な火事,内水氾濫,火山現象,指定避難所との住所同一,緯度,経度,備考",
            "EvacuationSite",
        ),
        (
            "NO,共通ID,施設・場所名,住所,指定緊急避難場所との住所同一,その他市町村長が必要と認める事項,受入対象者,緯度,経度,備考",
            "DesignatedShelter",
        ),
        (
            "全国地方公共団体コード,ID,地方公共団体名,種別,所在地_全国地方公共団体コード,町字ID,所在地_連結表記,緯度,経度,口径,備考",
            "FireWaterSource",
        ),
        (
            "都道府県コ―ド又は市区町村コ―ド,NO,都道府県名,市区町村名,名称,名称_カナ,種別,住所,収容定員,受入年齢,一時預かりの有無",
            "ChildcareFacility",
        ),
        (
            "ID,市区町村コード,地方公共団体名,指定暑熱避難施設の名称,所在地,緯度,経度,日曜開放開始時刻,指定日,公共施設　",
            "CoolingShelter",
        ),
        (
            "全国地方公共団体コード,ID,名称,男性トイレ総数,女性トイレ総数,オストメイト設置トイレ有無",
            "PublicToilet",
        ),
        (
            "#property,latitude,longitude,name,address,installationPosition,telephoneNumber,equipmentForChildren",
            "AED",
        ),
        (
            "№,対象,開催日,開始時間,終了時間,行事名,場所名称,緯度,経度,説明,料金,定員,申込期間,URL",
            "Event",
        ),
    ] {
        let sample = table(&header.split(',').collect::<Vec<_>>(), &[]);
        assert_eq!(
            propose(&sample, "x.csv", None).map(|one| one.entity_type),
            Ok(expected.to_owned()),
            "{header}"
        );
    }
    let strange = table(&["a", "b"], &[]);
    assert!(
        propose(&strange, "x.csv", None)
            .unwrap_err()
            .message
            .contains("say with --type")
    );
    assert!(
        propose(&strange, "x.csv", Some("AEd"))
            .unwrap_err()
            .message
            .contains("AED (AED設置場所)")
    );
}

#[test]
fn a_proposal_says_what_the_file_says_asks_what_it_does_not_and_leaves_persons_out() {
    let sample = table(
        &[
            "市区町村コード",
            "NO",
            "名称",
            "緯度",
            "経度",
            "設置位置",
            "小児対応設備の有無",
            "施設管理者氏名",
            "色",
        ],
        &[
            &[
                "092045",
                "1",
                "市役所",
                "36.3",
                "139.5",
                "1階 \"受付\"",
                "有",
                "山田太郎",
                "赤",
            ],
            &[
                "092045",
                "2",
                "公民館",
                "36.4",
                "139.6",
                "2階",
                "要相談",
                "佐藤花子",
                "青",
            ],
        ],
    );
    let proposal = propose(&sample, "aed.csv", None).unwrap();
    let text = proposal.text.as_str();
    for line in [
        "format = \"table\"",
        "id = \"urn:ngsi-ld:AED:{code}:{NO}\"",
        "code = { field = \"市区町村コード\", as = \"municipality-code\" }",
        "location = { latitude = \"緯度\", longitude = \"経度\", bounds = [122, 20, 154, 46] }",
        "values = { \"有\" = \"あり\" }",
        "# ? What do these mean: \"要相談\"? And an empty cell?",
        "pediatricSupport = { field = \"小児対応設備の有無\", table = \"presence\" }",
        "#   施設管理者氏名",
        "#   ATTRIBUTE = \"色\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("= \"施設管理者氏名\""), "{text}");
    for value in ["山田太郎", "赤", "受付", "市役所"] {
        assert!(!text.contains(value), "{value} is in\n{text}");
    }
    assert_eq!(
        proposal.questions,
        text.lines().filter(|line| line.starts_with("# ?")).count()
    );
    assert!(toml::from_str::<toml::Table>(text).is_ok(), "{text}");
}

#[test]
fn records_of_json_are_found_with_their_members() {
    let json = serde_json::json!({ "meta": { "total": 2 }, "data": { "items-1": [
        { "NO": 1, "名称": "x", "jusho": { "shi": "佐野市" }, "設置位置": "" },
        { "NO": 2, "名称": "y", "設置位置": null },
    ] } });
    let sample = Sample::of_json(&json).unwrap();
    assert_eq!(
        sample.shape,
        SampleShape::Json {
            records: "$.data['items-1'][*]".to_owned()
        }
    );
    let names: Vec<(&str, usize)> = sample
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.values.len()))
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for found in [("NO", 2), ("名称", 2), ("$.jusho.shi", 1), ("設置位置", 0)] {
        assert!(names.contains(&found), "{names:?}");
    }
    assert_eq!(Sample::of_json(&serde_json::json!({ "a": [1, 2] })), Err(NotRecords));
    let collection = serde_json::json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "geometry": null, "properties": { "共通ID": "E09", "洪水": "1" } },
    ] });
    let proposal = propose(&Sample::of_json(&collection).unwrap(), "x.geojson", None).unwrap();
    assert!(
        proposal.text.contains("id = \"urn:ngsi-ld:EvacuationSite:{共通ID}\""),
        "{}",
        proposal.text
    );
    assert!(
        proposal.text.contains("location = { geometry = true"),
        "{}",
        proposal.text
    );
}
